"""Percentiles as they are shown, and the curve they make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.run_totals import LatencySummary

_POINTS_PER_DECADE = 24


def percentiles_us(histogram: Histogram, percents: Sequence[float]) -> list[int]:
    """HdrHistogram's percentiles, none above the largest sample.

    A percentile is the upper edge of a slot 0.1 % wide; the largest sample is known exactly.
    """
    return [min(value_us, histogram.max_us) for value_us in histogram.percentiles(percents)]


def row_percentiles_us(row: LatencySummary) -> tuple[int, int, int, int]:
    """The 50th, 90th, 99th and 99.9th percentile of a series in the record, none above its largest sample."""
    return (
        min(row.p50_us, row.max_us),
        min(row.p90_us, row.max_us),
        min(row.p99_us, row.max_us),
        min(row.p999_us, row.max_us),
    )


def percentile_curve(histogram: Histogram) -> tuple[list[float], list[int]]:
    """A curve's points: ``x = 1 / (1 - p)``, evenly spaced on a log axis up to the last sample; ``y`` in µs.

    On that axis each further nine (90 %, 99 %, 99.9 %) has the same room.
    """
    steps = int(math.log10(histogram.total) * _POINTS_PER_DECADE) + 1
    x = [10 ** (step / _POINTS_PER_DECADE) for step in range(steps)]
    if histogram.total > 1:
        x.append(float(histogram.total))
    percents = [100 * (1 - 1 / point) for point in x]
    return [float(f"{point:.4g}") for point in x], percentiles_us(histogram, percents)
