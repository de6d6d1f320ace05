"""Callbacks at exact instants, in order."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import TYPE_CHECKING, cast

from loadtest.calibration import delay_line
from loadtest.calibration.delay_line import DelayLine
from loadtest.clock import monotonic_ns
from loadtest.transport import loop as event_loop
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


async def _fire(delays_ms: list[float]) -> list[tuple[float, int]]:
    """Runs one callback per delay; returns (delay, lateness in ns) in order of firing."""
    line = DelayLine(asyncio.get_running_loop())
    done = asyncio.Event()
    fired: list[tuple[float, int]] = []
    start_ns = monotonic_ns()

    def fire(delay_ms: float, due_ns: int) -> None:
        fired.append((delay_ms, monotonic_ns() - due_ns))
        if len(fired) == len(delays_ms):
            done.set()

    for delay_ms in delays_ms:
        due_ns = start_ns + round(delay_ms * NS_PER_MS)
        line.call_at(due_ns, lambda delay_ms=delay_ms, due_ns=due_ns: fire(delay_ms, due_ns))  # type: ignore[misc]
    await asyncio.wait_for(done.wait(), 5)
    return fired


def test_fires_in_order_of_the_instants_and_never_early() -> None:
    delays_ms = [9.3, 1.5, 4.7, 4.7, 0.0, 12.9, 3.1]
    fired = event_loop.run(_fire(delays_ms))
    assert [delay for delay, _ in fired] == sorted(delays_ms)
    assert all(late_ns >= 0 for _, late_ns in fired)


class CoarseLoop:
    """A loop in virtual time whose timers are up to 2 ms late, and which takes 20 µs for an iteration."""

    ITERATION_NS = 20_000

    def __init__(self) -> None:
        self.now_ns = 123_456_789
        self._calls: list[tuple[int, int, asyncio.Handle]] = []
        self._order = count()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.Handle:
        due_ms = (self.now_ns + round(delay_s * NS_PER_S)) // NS_PER_MS + 2
        return self._call(due_ms * NS_PER_MS, callback)

    def call_soon(self, callback: Callable[[], None]) -> asyncio.Handle:
        return self._call(self.now_ns + self.ITERATION_NS, callback)

    def _call(self, at_ns: int, callback: Callable[[], None]) -> asyncio.Handle:
        handle = asyncio.Handle(callback, (), cast("asyncio.AbstractEventLoop", self))
        heapq.heappush(self._calls, (at_ns, next(self._order), handle))
        return handle

    def get_debug(self) -> bool:
        return False

    def run(self) -> None:
        while self._calls:
            at_ns, _, handle = heapq.heappop(self._calls)
            if not handle.cancelled():
                self.now_ns = max(self.now_ns, at_ns)
                handle._run()


def test_is_exact_where_the_loops_timers_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = CoarseLoop()
    monkeypatch.setattr(delay_line, "monotonic_ns", lambda: loop.now_ns)
    line = DelayLine(cast("asyncio.AbstractEventLoop", loop))
    late_ns: list[int] = []
    for number in range(41):
        due_ns = loop.now_ns + round((0.3 + 2.37 * number) * NS_PER_MS)
        line.call_at(due_ns, lambda due_ns=due_ns: late_ns.append(loop.now_ns - due_ns))  # type: ignore[misc]
    loop.run()
    assert len(late_ns) == 41
    assert 0 <= min(late_ns) <= max(late_ns) < 2 * CoarseLoop.ITERATION_NS


def test_forgets_everything_when_cancelled() -> None:
    async def cancelled() -> list[str]:
        fired: list[str] = []
        line = DelayLine(asyncio.get_running_loop())
        line.call_at(monotonic_ns() + NS_PER_MS, lambda: fired.append("first"))
        line.call_at(monotonic_ns() + 5 * NS_PER_MS, lambda: fired.append("second"))
        line.cancel_all()
        await asyncio.sleep(0.02)
        return fired

    assert event_loop.run(cancelled()) == []
