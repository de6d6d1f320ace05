"""The knee of a curve: from where on more load costs more than its share.

Kneedle (Satopää, Albrecht, Irwin and Raghavan, 2011), for a curve that rises ever faster: both axes are scaled to the
range 0 to 1, and the knee is where the curve lies farthest below its diagonal.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_POINTS = 4
LEAST_DEPTH = 0.2
"""How far below the diagonal it must lie: a line that is nearly straight has no knee."""
LEAST_GROWTH = 2.0
"""How many times higher than the lowest the highest point must be: what does not grow has no knee."""


def knee(curve: Mapping[int, float]) -> int | None:
    """Where the knee is; ``None`` when there is none to be seen.

    Args:
        curve: Latency by load. Where it falls it is taken to stay: less time under more load is chance.
    """
    if len(curve) < LEAST_POINTS:
        return None
    loads = sorted(curve)
    heights = list(accumulate((curve[load] for load in loads), max))
    low, high = heights[0], heights[-1]
    if low <= 0 or high < LEAST_GROWTH * low:
        return None
    depths = [
        (load - loads[0]) / (loads[-1] - loads[0]) - (height - low) / (high - low)
        for load, height in zip(loads, heights, strict=True)
    ]
    deepest = max(depths)
    return loads[depths.index(deepest)] if deepest >= LEAST_DEPTH else None
