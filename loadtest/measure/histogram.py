"""HDR histogram of integer microseconds: 1 µs to 60 s at three significant digits. The only door to hdrhistogram.

Counts live in one numpy array, so folding samples, merging and percentiles are vector operations; of the package
only its C codec is used, which makes our blobs byte for byte those of every HdrHistogram implementation
(V2 format, https://github.com/HdrHistogram/HdrHistogram). Index arithmetic for this one geometry follows the same
definition and is held against the package's own classes in tests.

What a plain HdrHistogram would lose stays beside the counts: the exact minimum and maximum (a slot is up to 0.1 %
wide), samples above the range (recorded as 60 s), and samples of 0 µs or less (recorded as 1 µs).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from hdrh.codec import decode as decode_counts
from hdrh.codec import encode as encode_counts

from loadtest.errors import ResultError
from loadtest.measure.interval import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LOWEST_US = 1
HIGHEST_US = 60_000_000
SIGNIFICANT_DIGITS = 3

# Three digits need 2 x 10^3 linear sub-buckets, rounded up to 2^11; each further bucket doubles the slot's width.
_HALF_MAGNITUDE = 10
_HALF_COUNT = 1 << _HALF_MAGNITUDE
_SUB_BUCKET_MASK = 2 * _HALF_COUNT - 1
_SLOTS = 17 * _HALF_COUNT
_WORD_BYTES = 8

_BLOB_HEADER = struct.Struct(">II")  # cookie, length of the zlib stream
_BLOB_COOKIE = 0x1C849314
_PAYLOAD_HEADER = struct.Struct(">IIIIQQd")  # cookie, length, index offset, digits, lowest, highest, ratio
_PAYLOAD_COOKIE = 0x1C849313
_WORD_SIZE_BITS = 0xF0

# LEB128 needs at most 9 bytes per slot; anything longer is not one of our histograms.
_MAX_PAYLOAD_BYTES = _PAYLOAD_HEADER.size + 9 * _SLOTS
MAX_BLOB_BYTES = _MAX_PAYLOAD_BYTES + 1024
"""A longer blob is refused before anything is decoded."""
_MOST_SAMPLES = 2**62
"""More than any run has, and few enough that sums of 64 bits do not overflow."""


def _slot_tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lowest value of each slot, and the slot's width."""
    slot = np.arange(_SLOTS, dtype=np.int64)
    bucket = np.maximum((slot >> _HALF_MAGNITUDE) - 1, 0)
    sub_bucket = slot - (bucket << _HALF_MAGNITUDE)
    return sub_bucket << bucket, np.int64(1) << bucket


_LOWEST_IN_SLOT, _SLOT_WIDTH = _slot_tables()
_HIGHEST_IN_SLOT = _LOWEST_IN_SLOT + _SLOT_WIDTH - 1
_MEDIAN_IN_SLOT = _LOWEST_IN_SLOT + (_SLOT_WIDTH >> 1)


def _slots_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    # frexp yields the bit length without a loop; exact, since every value is far below 2^53.
    exponent = np.frexp((values | _SUB_BUCKET_MASK).astype(np.float64))[1]
    bucket = exponent.astype(np.int64) - (_HALF_MAGNITUDE + 1)
    return (bucket << _HALF_MAGNITUDE) + (values >> bucket)


