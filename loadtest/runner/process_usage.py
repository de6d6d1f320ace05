"""CPU and memory of another process, as psutil reads them."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from typing import NamedTuple

import psutil

from loadtest.units import NS_PER_S

_LINUX = platform.system() == "Linux"


class Usage(NamedTuple):
    """What a process has used.

    Attributes:
        cpu_ns: CPU time since it started, user and system.
        rss_bytes: Memory in RAM now; 0 once it has ended.
    """

    cpu_ns: int = 0
    rss_bytes: int = 0


class ProcessUsage:
    """Reads one process; after its end the CPU time stays at the last figure read."""

    def __init__(self, pid: int) -> None:
        self._last = Usage()
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def read(self) -> Usage:
        """What it has used until now."""
        if self._process is None:
            return self._last
        try:
            with self._process.oneshot():
                self._last = Usage(_cpu_ns(self._process), self._process.memory_info().rss)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            self._process = None
            self._last = Usage(self._last.cpu_ns, 0)
        return self._last


def _cpu_ns(process: psutil.Process) -> int:
    """CPU time of all threads of a process; on Linux the scheduler's own, for ``/proc`` counts in steps of 10 ms.

    Raises:
        OSError: It has ended.
    """
    if _LINUX:
        return time.clock_gettime_ns((~process.pid << 3) | 2)  # clock_getcpuclockid(3)
    cpu = process.cpu_times()
    return round((cpu.user + cpu.system) * NS_PER_S)


class ProcessTreeUsage:
    """Reads a process and all it has started, those as well that have ended since they were first seen."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known = {pid: ProcessUsage(pid)}

    def read(self) -> Usage:
        """What they have used until now, all together."""
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for child in psutil.Process(self._pid).children(recursive=True):
                self._known.setdefault(child.pid, ProcessUsage(child.pid))
        return total([usage.read() for usage in self._known.values()])


def total(usages: list[Usage]) -> Usage:
    """The sum over several processes."""
    return Usage(sum(usage.cpu_ns for usage in usages), sum(usage.rss_bytes for usage in usages))


def living_members(process_group: int) -> list[int]:
    """Processes of a group that have not ended (those ended but not yet collected do not count)."""
    members = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == process_group:
                members.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            continue
    return members
