"""The schedule of a whole process: one structure for every instant of every charge point.

Instants lie on a grid of 1 ms, and the grid is part of the plan: what is due is due at a grid instant, and is
late from there on. Many charge points share one slot; only slots in use exist.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from loadtest.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_NS = NS_PER_MS
_PAGE_BITS = 26
"""An instant's page is what these lowest bits leave of it: 67 ms."""


class TimerWheel:
    """Callbacks by due time. Knows no clock: time is passed in.

    Only instants of the page that is open are kept in order, those of later pages when theirs opens: with long
    intervals there is an instant for nearly every charge point, and a heap of all of them is never in the cache.

    Args:
        on_sooner: Called when something is due before everything else there is.

    Attributes:
        next_due_ns: The earliest instant something is due; ``None`` when nothing is.
    """

    __slots__ = ("_instants", "_later", "_on_sooner", "_open_page", "_pages", "_slots", "next_due_ns")

    def __init__(self, on_sooner: Callable[[], None] = lambda: None) -> None:
        self._on_sooner = on_sooner
        # With long intervals most instants have one action, and a list for each would be the larger part of it.
        self._slots: dict[int, Callable[[int], None] | list[Callable[[int], None]]] = {}
        self._instants: list[int] = []  # a heap: those of the open page and of earlier ones
        self._open_page = -1
        self._later: dict[int, list[int]] = {}  # by page, as they came
        self._pages: list[int] = []  # a heap: those of the instants that come later
        self.next_due_ns: int | None = None

    def at(self, due_ns: int, action: Callable[[int], None]) -> int:
        """Have ``action`` called with its due instant: the first grid instant not before ``due_ns``, returned."""
        beyond_ns = due_ns % TICK_NS
        if beyond_ns:  # what repeats is on the grid already
            due_ns += TICK_NS - beyond_ns
        slot = self._slots.get(due_ns)
        if slot is None:
            self._slots[due_ns] = action
            self._add(due_ns)
        elif isinstance(slot, list):
            slot.append(action)
        else:
            self._slots[due_ns] = [slot, action]
        return due_ns

    def take_due(self, now_ns: int) -> tuple[int, list[Callable[[int], None]]] | None:
        """Remove and return the earliest slot that is due at ``now_ns``: its instant and its actions."""
        due_ns = self.next_due_ns
        if due_ns is None or due_ns > now_ns:
            return None
        instants = self._instants
        heapq.heappop(instants)
        if not instants:
            self._open_next()
        self.next_due_ns = instants[0] if instants else None
        slot = self._slots.pop(due_ns)
        return due_ns, slot if isinstance(slot, list) else [slot]

    def _add(self, due_ns: int) -> None:
        """An instant that nothing was due at yet."""
        page = due_ns >> _PAGE_BITS
        if not self._instants:  # and nothing later either
            self._open_page = page
        elif page > self._open_page:
            if page not in self._later:
                self._later[page] = []
                heapq.heappush(self._pages, page)
            self._later[page].append(due_ns)
            return
        heapq.heappush(self._instants, due_ns)
        if self._instants[0] == due_ns:
            self.next_due_ns = due_ns
            self._on_sooner()

    def _open_next(self) -> None:
        """Put the next page's instants in order, if there is any."""
        if self._pages:
            self._open_page = heapq.heappop(self._pages)
            self._instants += self._later.pop(self._open_page)
            heapq.heapify(self._instants)
