"""Whether a process still does anything, told by its CPU time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_EVERY_S = 1.0


def time_on_cpu_ns(pid: int) -> int:
    """How long a process's main thread has been on a CPU, to the nanosecond: one look round counts.

    Where the system does not tell, the time of day: who cannot be watched is taken for alive.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return monotonic_ns()


class Pulse:
    """Feels the pulse of a process that is never quite idle: Locust looks round every five seconds at least.

    One that is stopped, or waits for a disk that does not answer, uses no CPU at all.

    Args:
        cpu_ns: Tells the CPU time it has used.
        clock: Seconds, monotonic; tests pass a virtual one.
    """

    def __init__(self, cpu_ns: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._cpu_ns = cpu_ns
        self._clock = clock
        self._last_cpu_ns = -1
        self._last_beat_s = self._next_look_s = clock()

    def still_s(self) -> float:
        """For how long it has stood still; to be asked at least once a second."""
        now_s = self._clock()
        if now_s >= self._next_look_s:
            if now_s > self._next_look_s + _LOOK_EVERY_S:  # who asks stood still as well: nothing is known
                self._last_beat_s = now_s
            self._next_look_s = now_s + _LOOK_EVERY_S
            used_ns = self._cpu_ns()
            if used_ns != self._last_cpu_ns:
                self._last_cpu_ns, self._last_beat_s = used_ns, now_s
        return now_s - self._last_beat_s
