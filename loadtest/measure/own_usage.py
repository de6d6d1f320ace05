"""What the process that keeps the books uses itself, which nobody reports."""

from __future__ import annotations

import time

from loadtest.measure.health import resident_bytes
from loadtest.measure.sources import Usage


class OwnUsage(Usage):
    """CPU and memory of this process, from now on."""

    def __init__(self) -> None:
        super().__init__("master", "master")
        self.health.final = True
        self._read_cpu_ns = time.process_time_ns()

    def look(self, second: int, seconds: int, *, steady: bool) -> None:
        """Book what was used in so many seconds up to the end of ``second``."""
        cpu_ns = time.process_time_ns()
        self.add(second, cpu_ns - self._read_cpu_ns, resident_bytes(), seconds, steady=steady)
        self._read_cpu_ns = cpu_ns

    def stood_still(self, lag_us: int) -> None:
        """It did nothing for so long."""
        self.health.loop_lag_max_us = max(self.health.loop_lag_max_us, lag_us)