def _slot_of(value_us: int) -> int:
    value = min(max(value_us, LOWEST_US), HIGHEST_US)
    bucket = (value | _SUB_BUCKET_MASK).bit_length() - (_HALF_MAGNITUDE + 1)
    return (bucket << _HALF_MAGNITUDE) + (value >> bucket)


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
        self._counts = np.zeros(_SLOTS, dtype=np.int64)
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
        folded = np.bincount(_slots_of(values))
        self._counts[: folded.size] += folded
        self.total += values.size

    def merge(self, other: Histogram) -> None:
        """Add all samples of another histogram."""
        if not other.total:
            return
        self._widen(other.min_us, other.max_us)
        used = _slot_of(other.max_us) + 1
        self._counts[:used] += other._counts[:used]
        self.total += other.total
        self.overflow += other.overflow
        self.non_positive += other.non_positive

    def add_series(self, series: Series) -> None:
        """Add what another process recorded.

        Raises:
            ResultError: The blob is not a histogram of this geometry.
        """
        counts, total, last_slot = _counts_of(series.blob)
        if not total:
            return
        if _slot_of(series.max_us) != last_slot:
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
        counts, total, last_slot = _counts_of(blob)
        if total:
            first_slot = int(np.argmax(counts[: last_slot + 1] != 0))
            known = max_us is not None and _slot_of(max_us) == last_slot
            histogram.min_us = int(_LOWEST_IN_SLOT[first_slot])
            histogram.max_us = max_us if known and max_us is not None else int(_HIGHEST_IN_SLOT[last_slot])
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
            int(_HIGHEST_IN_SLOT[slot] if percent else _LOWEST_IN_SLOT[slot])
            for percent, slot in zip(percents, slots, strict=True)
        ]

    def at_or_below(self, bounds_us: Sequence[int]) -> list[int]:
        """How many samples lie at or below each bound, the slot a bound falls into counted in full."""
        cumulative = np.cumsum(self._counts)
        # What is above the range stands in the slot of its highest value, and is above every bound all the same.
        beyond = self.overflow
        return [
            int(cumulative[_slot_of(bound_us)]) - (beyond if bound_us >= HIGHEST_US else 0) for bound_us in bounds_us
        ]

    @property
    def mean_us(self) -> float:
        """Mean, with each sample at the middle of its slot; 0 while empty."""
        return int(np.dot(self._counts, _MEDIAN_IN_SLOT)) / self.total if self.total else 0.0

    def recorded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Highest value of each slot in use, ascending, and its count: what a chart or another store needs."""
        if not self.total:
            return _HIGHEST_IN_SLOT[:0], self._counts[:0]
        used = np.flatnonzero(self._counts[: _slot_of(self.max_us) + 1])
        return _HIGHEST_IN_SLOT[used], self._counts[used]

    def encode(self) -> bytes:
        """The V2 compressed encoding, header included; base64 of it is what an interval log holds."""
        slots = _slot_of(self.max_us) + 1 if self.total else 0
        varints = bytearray(slots * (_WORD_BYTES + 1) + 16)
        target = np.frombuffer(varints, dtype=np.uint8)
        length = encode_counts(self._counts.ctypes.data, slots, _WORD_BYTES, target.ctypes.data, len(varints))
        header = _PAYLOAD_HEADER.pack(_PAYLOAD_COOKIE, length, 0, SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US, 1.0)
        stream = zlib.compress(header + bytes(memoryview(varints)[:length]))
        return _BLOB_HEADER.pack(_BLOB_COOKIE, len(stream)) + stream

    def to_series(self, tag: str) -> Series:
        """The form that travels between processes."""
        return Series(tag, self.encode(), self.min_us, self.max_us, self.overflow, self.non_positive)

    def _widen(self, low_us: int, high_us: int) -> None:
        if not self.total:
            self.min_us, self.max_us = low_us, high_us
        else:
            self.min_us, self.max_us = min(self.min_us, low_us), max(self.max_us, high_us)


def _counts_of(blob: bytes) -> tuple[NDArray[np.int64], int, int]:
    """Decode a blob: counts by slot, their total, and the last slot in use."""
    payload = _payload_of(blob)
    counts = np.zeros(_SLOTS, dtype=np.int64)
    try:
        found = decode_counts(payload, _PAYLOAD_HEADER.size, counts.ctypes.data, _SLOTS, _WORD_BYTES)
    except (IndexError, ValueError, OverflowError) as error:
        raise ResultError(f"damaged histogram: {error}") from error
    if counts.min() < 0 or counts.sum(dtype=np.float64) > _MOST_SAMPLES:
        raise ResultError("damaged histogram: counts no run can reach")
    return counts, int(found["total"]), int(found["max_nonzero_index"])


def is_whole(blob: bytes) -> bool:
    """Whether a blob is as long as its header announces; says nothing about what is in it."""
    return len(blob) > _BLOB_HEADER.size and _BLOB_HEADER.unpack_from(blob)[1] == len(blob) - _BLOB_HEADER.size


def _payload_of(blob: bytes) -> bytes:
    """Check a blob's two headers and return its inflated payload, never more than our geometry can need."""
    if not _BLOB_HEADER.size < len(blob) <= MAX_BLOB_BYTES:
        raise ResultError(f"damaged histogram: {len(blob)} bytes")
    cookie, _ = _BLOB_HEADER.unpack_from(blob)
    if cookie & ~_WORD_SIZE_BITS != _BLOB_COOKIE & ~_WORD_SIZE_BITS or not is_whole(blob):
        raise ResultError("not a histogram in the V2 compressed encoding")
    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(blob[_BLOB_HEADER.size :], _MAX_PAYLOAD_BYTES)
    except zlib.error as error:
        raise ResultError(f"damaged histogram: {error}") from error
    if not inflater.eof or len(payload) < _PAYLOAD_HEADER.size:
        raise ResultError("damaged histogram: cut off or too large")
    cookie, _, offset, digits, lowest, highest, _ = _PAYLOAD_HEADER.unpack_from(payload)
    if cookie & ~_WORD_SIZE_BITS != _PAYLOAD_COOKIE & ~_WORD_SIZE_BITS:
        raise ResultError("not a histogram in the V2 encoding")
    if (offset, digits, lowest, highest) != (0, SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US):
        raise ResultError(
            f"histogram of another geometry: {lowest} to {highest} at {digits} digits, "
            f"not {LOWEST_US} to {HIGHEST_US} µs at {SIGNIFICANT_DIGITS}"
        )
    return payload
