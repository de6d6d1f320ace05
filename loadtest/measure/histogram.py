"""HDR histogram of integer microseconds: 1 µs to 60 s at three significant digits.

Counts live in one numpy array, one for each slot (:mod:`loadtest.measure.histogram_slots`), so folding samples, merging
and percentiles are vector operations.

What a plain HdrHistogram would lose stays beside the counts: the exact minimum and maximum (a slot is up to 0.1 %
wide), samples above the range (recorded as 60 s), and samples of 0 µs or less (recorded as 1 µs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from loadtest.errors import ResultError
from loadtest.measure import histogram_codec
from loadtest.measure.histogram_slots import (
    HIGHEST_IN_SLOT,
    HIGHEST_US,
    LOWEST_IN_SLOT,
    LOWEST_US,
    MEDIAN_IN_SLOT,
    SLOTS,
    slot_of,
    slots_of,
)
from loadtest.measure.interval import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Histogram:
    """Counts of samples by value, mergeable without loss.

    Attributes:
        min_us: Exact smallest sample, as it came; 0 while empty.
        max_us: Exact largest sample, as it came; 0 while empty.
        overflow: Samples above :data:`HIGHEST_US`, counted in the slot of that value.
        non_positive: Samples of 0 µs or less, counted as 1 µs.
        total: All samples.
    """

    __slots__ = ("_counts", "max_us", "min_us", "non_positive", "overflow", "total")

    def __init__(self) -> None:
        self._counts = np.zeros(SLOTS, dtype=np.int64)
        self.total = self.min_us = self.max_us = self.overflow = self.non_positive = 0

    def record_many(self, values_us: Sequence[int] | NDArray[np.int64]) -> None:
        """Add samples in bulk: about 0.03 µs each, against 0.6 µs one at a time."""
        values = np.asarray(values_us, dtype=np.int64)
        if not values.size:
            return
        low, high = int(values.min()), int(values.max())
        self._widen(low, high)
        if low < LOWEST_US:
            self.non_positive += int(np.count_nonzero(values < LOWEST_US))
        if high > HIGHEST_US:
            self.overflow += int(np.count_nonzero(values > HIGHEST_US))
        if low < LOWEST_US or high > HIGHEST_US:
            values = np.clip(values, LOWEST_US, HIGHEST_US)
        folded = np.bincount(slots_of(values))
        self._counts[: folded.size] += folded
        self.total += values.size

    def merge(self, other: Histogram) -> None:
        """Add all samples of another histogram."""
        if not other.total:
            return
        self._widen(other.min_us, other.max_us)
        used = slot_of(other.max_us) + 1
        self._counts[:used] += other._counts[:used]
        self.total += other.total
        self.overflow += other.overflow
        self.non_positive += other.non_positive

    def add_series(self, series: Series) -> None:
        """Add what another process recorded.

        Raises:
            ResultError: The blob is not a histogram of this geometry.
        """
        counts, total, last_slot = histogram_codec.decoded(series.blob)
        if not total:
            return
        if slot_of(series.max_us) != last_slot:
            raise ResultError(f"{series.tag}: the maximum {series.max_us} µs is not that of its histogram")
        self._widen(series.min_us, series.max_us)
        self._counts += counts
        self.total += total
        self.overflow += series.overflow
        self.non_positive += series.non_positive

    @classmethod
    def decoded(cls, blob: bytes, max_us: int | None = None) -> Histogram:
        """A bare blob's samples; of extremes it does not tell, those of the outermost slots take their place.

        Args:
            blob: The encoded histogram.
            max_us: The largest sample as told elsewhere; taken when it lies in the highest slot in use.

        Raises:
            ResultError: The blob is not a histogram of this geometry.
        """
        histogram = cls()
        counts, total, last_slot = histogram_codec.decoded(blob)
        if total:
            first_slot = int(np.argmax(counts[: last_slot + 1] != 0))
            known = max_us is not None and slot_of(max_us) == last_slot
            histogram.min_us = int(LOWEST_IN_SLOT[first_slot])
            histogram.max_us = max_us if known and max_us is not None else int(HIGHEST_IN_SLOT[last_slot])
            histogram._counts, histogram.total = counts, total
        return histogram

    def reset(self) -> None:
        """Forget everything, keep the memory."""
        self._counts.fill(0)
        self.total = self.min_us = self.max_us = self.overflow = self.non_positive = 0

    def percentile(self, percent: float) -> int:
        """The value at or below which ``percent`` of the samples lie (HdrHistogram's rounding); 0 while empty."""
        return self.percentiles((percent,))[0]

    def percentiles(self, percents: Sequence[float]) -> list[int]:
        """As :meth:`percentile` for several at once, in one pass."""
        if not self.total:
            return [0] * len(percents)
        cumulative = np.cumsum(self._counts)
        wanted = [max(int(min(percent, 100.0) * self.total / 100 + 0.5), 1) for percent in percents]
        slots = np.searchsorted(cumulative, wanted)
        return [
            int(HIGHEST_IN_SLOT[slot] if percent else LOWEST_IN_SLOT[slot])
            for percent, slot in zip(percents, slots, strict=True)
        ]

    def at_or_below(self, bounds_us: Sequence[int]) -> list[int]:
        """How many samples lie at or below each bound, the slot a bound falls into counted in full."""
        cumulative = np.cumsum(self._counts)
        # What is above the range stands in the slot of its highest value, and is above every bound all the same.
        beyond = self.overflow
        return [
            int(cumulative[slot_of(bound_us)]) - (beyond if bound_us >= HIGHEST_US else 0) for bound_us in bounds_us
        ]

    @property
    def mean_us(self) -> float:
        """Mean, with each sample at the middle of its slot; 0 while empty."""
        return int(np.dot(self._counts, MEDIAN_IN_SLOT)) / self.total if self.total else 0.0

    def recorded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Highest value of each slot in use, ascending, and its count: what a chart or another store needs."""
        if not self.total:
            return HIGHEST_IN_SLOT[:0], self._counts[:0]
        used = np.flatnonzero(self._counts[: slot_of(self.max_us) + 1])
        return HIGHEST_IN_SLOT[used], self._counts[used]

    def encode(self) -> bytes:
        """The V2 compressed encoding, header included; base64 of it is what an interval log holds."""
        slots = slot_of(self.max_us) + 1 if self.total else 0
        return histogram_codec.encoded(self._counts, slots)

    def to_series(self, tag: str) -> Series:
        """The form that travels between processes."""
        return Series(tag, self.encode(), self.min_us, self.max_us, self.overflow, self.non_positive)

    def _widen(self, low_us: int, high_us: int) -> None:
        if not self.total:
            self.min_us, self.max_us = low_us, high_us
        else:
            self.min_us, self.max_us = min(self.min_us, low_us), max(self.max_us, high_us)
