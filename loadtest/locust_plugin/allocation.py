"""Numbers for cohorts and subscribers: always the lowest free one, so that a fleet has no gaps."""

from __future__ import annotations

import heapq


class Numbers:
    """Gives out 0, 1, 2… and takes them back."""

    def __init__(self) -> None:
        self._returned: list[int] = []
        self._next = 0

    def take(self) -> int:
        """The lowest number that is free."""
        if self._returned:
            return heapq.heappop(self._returned)
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """The number is free again."""
        heapq.heappush(self._returned, number)

    @property
    def in_use(self) -> int:
        """How many are taken."""
        return self._next - len(self._returned)
