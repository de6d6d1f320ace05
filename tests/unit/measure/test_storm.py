"""Storm figures on storms of known shape, to the millisecond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import IntervalReport
from loadtest.measure.spans import PhaseSpan
from loadtest.measure.storm import Storm, StormSecond, boot_storm, fill_counts, reconnect_storms
from loadtest.measure.storm_levels import Levels
from loadtest.measure.storm_watch import StormWatch
from loadtest.measure.tags import Tag


def levels(*, registered: list[int], lost: list[int]) -> Levels:
    return Levels(np.array(lost, np.uint32), np.array(registered, np.uint32))


RAMP = list(range(0, 1000, 10))
"""A hundred charge points come up within a second."""


def test_a_boot_storm_counts_from_its_start() -> None:
    storm = boot_storm(levels(registered=RAMP, lost=[]), 100, 0.0, 60.0, "ramp")
    assert storm.back_after_s == {50: 0.49, 90: 0.89, 99: 0.98, 100: 0.99}
    assert (storm.kind, storm.phase, storm.away) == ("boot", "ramp", 100)


def test_what_is_never_reached_is_left_out() -> None:
    storm = boot_storm(levels(registered=RAMP[:95], lost=[]), 100, 0.0, 60.0, "ramp")
    assert storm.back_after_s == {50: 0.49, 90: 0.89}


def test_all_are_cut_and_come_back_one_by_one() -> None:
    back = list(range(21_000, 22_000, 10))
    (storm,) = reconnect_storms(levels(registered=RAMP + back, lost=[20_000] * 100), 100, 0.0, 60.0)
    assert (storm.start_s, storm.away) == (20.0, 100)
    assert storm.back_after_s == {50: 1.49, 90: 1.89, 99: 1.98, 100: 1.99}


def test_a_tenth_of_the_fleet_is_no_storm_and_one_more_is() -> None:
    def found(count: int) -> list[Storm]:
        return reconnect_storms(levels(registered=RAMP + [30_000] * count, lost=[20_000] * count), 100, 0.0, 60.0)

    assert found(10) == []
    assert [storm.away for storm in found(11)] == [11]


def test_losses_spread_wider_than_the_window_are_no_storm() -> None:
    lost = list(range(10_000, 40_000, 1001))
    back = [at_ms + 60_000 for at_ms in lost]
    assert reconnect_storms(levels(registered=RAMP + back, lost=lost), 100, 0.0, 120.0) == []


def test_losses_that_return_at_once_are_no_storm_though_there_are_many() -> None:
    lost = list(range(10_000, 20_000, 100))
    back = [at_ms + 50 for at_ms in lost]
    assert reconnect_storms(levels(registered=RAMP + back, lost=lost), 100, 0.0, 60.0) == []


def test_a_fleet_that_thins_out_by_and_by_is_no_storm_though_many_go_in_some_window() -> None:
    """As with links that come and go: eleven are lost within 10 s, and half of them back by then."""
    lost = list(range(10_000, 200_000, 990))
    back = [at_ms + 5_000 for at_ms in lost[::2]]
    assert reconnect_storms(levels(registered=RAMP + back, lost=lost), 100, 0.0, 300.0) == []


def test_losses_that_were_back_before_a_storm_do_not_hide_it() -> None:
    lost = [*range(10_000, 10_500, 100), *range(19_900, 20_600, 50)]
    (storm,) = reconnect_storms(levels(registered=RAMP + [12_000] * 5 + [30_000] * 14, lost=lost), 100, 0.0, 60.0)
    assert (storm.start_s, storm.away) == (19.9, 14)
    assert storm.back_after_s[100] == 10.1


def test_losses_after_the_watch_make_no_storm_of_those_before_its_end() -> None:
    flaps = list(range(51_000, 52_200, 100))
    back = [at_ms + 500 for at_ms in flaps]
    found = reconnect_storms(levels(registered=RAMP + back, lost=flaps + [60_050] * 90), 100, 0.0, 60.0)
    assert found == []


def test_a_stray_loss_before_the_burst_does_not_begin_it() -> None:
    lost = [14_000, *[20_000 + number for number in range(50)]]
    (storm,) = reconnect_storms(levels(registered=RAMP + [25_000] * 51, lost=lost), 100, 0.0, 60.0)
    assert (storm.start_s, storm.away) == (20.0, 50)
    assert storm.back_after_s[100] == 5.0


def test_two_storms_are_told_apart_when_the_first_was_over() -> None:
    back = [21_000] * 100 + [32_000] * 100
    found = reconnect_storms(levels(registered=RAMP + back, lost=[20_000] * 100 + [30_000] * 100), 100, 0.0, 60.0)
    assert [(storm.start_s, storm.back_after_s[100]) for storm in found] == [(20.0, 1.0), (30.0, 2.0)]


def test_a_second_blow_before_the_return_belongs_to_the_same_storm() -> None:
    lost = [20_000] * 50 + [24_000] * 50
    (storm,) = reconnect_storms(levels(registered=RAMP + [40_000] * 100, lost=lost), 100, 0.0, 60.0)
    assert (storm.start_s, storm.away, storm.back_after_s[50]) == (20.0, 100, 20.0)


def test_nothing_that_comes_later_than_the_watch_counts() -> None:
    (storm,) = reconnect_storms(levels(registered=RAMP + [70_000] * 100, lost=[20_000] * 100), 100, 0.0, 60.0)
    assert storm.back_after_s == {}
    assert reconnect_storms(levels(registered=RAMP, lost=[61_000] * 100), 100, 0.0, 60.0) == []


@given(
    st.lists(st.integers(10_000, 15_000), min_size=11, max_size=100),
    st.data(),
)
def test_shares_come_in_order_and_the_depth_is_what_was_away(lost: list[int], data: st.DataObject) -> None:
    away = data.draw(st.lists(st.integers(100, 20_000), min_size=len(lost), max_size=len(lost)))
    back = [16_000 + each for each in away]
    (storm,) = reconnect_storms(levels(registered=RAMP + back, lost=lost), 100, 0.0, 60.0)
    assert storm.away <= len(lost)
    assert storm.away > 10
    times = [storm.back_after_s[share] for share in (50, 90, 99, 100)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(max(back) / 1000 - storm.start_s)


def test_a_long_run_of_small_losses_is_settled_quickly() -> None:
    lost = np.sort(np.random.default_rng(1).integers(0, 3_600_000, 200_000)).astype(np.uint32)
    flapping = Levels(lost, np.concatenate([np.zeros(10_000, np.uint32), lost + np.uint32(2000)]))
    assert reconnect_storms(flapping, 10_000, 0.0, 3600.0) == []


def test_counts_run_until_the_storm_was_over() -> None:
    storm = Storm(kind="reconnect", phase="steady", start_s=10.5, away=100, back_after_s={50: 1.0, 99: 2.5})
    seconds = [
        StormSecond(9, attempts=1, connects=1, sent=900, backlog=2),
        StormSecond(10, attempts=50, refused=7, failed=3, sent=10, backlog=40, failures={"http_503": 7, "tls": 3}),
        StormSecond(
            11,
            attempts=60,
            connects=60,
            timed_out=1,
            failures={"timed_out": 1},
            sent=200,
            received_bytes=5000,
            backlog=90,
        ),
        StormSecond(12, connects=40, sent=300, received_bytes=4000, backlog=30),
        StormSecond(13, connects=0, attempts=99, sent=999, backlog=2),
        StormSecond(14, backlog=0),
    ]
    fill_counts(storm, seconds, 60.0)
    assert (storm.attempts, storm.refused, storm.failed, storm.timed_out) == (110, 7, 3, 1)
    assert storm.failures == {"http_503": 7, "tls": 3, "timed_out": 1}
    assert (storm.most_connects_per_s, storm.mean_connects_per_s) == (60, 40.0)
    assert (storm.most_messages_per_s, storm.most_bytes_per_s) == (300, 5000)
    assert (storm.backlog_most, storm.backlog_drained_after_s) == (90, 3.5)


def test_a_backlog_that_stays_is_told() -> None:
    storm = Storm(kind="reconnect", phase="steady", start_s=1.0, away=100)
    fill_counts(storm, [StormSecond(0), StormSecond(1, backlog=5), StormSecond(2, backlog=6)], 3.0)
    assert (storm.backlog_most, storm.backlog_drained_after_s) == (6, None)


def test_the_watch_joins_processes_phases_and_latencies() -> None:
    watch = StormWatch()
    for engine in ("e0", "e1"):
        for index, attempts in ((0, 50), (5, 50), (6, 80)):
            failures = {"engine.connect_failures.http_429": attempts // 10}
            report = IntervalReport(index=index, counters={"engine.connect_attempts": attempts} | failures)
            instants = {0: (500, 0), 5: (0, 5200), 6: (6700, 0)}[index]
            came, went = ([at_ms] * 50 if at_ms else [] for at_ms in instants)
            report.registered_ms = np.array(came, np.uint32).tobytes()
            report.lost_ms = np.array(went, np.uint32).tobytes()
            watch.take(engine, report)
    for index in range(10):
        watch.second(index, sent=10, backlog=0)
    slow, quick = Histogram(), Histogram()
    slow.record_many([9000])
    quick.record_many([100])
    totals = {
        Tag("recovery:cut", "register", "BootNotification", "intended"): slow,
        Tag("steady", "register", "BootNotification", "intended"): quick,
        Tag("fault:cut", "round_trip", "MeterValues", "intended"): quick,
    }
    spans = [PhaseSpan("ramp", 0, 1), PhaseSpan("steady", 1, 5), PhaseSpan("fault:cut", 5, 6)]
    spans += [PhaseSpan("recovery:cut", 6, 9), PhaseSpan("drain", 9, 10)]
    boot, again = watch.find(100, spans, 1.0, totals)
    assert (boot.kind, boot.away, boot.attempts) == ("boot", 100, 100)
    assert (again.kind, again.phase, again.start_s, again.away) == ("reconnect", "fault:cut", 5.2, 100)
    assert (again.back_after_s[100], again.attempts) == (1.5, 60)
    assert (again.register_p99_us, again.transaction_p99_us) == (9000, 100)
    assert [storm.kind for storm in watch.find(100, spans, 10.0, totals)] == ["reconnect"]


def test_a_fault_begins_a_storm_of_its_own_though_the_fleet_was_not_back() -> None:
    """Links flap, so that never all are there; a region fails, and then the gateway."""
    watch = StormWatch()
    came = [*RAMP, *[13_000] * 10, *[16_000] * 60]
    lost = [*range(6_000, 10_000, 267), *[10_000] * 20, *[15_000] * 70]
    report = IntervalReport(index=0)
    report.registered_ms = np.array(came, np.uint32).tobytes()
    report.lost_ms = np.array(lost, np.uint32).tobytes()
    watch.take("e0", report)
    spans = [PhaseSpan("ramp", 0, 1), PhaseSpan("steady", 1, 10.001), PhaseSpan("fault:dark", 10.001, 12)]
    spans += [PhaseSpan("recovery:dark", 12, 15), PhaseSpan("fault:crash", 15, 16), PhaseSpan("fault:shut", 16, 20)]
    spans += [PhaseSpan("drain", 20, 21)]
    found = watch.find(100, spans, None, {})
    assert [(storm.phase, storm.start_s, storm.away) for storm in found[-2:]] == [
        ("fault:dark", 10.0, 20),
        ("fault:crash", 15.0, 70),
    ]
    assert found[-1].back_after_s == {50: 1.0}, "doors that are shut to nobody end no watch"
    assert found[-2].back_after_s == {50: 3.0}


def test_a_backlog_of_later_faults_is_not_the_storms() -> None:
    storm = Storm(kind="boot", phase="ramp", start_s=0.0, away=100, back_after_s={99: 2.0})
    backlogs = [3, 1, 0, 0, 40, 50, 0]
    fill_counts(storm, [StormSecond(at, backlog=backlog) for at, backlog in enumerate(backlogs)], 7.0)
    assert (storm.backlog_most, storm.backlog_drained_after_s) == (3, 3.0)


def test_damaged_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        StormWatch().take("e0", IntervalReport(index=0, lost_ms=b"123"))
