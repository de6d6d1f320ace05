"""The state of a measuring process itself: when the generator was the limit, the figures must say so."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.measure.interval import Health
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.clock import Clock

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory of this process that is in RAM; its peak where the kernel does not tell the present figure."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class HealthMonitor:
    """Watches garbage-collection pauses, event-loop lag, CPU and memory between two reports.

    Listens to the collector from construction to :meth:`close`.

    Args:
        clock: Monotonic nanoseconds; tests pass a virtual one.
        cpu_clock: CPU nanoseconds of this process.
    """

    def __init__(self, clock: Clock = monotonic_ns, cpu_clock: Callable[[], int] = time.process_time_ns) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._cpu_before_ns = cpu_clock()
        self._rss_first_bytes = resident_bytes()
        self._collection_began_ns = 0
        self._pauses = 0
        self._pause_max_ns = 0
        self._lag_max_us = 0
        gc.callbacks.append(self._on_collection)

    def close(self) -> None:
        """Stop listening; harmless when repeated."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def note_loop_lag(self, lag_us: int) -> None:
        """Say how late the owner's periodic tick came; the largest of the interval is kept."""
        self._lag_max_us = max(self._lag_max_us, lag_us)

    def take_interval(self, *, backlog_bytes: int = 0, coalesced_intervals: int = 0) -> Health:
        """The interval's figures; starts the next.

        Args:
            backlog_bytes: What the reporting channel has not taken yet.
            coalesced_intervals: Intervals since the last report that had to be folded into this one.
        """
        cpu_ns = self._cpu_clock()
        health = Health(
            cpu_ns=cpu_ns - self._cpu_before_ns,
            rss_bytes=resident_bytes(),
            rss_bytes_first=self._rss_first_bytes,
            loop_lag_max_us=self._lag_max_us,
            gc_pauses=self._pauses,
            gc_pause_max_us=self._pause_max_ns // NS_PER_US,
            backlog_bytes=backlog_bytes,
            coalesced_intervals=coalesced_intervals,
        )
        self._cpu_before_ns = cpu_ns
        self._pauses = self._pause_max_ns = self._lag_max_us = 0
        return health

    def _on_collection(self, moment: str, _info: dict[str, int]) -> None:
        if moment == "start":
            self._collection_began_ns = self._clock()
        elif self._collection_began_ns:
            self._pauses += 1
            self._pause_max_ns = max(self._pause_max_ns, self._clock() - self._collection_began_ns)
            self._collection_began_ns = 0
