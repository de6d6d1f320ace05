"""Our histogram against the package's own classes, which serve as the oracle."""

from __future__ import annotations

import base64
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.errors import ResultError
from loadtest.measure.histogram import Histogram
from loadtest.measure.histogram_codec import MAX_BLOB_BYTES
from loadtest.measure.histogram_slots import HIGHEST_US
from loadtest.measure.interval import Series

PERCENTS = (0.0, 0.1, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0)
in_range = st.integers(1, HIGHEST_US)
samples = st.lists(st.one_of(in_range, st.integers(1, 5_000), st.sampled_from([1, 2047, 2048, 2049, HIGHEST_US])))


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram


def blob_of(varints: bytes) -> bytes:
    """A well-formed blob around any bytes in place of its counts."""
    stream = zlib.compress(zlib.decompress(histogram_of([1]).encode()[8:])[:40] + varints)
    return b"\x1c\x84\x93\x14" + len(stream).to_bytes(4, "big") + stream


def reference_of(values: list[int]) -> HdrHistogram:
    reference = HdrHistogram(1, HIGHEST_US, 3)
    for value in values:
        assert reference.record_value(value)
    return reference


@settings(max_examples=30, deadline=None)
@given(samples)
def test_blob_percentiles_and_mean_are_those_of_the_reference(values: list[int]) -> None:
    ours, reference = histogram_of(values), reference_of(values)
    assert base64.b64encode(ours.encode()) == reference.encode()
    assert ours.total == len(values)
    if values:
        assert ours.percentiles(PERCENTS) == [reference.get_value_at_percentile(p) for p in PERCENTS]
        assert ours.mean_us == pytest.approx(reference.get_mean_value())
        assert (ours.min_us, ours.max_us) == (min(values), max(values))
    recorded = {int(value): int(count) for value, count in zip(*ours.recorded(), strict=True)}
    expected: dict[int, int] = {}
    for value in values:
        slot = reference.get_highest_equivalent_value(value)
        expected[slot] = expected.get(slot, 0) + 1
    assert recorded == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-1000, 2 * HIGHEST_US)), st.lists(st.integers(-1000, 2 * HIGHEST_US)))
def test_merging_in_memory_and_over_the_wire_equals_recording_everything_once(one: list[int], other: list[int]) -> None:
    whole = histogram_of(one + other)
    merged = histogram_of(one)
    merged.merge(histogram_of(other))
    travelled = Histogram()
    for part in (one, other):
        travelled.add_series(histogram_of(part).to_series("t"))
    for result in (merged, travelled):
        assert result.to_series("t") == whole.to_series("t")
        assert result.total == whole.total


def test_samples_out_of_range_are_counted_and_their_true_extremes_kept() -> None:
    histogram = histogram_of([-7, 0, 1, 250, HIGHEST_US, HIGHEST_US + 1, 90_000_000])
    assert (histogram.total, histogram.non_positive, histogram.overflow) == (7, 2, 2)
    assert (histogram.min_us, histogram.max_us) == (-7, 90_000_000)
    assert reference_of([HIGHEST_US]).get_highest_equivalent_value(HIGHEST_US) == histogram.percentile(100)
    assert [int(count) for count in histogram.recorded()[1]] == [3, 1, 3]


def test_an_empty_histogram_is_harmless() -> None:
    empty = Histogram()
    assert (empty.percentile(99), empty.mean_us, empty.total) == (0, 0.0, 0)
    other = histogram_of([5])
    other.merge(empty)
    other.add_series(empty.to_series("t"))
    assert other.to_series("t") == histogram_of([5]).to_series("t")


def test_reset_forgets_everything() -> None:
    histogram = histogram_of([-1, 5, 70_000_000])
    histogram.reset()
    assert histogram.to_series("t") == Histogram().to_series("t")


def test_a_bare_blob_takes_its_extremes_from_the_slots() -> None:
    histogram = Histogram.decoded(histogram_of([3, 900_000]).encode())
    assert (histogram.total, histogram.min_us, histogram.max_us) == (2, 3, 900_095)


@pytest.mark.parametrize(("told_us", "taken_us"), [(900_001, 900_001), (900_095, 900_095), (7, 900_095)])
def test_a_maximum_told_beside_a_blob_is_taken_when_it_can_be_true(told_us: int, taken_us: int) -> None:
    histogram = Histogram.decoded(histogram_of([3, 900_000]).encode(), told_us)
    assert histogram.max_us == taken_us
    merged = histogram_of([5])
    merged.merge(histogram)
    assert [merged.percentile(percent) for percent in (33, 66, 100)] == [3, 5, 900_095]


@pytest.mark.parametrize("max_us", [-1, 0, 2990, 3010, 70_000_000])
def test_a_series_whose_maximum_is_not_that_of_its_counts_is_refused(max_us: int) -> None:
    blob = histogram_of([5, 3000]).encode()
    with pytest.raises(ResultError, match="is not that of its histogram"):
        Histogram().add_series(Series("t", blob, 5, max_us))


def test_counts_beyond_32_bits_survive_the_wire() -> None:
    histogram = histogram_of([100])
    for _ in range(33):
        histogram.merge(histogram)
    travelled = Histogram.decoded(histogram.encode())
    assert travelled.total == 2**33


@pytest.mark.parametrize(
    ("blob", "complaint"),
    [
        (b"", "0 bytes"),
        (b"x" * 40, "not a histogram"),
        (b"x" * (MAX_BLOB_BYTES + 1), f"{MAX_BLOB_BYTES + 1} bytes"),
        (histogram_of([1, 2, 3]).encode()[:-1], "not a histogram"),
        (b"\x1c\x84\x93\x14" + (5).to_bytes(4, "big") + b"?????", "damaged"),
        (base64.b64decode(HdrHistogram(1, 3_600_000_000, 3).encode()), "another geometry"),
        (blob_of((b"\xfe" + b"\xff" * 7 + b"\x7f") * 2), "counts no run can reach"),
    ],
)
def test_a_damaged_blob_is_refused_with_the_reason(blob: bytes, complaint: str) -> None:
    with pytest.raises(ResultError, match=complaint):
        Histogram().add_series(Series("t", blob, 0, 0))


def test_a_blob_that_inflates_without_end_is_refused_before_it_fills_the_memory() -> None:
    stream = zlib.compress(bytes(50_000_000))
    blob = b"\x1c\x84\x93\x14" + len(stream).to_bytes(4, "big") + stream
    with pytest.raises(ResultError, match="too large"):
        Histogram.decoded(blob)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_in_place_of_the_counts_raise_or_decode_but_never_crash(varints: bytes) -> None:
    try:
        histogram = Histogram.decoded(blob_of(varints))
    except ResultError:
        return
    assert histogram.total == int(histogram.recorded()[1].sum())
