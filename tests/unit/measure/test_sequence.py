"""Sequence windows against the obvious model: a set of numbers per charge point."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.measure.interval import ChargePointWindow
from loadtest.measure.sequence import (
    DUPLICATE,
    NEW,
    REORDERED,
    SequenceWindows,
    count_missing,
    count_unexpected,
    has_arrived,
    merge,
    missing,
    window_of,
)

arrivals = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=200)


def numbers_in(window: ChargePointWindow) -> set[int]:
    bits = int.from_bytes(window.bits, "little")
    return set(range(window.base)) | {window.base + k for k in range(bits.bit_length()) if bits >> k & 1}


@settings(max_examples=100)
@given(arrivals)
def test_each_arrival_is_judged_as_a_set_would(events: list[tuple[int, int]]) -> None:
    windows, seen = SequenceWindows(), dict[int, set[int]]()
    for charge_point, sequence in events:
        known = seen.setdefault(charge_point, set())
        expected = DUPLICATE if sequence in known else REORDERED if known and sequence < max(known) else NEW
        assert windows.observe(charge_point, sequence) == expected
        known.add(sequence)
    assert {window.charge_point: numbers_in(window) for window in windows.export()} == seen


@settings(max_examples=80)
@given(st.lists(arrivals, max_size=4), st.integers(0, 70))
def test_merging_subscribers_unites_their_windows_and_counts_the_overlap(
    subscribers: list[list[tuple[int, int]]], sent: int
) -> None:
    exports, seen, overlap = [], dict[int, set[int]](), 0
    for events in subscribers:
        windows, own = SequenceWindows(), dict[int, set[int]]()
        for charge_point, sequence in events:
            windows.observe(charge_point, sequence)
            own.setdefault(charge_point, set()).add(sequence)
        exports.append(windows.export())
        for charge_point, numbers in own.items():
            known = seen.setdefault(charge_point, set())
            overlap += len(known & numbers)
            known |= numbers
    merged = merge(exports)
    assert merged.duplicated == overlap
    assert {charge_point: numbers_in(window) for charge_point, window in merged.windows.items()} == seen
    for charge_point, numbers in seen.items():
        window = merged.windows[charge_point]
        lost = sorted(set(range(sent)) - numbers)
        assert missing(window, sent) == lost
        assert missing(window, sent, limit=2) == lost[:2]
        assert count_missing(window, sent) == len(lost)
        assert count_unexpected(window, sent) == len([number for number in numbers if number >= sent])


def test_a_charge_point_never_heard_of_misses_everything_it_sent() -> None:
    assert missing(None, 3) == [0, 1, 2]
    assert count_missing(None, 3) == 3
    assert count_missing(None, 0) == 0


def test_memory_stays_small_however_far_the_numbers_jump() -> None:
    windows = SequenceWindows()
    windows.observe(7, (1 << 24) - 1)
    (window,) = windows.export()
    assert len(window.bits) <= 2 * 1024 * 1024
    assert count_missing(window, 1 << 24) == (1 << 24) - 1


def test_an_old_loss_costs_nothing_per_later_message() -> None:
    windows = SequenceWindows()
    for sequence in range(1, 100_000):
        windows.observe(1, sequence)
    assert len(windows._holes[1].bits) == 1
    assert missing(windows.export()[0], 100_000) == [0]


def test_a_filled_hole_releases_its_bitmap() -> None:
    windows = SequenceWindows()
    assert [windows.observe(1, sequence) for sequence in (0, 2, 1, 1)] == [NEW, NEW, REORDERED, DUPLICATE]
    assert not windows._holes
    assert windows.export() == [ChargePointWindow(1, 3)]


@given(arrivals, st.integers(0, 70))
def test_a_window_tells_of_each_number_whether_it_arrived(events: list[tuple[int, int]], asked: int) -> None:
    windows = SequenceWindows()
    for charge_point, sequence in events:
        windows.observe(charge_point, sequence)
    exported = {window.charge_point: window for window in windows.export()}
    for charge_point in range(4):
        assert has_arrived(exported.get(charge_point), asked) == ((charge_point, asked) in events)


@given(st.sets(st.integers(0, 60)))
def test_a_window_can_be_made_of_numbers(numbers: set[int]) -> None:
    assert numbers_in(window_of(3, [*numbers, *numbers])) == numbers
