"""Percentiles as a report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.histogram import Histogram


def percentiles_us(histogram: Histogram, percents: Sequence[float]) -> list[int]:
    """HdrHistogram's percentiles, none above the largest sample.

    A percentile is the upper edge of a slot 0.1 % wide; the largest sample is known exactly.
    """
    return [min(value_us, histogram.max_us) for value_us in histogram.percentiles(percents)]
