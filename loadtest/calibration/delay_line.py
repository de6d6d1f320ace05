"""Callbacks at exact instants: what a stub with a known delay needs and an event loop's timers cannot give.

Timers of asyncio and of uvloop move in steps of 1 ms and fire after their instant, which is already the 2 % of a
50 ms delay that the instrument's calibration allows. Here a timer only brings the loop close; the rest is polled,
one loop iteration at a time, so that sockets are still served meanwhile.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

POLL_FROM_NS = 2 * NS_PER_MS
"""How long before the instant polling begins: more than a timer may be late."""


class DelayLine:
    """Calls back at given instants, in their order, late by one loop iteration at most while the loop is not blocked.

    Args:
        loop: The loop whose thread calls :meth:`call_at`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._wake: asyncio.Handle | None = None

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` at ``due_ns`` of the monotonic clock; of equal instants the first given comes first."""
        entry = (due_ns, next(self._order), callback)
        heapq.heappush(self._waiting, entry)
        if self._waiting[0] is entry:
            self._schedule()

    def cancel_all(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        if self._wake is not None:
            self._wake.cancel()

    def _schedule(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        ahead_ns = self._waiting[0][0] - monotonic_ns() - POLL_FROM_NS
        if ahead_ns <= 0:
            self._wake = self._loop.call_soon(self._run)
        else:
            self._wake = self._loop.call_later(ahead_ns / NS_PER_S, self._run)

    def _run(self) -> None:
        self._wake = None
        while self._waiting and self._waiting[0][0] <= monotonic_ns():
            heapq.heappop(self._waiting)[2]()
        if self._waiting:
            self._schedule()
