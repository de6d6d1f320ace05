"""Callbacks at exact instants, in order."""

from __future__ import annotations

import asyncio
import statistics

from loadtest.clock import monotonic_ns
from loadtest.testing.delay_line import DelayLine
from loadtest.transport import loop as event_loop
from loadtest.units import NS_PER_MS


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


def test_is_exact_where_the_loops_timers_are_not() -> None:
    """Timers move in steps of 1 ms: only a tenth of them would be late by less than 0.1 ms.

    Neighbours on the machine only ever add to that, so a busy one is given more time to show what the line can do.
    """

    def lower_quartile_ns() -> float:
        fired = event_loop.run(_fire([5 + 2.37 * number for number in range(41)]))
        return statistics.quantiles((late_ns for _, late_ns in fired), n=4)[0]

    assert any(lower_quartile_ns() < 0.1 * NS_PER_MS for _ in range(50))


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
