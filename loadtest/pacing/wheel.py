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


class TimerWheel:
    """Callbacks by due time. Knows no clock: time is passed in.

    Args:
        on_sooner: Called when something is due before everything else there is.

    Attributes:
        next_due_ns: The earliest instant something is due; ``None`` when nothing is.
    """

    __slots__ = ("_heap", "_on_sooner", "_slots")

    def __init__(self, on_sooner: Callable[[], None] = lambda: None) -> None:
        self._on_sooner = on_sooner
        # With long intervals most instants have one action, and a list for each would be the larger part of it.
        self._slots: dict[int, Callable[[int], None] | list[Callable[[int], None]]] = {}
        self._heap: list[int] = []

    def at(self, due_ns: int, action: Callable[[int], None]) -> int:
        """Have ``action`` called with its due instant: the first grid instant not before ``due_ns``, returned."""
        beyond_ns = due_ns % TICK_NS
        if beyond_ns:  # what repeats is on the grid already
            due_ns += TICK_NS - beyond_ns
        slot = self._slots.get(due_ns)
        if slot is None:
            self._slots[due_ns] = action
            heapq.heappush(self._heap, due_ns)
            if self._heap[0] == due_ns:
                self._on_sooner()
        elif isinstance(slot, list):
            slot.append(action)
        else:
            self._slots[due_ns] = [slot, action]
        return due_ns

    @property
    def next_due_ns(self) -> int | None:
        """The earliest instant something is due; ``None`` when nothing is."""
        return self._heap[0] if self._heap else None

    def take_due(self, now_ns: int) -> tuple[int, list[Callable[[int], None]]] | None:
        """Remove and return the earliest slot that is due at ``now_ns``: its instant and its actions."""
        heap = self._heap
        if not heap or heap[0] > now_ns:
            return None
        due_ns = heapq.heappop(heap)
        slot = self._slots.pop(due_ns)
        return due_ns, slot if isinstance(slot, list) else [slot]
