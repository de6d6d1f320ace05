"""Clocks of hosts held against one another: the bound holds whatever the network does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure.host_clock import ClockComparison, HostClock, Reading, best, one_way_error_us, reading

delays_ns = st.integers(0, 10**9)
MS = 1_000_000


@given(
    st.integers(-(10**18), 10**18),
    st.integers(10**18, 2 * 10**18),
    st.lists(st.tuples(delays_ns, delays_ns), min_size=1),
)
def test_the_offset_is_within_the_bound_however_long_either_way_takes(
    true_offset_ns: int, asked_ns: int, ways: list[tuple[int, int]]
) -> None:
    readings = [reading(asked_ns, asked_ns + there - true_offset_ns, asked_ns + there + back) for there, back in ways]
    assert all(abs(each.offset_ns - true_offset_ns) <= each.bound_ns for each in readings)
    assert best(readings).bound_ns == min((there + back + 1) // 2 + 1 for there, back in ways)


def test_as_long_as_nothing_moves_the_error_is_the_bound() -> None:
    comparison = ClockComparison(Reading(0, 5 * MS, 1000))
    comparison.add(Reading(10**9, 5 * MS + 200, 800))
    assert comparison.error_ns == 1000
    assert comparison.drift_ppm == 0.0


def test_clocks_that_drift_apart_are_found_out() -> None:
    comparison = ClockComparison(Reading(0, 5 * MS, 1000))
    for second in range(1, 11):
        comparison.add(Reading(second * 10**9, 5 * MS + second * 50_000, 1000))  # 50 µs a second
    assert comparison.offset_ns == 5 * MS, "fixed, or instants of one run were not comparable"
    assert comparison.error_ns == 501_000
    assert comparison.drift_ppm == 50.0


def test_a_reading_of_a_busy_moment_counts_only_as_far_as_it_contradicts() -> None:
    comparison = ClockComparison(Reading(0, 0, 1000))
    comparison.add(Reading(10**9, 3 * MS, 10 * MS))
    assert comparison.error_ns == 1000
    comparison.add(Reading(2 * 10**9, 30 * MS, 10 * MS))
    assert comparison.error_ns == 20 * MS, "the clocks are at least that far apart"


def test_it_is_described_for_the_record() -> None:
    comparison = ClockComparison(Reading(0, -7 * MS, 1500))
    comparison.add(Reading(10**9, -7 * MS, 1500))
    assert comparison.describe(worker="worker-1", host="b", clock="boot") == HostClock(
        worker="worker-1", host="b", clock="boot", offset_ns=-7 * MS, bound_us=1.5, error_us=1.5, readings=2
    )


def clock(worker: str, error_us: float) -> HostClock:
    return HostClock(worker=worker, host="", clock="", offset_ns=0, bound_us=1, error_us=error_us)


def test_one_way_times_are_as_wrong_as_both_their_ends() -> None:
    roles = {
        "worker-0/engine-0": "engine",
        "worker-1/engine-0": "engine",
        "worker-0/subscriber-0": "subscriber",
        "stand": "stand",
    }
    assert one_way_error_us([], roles) == 0
    assert one_way_error_us([clock("worker-1", 40)], roles) == 40
    assert one_way_error_us([clock("worker-0", 30), clock("worker-1", 40)], roles) == 70
    roles["worker-1/subscriber-1"] = "subscriber"
    assert one_way_error_us([clock("worker-0", 30), clock("worker-1", 40)], roles) == 70, "not twice the worst"


def test_one_worker_by_itself_has_one_clock() -> None:
    roles = {"worker-0/engine-0": "engine", "worker-0/subscriber-0": "subscriber"}
    assert one_way_error_us([clock("worker-0", 30)], roles) == 0
