"""The memory of one process over the steady phase, and whether it grows.

A process that has come to rest keeps its memory; one that leaks takes more, at much the same pace all the time. So the
first half of the steady phase is left out as warm-up, the second is cut into tenths, and the steps from the mean of one
tenth to that of the next are what is judged: their mean is the growth, their spread its error. A single step, as an
allocator makes, is thereby no trend. What is left when memory swings to and fro is spread, not growth.
"""

from __future__ import annotations

import math
from array import array
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from loadtest.measure.source_health import MemoryGrowth

if TYPE_CHECKING:
    from collections.abc import Sequence

TENTHS = 10
SHORTEST_S = 600
"""A steady phase shorter than this tells nothing: half of it is warm-up."""

_T_95 = 2.306
"""Student's t for 95 %, two-sided, with 8 degrees of freedom: ten tenths are nine steps."""
_NEIGHBOURS = math.sqrt(1.5)
"""Steps between means of a random walk go with their neighbours, by 1/4: their mean is less sure by as much."""
_S_PER_H = 3600
_MB = 1e6


class MemoryTrack:
    """Memory of one process second by second: 8 bytes for each second."""

    def __init__(self) -> None:
        self._seconds = array("i")
        self._kib = array("I")

    def add(self, second: int, rss_bytes: int) -> None:
        """Memory at the end of a second of the steady phase; seconds count up."""
        self._seconds.append(second)
        self._kib.append(rss_bytes // 1024)

    def growth(self) -> MemoryGrowth | None:
        """Growth in the second half of the steady phase; ``None`` when that is too short, or too little of it known."""
        return growth(self._seconds, [kib * 1024 for kib in self._kib])


def growth(seconds: Sequence[int], rss_bytes: Sequence[int]) -> MemoryGrowth | None:
    """Judge a series.

    Args:
        seconds: When, counting up.
        rss_bytes: How much was in RAM then.

    Returns:
        Growth and the half-width of its 95 % interval; ``None`` for less than :data:`SHORTEST_S`, or when a tenth has
        no figure.
    """
    if not seconds or seconds[-1] - seconds[0] + 1 < SHORTEST_S:
        return None
    begin_s = (seconds[0] + seconds[-1] + 1) / 2
    width_s = (seconds[-1] + 1 - begin_s) / TENTHS
    tenths: list[list[int]] = [[] for _ in range(TENTHS)]
    for second, size in zip(seconds, rss_bytes, strict=True):
        if second >= begin_s:
            tenths[min(int((second - begin_s) / width_s), TENTHS - 1)].append(size)
    if not all(tenths):
        return None
    means = [fmean(tenth) for tenth in tenths]
    steps = [after - before for before, after in pairwise(means)]
    per_h = _S_PER_H / width_s / _MB
    return MemoryGrowth(
        mb_per_h=round(fmean(steps) * per_h, 3),
        error_mb_per_h=round(_T_95 * _NEIGHBOURS * stdev(steps) / math.sqrt(len(steps)) * per_h, 3),
        mean_bytes=round(fmean(means)),
        judged_s=round(width_s * TENTHS),
    )
