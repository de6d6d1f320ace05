"""A process with all its descendants: their memory together, and what everybody else takes of the machine."""

from __future__ import annotations

import contextlib
import resource
import time
from pathlib import Path

import psutil


def memory_bytes(pid: int) -> int:
    """Memory in RAM of a process and its descendants; what several of them share is counted once (``Pss``)."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(OSError):  # it has ended
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                total += next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


class Neighbours:
    """Cores taken by processes that are none of ours, from its making on.

    What is left of all user and system time when that of this process and its descendants is taken off; the latter
    counts once they have ended. Interrupts are left out: they are mostly the loopback interface at work for ours.
    """

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self._before_s = self._others_s()

    def cores(self) -> float:
        """How many, on average; to be asked when the descendants have ended."""
        return max(self._others_s() - self._before_s, 0.0) / (time.monotonic() - self._begun_s)

    @staticmethod
    def _others_s() -> float:
        everybody = psutil.cpu_times()
        ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own_s = sum(usage.ru_utime + usage.ru_stime for usage in ours)
        return everybody.user + everybody.nice + everybody.system + everybody.steal - own_s
