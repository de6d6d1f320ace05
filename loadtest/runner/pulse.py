"""Whether a process still does anything, told by its CPU time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_EVERY_S = 1.0


class Pulse:
    """Feels the pulse of a process that is never quite idle, as Locust is, which looks round ten times a second.

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
