"""The slots of our histograms: which values share one. 1 µs to 60 s at three significant digits.

Index arithmetic for this one geometry, after HdrHistogram's definition, over whole arrays at a time; held against the
package's own classes in tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOWEST_US = 1
HIGHEST_US = 60_000_000
SIGNIFICANT_DIGITS = 3

# Three digits need 2 x 10^3 linear sub-buckets, rounded up to 2^11; each further bucket doubles the slot's width.
_HALF_MAGNITUDE = 10
_HALF_COUNT = 1 << _HALF_MAGNITUDE
_SUB_BUCKET_MASK = 2 * _HALF_COUNT - 1
SLOTS = 17 * _HALF_COUNT
"""How many there are."""


def _slot_tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lowest value of each slot, and the slot's width."""
    slot = np.arange(SLOTS, dtype=np.int64)
    bucket = np.maximum((slot >> _HALF_MAGNITUDE) - 1, 0)
    sub_bucket = slot - (bucket << _HALF_MAGNITUDE)
    return sub_bucket << bucket, np.int64(1) << bucket


LOWEST_IN_SLOT, _SLOT_WIDTH = _slot_tables()
HIGHEST_IN_SLOT = LOWEST_IN_SLOT + _SLOT_WIDTH - 1
MEDIAN_IN_SLOT = LOWEST_IN_SLOT + (_SLOT_WIDTH >> 1)
"""What each slot stands for: its lowest, highest and middle value in µs."""


def slots_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The slots of values in µs, all within the range."""
    # frexp yields the bit length without a loop; exact, since every value is far below 2^53.
    exponent = np.frexp((values | _SUB_BUCKET_MASK).astype(np.float64))[1]
    bucket = exponent.astype(np.int64) - (_HALF_MAGNITUDE + 1)
    return (bucket << _HALF_MAGNITUDE) + (values >> bucket)


def slot_of(value_us: int) -> int:
    """The slot of one value; outside the range that of its nearest end."""
    value = min(max(value_us, LOWEST_US), HIGHEST_US)
    bucket = (value | _SUB_BUCKET_MASK).bit_length() - (_HALF_MAGNITUDE + 1)
    return (bucket << _HALF_MAGNITUDE) + (value >> bucket)
