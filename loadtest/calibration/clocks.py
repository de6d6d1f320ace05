"""The clock, and how late a process with nothing else to do is woken by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from loadtest.clock import monotonic_ns
from loadtest.measure.calibration_record import ClockFigures, Spread
from loadtest.measure.histogram import Histogram
from loadtest.measure.percentiles import percentiles_us
from loadtest.pacing.pacer import Pacer
from loadtest.units import NS_PER_MS

if TYPE_CHECKING:
    from loadtest.clock import Clock

_READINGS = 50_000
_WAKE_UP_EVERY_NS = 2 * NS_PER_MS


def clock_figures(clock: Clock = monotonic_ns) -> ClockFigures:
    """Read a clock many times in a row."""
    readings = np.fromiter((clock() for _ in range(_READINGS)), dtype=np.int64, count=_READINGS)
    steps = np.diff(readings)
    moved = steps[steps > 0]
    return ClockFigures(step_ns=int(moved.min()) if moved.size else 0, read_ns=int(np.median(steps)))


async def wake_ups(count: int) -> Spread:
    """Have the engines' own timer wake this process ``count`` times, 2 ms apart, with nothing to do."""
    late_us: list[int] = []
    enough = asyncio.Event()
    pacer = Pacer(late_us.append)

    def wake(due_ns: int) -> None:
        if len(late_us) + 1 < count:
            pacer.at(due_ns + _WAKE_UP_EVERY_NS, wake)
        else:
            enough.set()

    pacer.at(monotonic_ns() + _WAKE_UP_EVERY_NS, wake)
    try:
        await enough.wait()
    finally:
        pacer.close()
    histogram = Histogram()
    histogram.record_many(late_us)
    return spread(histogram)


def spread(histogram: Histogram) -> Spread:
    """A distribution in the figures that are kept of it."""
    p50_us, p99_us = percentiles_us(histogram, (50, 99))
    return Spread(count=histogram.total, p50_us=p50_us, p99_us=p99_us, max_us=histogram.max_us)
