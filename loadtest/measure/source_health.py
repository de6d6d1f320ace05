"""How a process of the harness, or of the system under test, fared over a run."""

from __future__ import annotations

from typing import Literal

import msgspec

CPU_DECIMALS = 3
"""CPU is recorded in steps of 0.001 % of a core, 10 µs a second: what carries little load needs little."""

Role = Literal["engine", "subscriber", "stand", "master"]


class MemoryGrowth(msgspec.Struct, kw_only=True):
    """How the memory of a process changed in the second half of the steady phase.

    Attributes:
        mb_per_h: Growth in MB (10^6 bytes) per hour; negative when it shrank.
        error_mb_per_h: Half the width of its 95 % interval.
        mean_bytes: Memory in that time.
        judged_s: How long that was.
    """

    mb_per_h: float
    error_mb_per_h: float
    mean_bytes: int
    judged_s: int

    @property
    def flat(self) -> bool:
        """Whether no change lies within the error."""
        return abs(self.mb_per_h) <= self.error_mb_per_h

    def __str__(self) -> str:
        """For people."""
        trend = "flat" if self.flat else "grew" if self.mb_per_h > 0 else "shrank"
        return f"{trend}, {self.mb_per_h:+,.1f} ± {self.error_mb_per_h:,.1f} MB/h"


class SourceHealth(msgspec.Struct, kw_only=True):
    """One process over the run: the worst of each figure, CPU as a mean over the steady phase.

    ``memory_growth`` is known of a steady phase of ten minutes and more.
    ``rss_bytes_first`` is its memory before charge points connected; 0 when nobody has looked.
    """

    source: str
    role: str
    host: str = ""
    reports: int = 0
    final: bool = False
    cpu_percent: float = 0.0
    cpu_percent_max: float = 0.0
    rss_bytes_first: int = 0
    rss_bytes_max: int = 0
    loop_lag_max_us: int = 0
    gc_pauses: int = 0
    gc_pause_max_us: int = 0
    backlog_bytes_max: int = 0
    coalesced_intervals: int = 0
    memory_growth: MemoryGrowth | None = None
