"""Histograms as bytes: the V2 compressed encoding of HdrHistogram. The only door to hdrhistogram.

Of the package only its C codec is used, which makes our blobs byte for byte those of every HdrHistogram implementation
(https://github.com/HdrHistogram/HdrHistogram).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from hdrh.codec import decode as decode_counts
from hdrh.codec import encode as encode_counts

from loadtest.errors import ResultError
from loadtest.measure.histogram_slots import HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD_BYTES = 8

_BLOB_HEADER = struct.Struct(">II")  # cookie, length of the zlib stream
_BLOB_COOKIE = 0x1C849314
_PAYLOAD_HEADER = struct.Struct(">IIIIQQd")  # cookie, length, index offset, digits, lowest, highest, ratio
_PAYLOAD_COOKIE = 0x1C849313
_WORD_SIZE_BITS = 0xF0

# LEB128 needs at most 9 bytes per slot; anything longer is not one of our histograms.
_MAX_PAYLOAD_BYTES = _PAYLOAD_HEADER.size + 9 * SLOTS
MAX_BLOB_BYTES = _MAX_PAYLOAD_BYTES + 1024
"""A longer blob is refused before anything is decoded."""
_MOST_SAMPLES = 2**62
"""More than any run has, and few enough that sums of 64 bits do not overflow."""


def encoded(counts: NDArray[np.int64], slots: int) -> bytes:
    """The first ``slots`` counts as a blob, header included; base64 of it is what an interval log holds."""
    varints = bytearray(slots * (_WORD_BYTES + 1) + 16)
    target = np.frombuffer(varints, dtype=np.uint8)
    length = encode_counts(counts.ctypes.data, slots, _WORD_BYTES, target.ctypes.data, len(varints))
    header = _PAYLOAD_HEADER.pack(_PAYLOAD_COOKIE, length, 0, SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US, 1.0)
    stream = zlib.compress(header + bytes(memoryview(varints)[:length]))
    return _BLOB_HEADER.pack(_BLOB_COOKIE, len(stream)) + stream


def decoded(blob: bytes) -> tuple[NDArray[np.int64], int, int]:
    """A blob's counts by slot, their total, and the last slot in use.

    Raises:
        ResultError: It is not a histogram of this geometry.
    """
    payload = _payload_of(blob)
    counts = np.zeros(SLOTS, dtype=np.int64)
    try:
        found = decode_counts(payload, _PAYLOAD_HEADER.size, counts.ctypes.data, SLOTS, _WORD_BYTES)
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
