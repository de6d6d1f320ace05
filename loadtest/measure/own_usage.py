"""What the process that keeps the books uses itself, which nobody reports."""

from __future__ import annotations

import time

from loadtest.measure.health import resident_bytes
from loadtest.measure.sources import Usage

_LEAST_S = 0.5
"""Of less time nothing is told by itself."""


class OwnUsage(Usage):
    """CPU and memory of this process, from now on."""

    def __init__(self) -> None:
        super().__init__("master", "master")
        self.health.final = True
        self._read_cpu_ns = time.process_time_ns()
        self._looked_s = 0.0

    def look(self, second: int, now_s: float, *, steady: bool) -> None:
        """Book what was used since the last look, now that ``second`` is complete.

        Seconds may become complete several at once, when one process was behind: what was used is booked once then.
        """
        passed_s = now_s - self._looked_s
        if passed_s < _LEAST_S:
            return
        cpu_ns = time.process_time_ns()
        self.add(second, cpu_ns - self._read_cpu_ns, resident_bytes(), passed_s, steady=steady)
        self._read_cpu_ns, self._looked_s = cpu_ns, now_s

    def stood_still(self, lag_us: int) -> None:
        """It did nothing for so long."""
        self.health.loop_lag_max_us = max(self.health.loop_lag_max_us, lag_us)
