"""Samples by time and latency, in as many cells as a picture has room for, however long a run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loadtest.measure.histogram import Histogram

MOST_COLUMNS = 240
"""Steps of time; when a run is longer, two become one."""
BINS_PER_DECADE = 12
_DECADES = 8  # 1 µs to 100 s, which is more than a histogram holds


class HeatMap:
    """How many samples fell into each step of time and each step of latency. Steps of latency are even on a log axis.

    Attributes:
        column_s: Length of a step of time, in seconds.
    """

    def __init__(self) -> None:
        self.column_s = 1
        self._counts = np.zeros((BINS_PER_DECADE * _DECADES, MOST_COLUMNS), np.int64)

    def add(self, start_s: float, samples: Histogram) -> None:
        """Add the samples of an interval that began ``start_s`` seconds after the run."""
        column = max(int(start_s), 0)
        while column // self.column_s >= MOST_COLUMNS:
            self._halve()
        values_us, counts = samples.recorded()
        bins = (np.log10(values_us) * BINS_PER_DECADE).astype(np.int64)
        np.add.at(self._counts[:, column // self.column_s], bins, counts)

    def widen(self, column_s: int) -> None:
        """Make steps of time at least so long, as those of another map are."""
        while self.column_s < column_s:
            self._halve()

    @property
    def total(self) -> int:
        """All samples."""
        return int(self._counts.sum())

    def cropped(self) -> tuple[int, int, NDArray[np.int64]]:
        """First bin in use, first column in use, and the counts by bin and column from there to the last in use."""
        bins, columns = np.flatnonzero(self._counts.any(axis=1)), np.flatnonzero(self._counts.any(axis=0))
        if not len(bins):
            return 0, 0, self._counts[:0, :0]
        used = self._counts[bins[0] : bins[-1] + 1, columns[0] : columns[-1] + 1]
        return int(bins[0]), int(columns[0]), used

    def _halve(self) -> None:
        half = MOST_COLUMNS // 2
        self._counts[:, :half] = self._counts[:, ::2] + self._counts[:, 1::2]
        self._counts[:, half:] = 0
        self.column_s *= 2
