"""CPU time and memory of other processes, as the scheduler and the kernel account for them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def cpu_ns(pid: int) -> int:
    """CPU time of a process since its start, all threads, user and system, in ns.

    It is the scheduler's run time (clock_getcpuclockid(3)), the same the C reference reads of itself. Ticks as in
    ``/proc/<pid>/stat`` are 10 ms each.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def rss_bytes(pid: int) -> int:
    """Memory of a process that is in RAM now."""
    return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
