"""Thresholds against samples and books whose every figure is known."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_run import SampleRun

from loadtest.measure.evidence import Evidence
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import OperationRow
from loadtest.measure.leg import LegRow
from loadtest.measure.run_totals import DeliveryTotals, TransactionTotals
from loadtest.measure.spans import PhaseSpan
from loadtest.measure.storm import Storm
from loadtest.measure.tags import Tag
from loadtest.measure.threshold_watch import ThresholdWatch
from loadtest.measure.thresholds import judge
from loadtest.scenario.threshold_text import parse

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_outcome import ThresholdOutcome


def samples(*values_us: int) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values_us)
    return histogram


KNOWN = Evidence(
    over=True,
    now_s=40.0,
    phases=[
        PhaseSpan("ramp", 0.0, 10.0),
        PhaseSpan("steady", 10.0, 18.0),
        PhaseSpan("fault:crash", 18.0, 20.0),
        PhaseSpan("recovery:crash", 20.0, 30.0),
        PhaseSpan("steady", 30.0, 32.0),
        PhaseSpan("drain", 32.0, 40.0),
    ],
    operations=[
        OperationRow("ramp", "BootNotification", offered=10, sent=10, answered=10),
        OperationRow("steady", "Heartbeat", offered=210, dropped=10, sent=200, answered=197, timed_out=3),
        OperationRow("steady", "MeterValues", offered=100, sent=100, answered=98, cut_off=1, unfinished=1),
    ],
    legs=[
        LegRow(phase="steady", action="Heartbeat", sent=200, delivered=199, lost=1, duplicated=2),
        LegRow(phase="steady", action="MeterValues", sent=100, delivered=100, reordered=4),
    ],
    deliveries=DeliveryTotals(observed=True, delivered=309, lost=1, duplicated=3, reordered=4),
    totals={
        Tag("steady", "uplink", "Heartbeat", "intended"): samples(*range(1_000, 101_000, 1_000)),
        Tag("steady", "uplink", "MeterValues", "intended"): samples(250_432),
        Tag("steady", "uplink", "Heartbeat", "service"): samples(700),
        Tag("ramp", "uplink", "Heartbeat", "intended"): samples(9_000_000),
        Tag("ramp", "register", "BootNotification", "intended"): samples(5_000, 7_000),
    },
    charge_points=10,
    registered_after_s={50: 5.0, 90: 9.25, 99: 11.0},
    storms=[
        Storm(kind="boot", phase="ramp", start_s=0.0, away=10, back_after_s={50: 5.0}),
        Storm(kind="reconnect", phase="fault:crash", start_s=18.5, away=9, back_after_s={50: 1.0, 90: 6.5}),
        Storm(kind="reconnect", phase="steady", start_s=31.0, away=4, back_after_s={50: 0.5, 90: 0.75}),
    ],
    transactions=TransactionTotals(started=200, flawed=1, lost=3, duplicated=2),
)


def outcome(text: str, evidence: Evidence = KNOWN, **changes: Any) -> ThresholdOutcome:
    (found,) = judge([parse(text)], dataclasses.replace(evidence, **changes))
    return found


@pytest.mark.parametrize(
    ("text", "passed", "observed", "value", "of"),
    [
        ("p50 uplink Heartbeat < 51ms", True, "50.02ms", 50.015, 100),
        ("p99 uplink Heartbeat <= 50ms", False, "99.01ms", 99.007, 100),
        ("max uplink Heartbeat <= 100ms", True, "100ms", 100.0, 100),
        ("max uplink Heartbeat < 100ms", False, "100ms", 100.0, 100),
        ("max uplink < 0.25043s", False, "0.250432s", 0.250432, 101),
        ("max uplink Heartbeat service < 1ms", True, "0.7ms", 0.7, 1),
        ("max uplink Heartbeat < 1s", True, "0.1s", 0.1, 100),
        ("max uplink Heartbeat service < 1min", True, "0.7ms", 0.7 / 60_000, 1),
        ("p99 register < 7ms", False, "7ms", 7.0, 2),
        ("lost <= 1", True, "1 (1 of 310 messages)", 1, 310),
        ("lost < 0.3%", False, "0.3226% (1 of 310 messages)", 100 / 310, 310),
        ("lost Heartbeat steady < 1%", True, "0.5% (1 of 200 messages)", 0.5, 200),
        ("duplicated < 3", False, "3 (3 of 310 messages)", 3, 310),
        ("reordered MeterValues <= 4%", True, "4% (4 of 100 messages)", 4, 100),
        ("unanswered <= 5", True, "5 (5 of 310 messages)", 5, 310),
        ("unanswered Heartbeat < 1%", False, "1.5% (3 of 200 messages)", 1.5, 200),
        ("registered 90% < 10s", True, "9.25s", 9.25, 10),
        ("registered 100% < 10min", False, "not reached", None, 10),
        ("registered 90% fault:crash <= 7s", True, "7s", 7.0, 9),
        ("registered 90% recovery:crash < 5s", False, "5s", 5.0, 9),
        ("registered 50% recovery:crash < 1ms", True, "0ms", 0.0, 9),
        ("registered 90% steady < 1s", True, "0.75s", 0.75, 4),
        ("registered 99% recovery:crash < 99s", False, "not reached", None, 9),
        ("sent rate > 29/s", True, "30/s (300 messages in 10.0 s)", 30.0, 300),
        ("offered rate Heartbeat < 21/s", False, "21/s (210 messages in 10.0 s)", 21.0, 210),
        ("delivered rate MeterValues >= 10/s", True, "10/s (100 messages in 10.0 s)", 10.0, 100),
        ("transactions lost <= 2", False, "3 (3 messages lost, 200 transactions)", 3, 200),
        ("transactions flawed < 1%", True, "0.5% (1 flawed, 200 transactions)", 0.5, 200),
    ],
)
def test_figures_are_those_of_the_books(text: str, passed: bool, observed: str, value: float | None, of: int) -> None:
    found = outcome(text)
    assert (found.passed, found.observed, found.samples, found.no_data) == (passed, observed, of, False)
    assert found.value == (value if value is None else pytest.approx(value, abs=1e-9))
    assert (found.reason == "") == passed
    assert found.metric in found.text


def test_an_outcome_says_what_it_is_about() -> None:
    found = outcome("p99 uplink Heartbeat steady < 50ms")
    assert (found.text, found.kind, found.metric) == (
        "p99 uplink Heartbeat steady < 50ms",
        "latency",
        "p99 uplink Heartbeat steady",
    )
    assert (found.leg, found.action, found.phase, found.relation, found.bound, found.unit) == (
        "uplink",
        "Heartbeat",
        "steady",
        "<",
        50.0,
        "ms",
    )
    assert found.reason == "observed 99.01ms"


@pytest.mark.parametrize(
    "text",
    [
        "p99 uplink Authorize < 1s",
        "p99 uplink warmup < 1s",
        "lost Authorize < 1",
        "unanswered drain < 1",
        "registered 99% recovery:other < 1s",
        "sent rate drain > 1/s",
        "sent rate Authorize < 1/s",
    ],
)
def test_what_matched_no_data_does_not_pass_and_is_not_judged_when_the_run_was_cut_short(text: str) -> None:
    found = outcome(text)
    assert (found.passed, found.no_data, found.observed, found.value) == (False, True, "no data", None)
    assert found.reason
    cut_short = outcome(text, over=False)
    assert (cut_short.passed, cut_short.no_data) == (None, False)
    assert cut_short.reason == found.reason


def test_loss_is_not_known_without_a_subscriber_nor_flaws_without_transactions() -> None:
    assert outcome("lost < 1", deliveries=DeliveryTotals()).no_data
    assert outcome("unanswered < 9", deliveries=DeliveryTotals()).passed
    assert outcome("transactions lost < 1", transactions=None).no_data
    assert outcome("registered 99% recovery:crash < 9s", storms=[]).no_data


def test_who_is_still_away_is_late_as_soon_as_the_bound_cannot_be_kept() -> None:
    assert outcome("registered 100% < 41s", over=False).passed is None
    assert outcome("registered 100% < 40s", over=False).passed is False
    assert outcome("registered 99% recovery:crash < 21s", over=False).passed is None
    assert outcome("registered 99% recovery:crash < 20s", over=False).passed is False


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 59_000_000), min_size=1, max_size=60), min_size=1, max_size=4),
    st.sampled_from(["p50", "p90", "p99", "p99.99", "max"]),
)
def test_merged_percentiles_are_those_of_all_samples(parts: list[list[int]], stat: str) -> None:
    totals = {Tag("steady", "uplink", f"A{k}", "intended"): samples(*part) for k, part in enumerate(parts)}
    found = outcome(f"{stat} uplink < 60s", totals=totals)
    assert found.value is not None
    values = np.sort(np.concatenate(parts))
    percent = 100.0 if stat == "max" else float(stat[1:])
    exact_us = values[max(int(percent * len(values) / 100 + 0.5), 1) - 1]
    assert exact_us - 1 <= found.value * 1e6 <= min(exact_us * 1.001, values[-1]) + 1
    assert found.samples == len(values)


@settings(deadline=None)
@given(st.integers(1, 60_000_000), st.integers(1, 60_000_000))
def test_the_text_of_a_figure_never_stands_on_the_wrong_side_of_its_bound(value_us: int, bound_us: int) -> None:
    totals = {Tag("steady", "uplink", "Heartbeat", "intended"): samples(value_us)}
    found = outcome(f"max uplink < {bound_us / 1000:.3f}ms", totals=totals)
    assert found.passed == (value_us < bound_us)
    shown = Decimal(found.observed.removesuffix("ms").replace(",", ""))
    assert (shown * 1000 < bound_us) == found.passed


# While a run goes on --------------------------------------------------------------------------------------------


def test_a_watch_looks_once_a_second_after_the_grace_and_names_the_first_that_fails() -> None:
    looked: list[float] = []

    def known(now_s: float) -> Evidence:
        looked.append(now_s)
        return dataclasses.replace(KNOWN, over=False, now_s=now_s)

    watch = ThresholdWatch([parse(text) for text in ("p99 uplink < 1ms", "max uplink < 9ms abort after 3s")])
    assert watch.look(11, lambda: known(12.0)) is None
    assert watch.look(11, lambda: known(12.0)) is None
    assert looked == [12.0]
    missed = watch.look(13, lambda: known(14.0))
    assert missed is not None
    assert missed.text == "max uplink steady < 9ms abort after 3s"
    assert missed.reason == "observed 250.4ms; ended the run at 14 s"
    assert watch.ended_by is missed
    assert watch.look(15, lambda: known(16.0)) is None
    assert looked == [12.0, 14.0]


def test_nothing_is_made_up_when_no_threshold_may_end_the_run() -> None:
    watch = ThresholdWatch([parse("p99 uplink < 1ms")])
    assert watch.look(5, lambda: pytest.fail("no evidence is needed")) is None


def test_a_run_that_is_ended_early_fails_by_that_threshold_and_what_it_did_not_reach_is_not_judged(
    tmp_path: Path,
) -> None:
    demanded = tuple(
        parse(text) for text in ("p50 round_trip < 1ms abort after 2s", "lost < 1", "p50 uplink warmup < 1s")
    )
    processes = SampleRun(thresholds=demanded, description={"charge_points": 41}).play(tmp_path, until_s=3)
    assert processes.collector.missed_early() is None
    for second in range(3, 6):
        processes.report(second)
    missed = processes.collector.missed_early()
    assert missed is not None
    assert missed.text == "p50 round_trip steady < 1ms abort after 2s"
    processes.report_finally()
    record = processes.finish()
    assert [outcome.passed for outcome in record.thresholds] == [False, True, None]
    assert record.verdict is not None
    (reason,) = record.verdict.reasons
    assert (record.verdict.result, record.verdict.exit_code, reason.code) == ("failed", 1, "threshold")
    assert "ended the run at 6 s" in reason.text


def test_a_phase_that_has_not_begun_ends_nothing() -> None:
    watch = ThresholdWatch([parse("registered 99% recovery:crash < 1s abort")])
    early = dataclasses.replace(KNOWN, over=False, phases=KNOWN.phases[:2], now_s=15.0)
    assert watch.look(14, lambda: early) is None
    assert watch.needs_storms


def test_a_threshold_on_a_one_way_time_tells_how_wrong_that_may_be() -> None:
    unsure = dataclasses.replace(KNOWN, one_way_error_us=1234.0)
    (uplink, round_trip) = judge([parse("p50 uplink Heartbeat < 1s"), parse("p50 connect < 1s")], unsure)
    assert uplink.observed.endswith("(give or take 1.23 ms between the hosts' clocks)")
    assert "give or take" not in round_trip.observed


def test_a_class_is_judged_by_its_own_figures(tmp_path: Path) -> None:
    mixed = SampleRun(classes={"Depot": 20, "Kerb": 20}, steady_s=2, lost_every=19)
    depot, kerb = (part.deliveries.lost for part in mixed.finished(tmp_path / "first").classes)
    texts = (
        f"lost class:Depot <= {depot}",
        f"lost class:Kerb <= {kerb - 1}",
        f"lost <= {depot + kerb}",
        "p50 connect class:Kerb < 100ms",
        "delivered rate class:Depot > 1/s",
        "transactions flawed class:Depot <= 0",
    )
    mixed.thresholds = tuple(parse(text) for text in texts)
    record = mixed.finished(tmp_path / "again")
    assert [outcome.passed for outcome in record.thresholds] == [True, False, True, True, True, False]
    lost_depot, lost_kerb, lost, connect, rate, flawed = record.thresholds
    assert lost_depot.samples + lost_kerb.samples == lost.samples == record.operations.sent
    assert (lost_kerb.fleet_class, lost_kerb.value, connect.samples) == ("Kerb", kerb, 20)
    assert f"({rate.samples} messages in 2.0 s)" in rate.observed
    assert flawed.reason == "there were no transactions"


def test_a_class_ends_a_run_by_what_it_has_shown_so_far(tmp_path: Path) -> None:
    demanded = (parse("unanswered class:Kerb <= 0 abort"), parse("p50 uplink class:Kerb < 1us abort after 1s"))
    processes = SampleRun(classes={"Depot": 20, "Kerb": 20}, thresholds=demanded).play(tmp_path, until_s=3)
    assert processes.collector.missed_early() is None
    for second in range(3, 6):
        processes.report(second)
    missed = processes.collector.missed_early()
    assert missed is not None
    assert missed.text == "p50 uplink steady class:Kerb < 1us abort after 1s"
    kerb = processes.collector.books().samples[Tag("steady", "uplink", "Heartbeat", "intended")].total
    assert 0 < missed.samples < kerb * 3


def test_the_only_class_is_the_whole_fleet() -> None:
    assert outcome("lost class:Kerb <= 1").observed == outcome("lost <= 1").observed
