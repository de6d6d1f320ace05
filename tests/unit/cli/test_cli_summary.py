"""The table at the end of a run."""

from __future__ import annotations

import datetime as dt
import io

from rich.console import Console

from loadtest.cli.summary import print_summary
from loadtest.measure.host_clock import HostClock
from loadtest.measure.limits import Limits
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_outcome import Reason, ThresholdOutcome, Verdict
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_totals import DeliveryTotals, LatencySummary, OperationTotals, TransactionTotals
from loadtest.measure.source_health import MemoryGrowth, SourceHealth
from loadtest.measure.storm import Storm
from loadtest.measure.verdict import killed


def series(tag: str, p99_us: int) -> LatencySummary:
    return LatencySummary(
        tag=tag,
        count=1234,
        min_us=100,
        p50_us=500,
        p90_us=900,
        p99_us=p99_us,
        p999_us=p99_us,
        max_us=p99_us,
        mean_us=500.0,
        overflow=0,
        non_positive=0,
    )


def shown(record: RunRecord) -> str:
    out = io.StringIO()
    print_summary(record, Console(file=out, width=120))
    return out.getvalue()


def record(*latency: LatencySummary) -> RunRecord:
    return RunRecord(
        run=RunDescription(run_id="r1", scenario="steady", started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        ended_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
        verdict=Verdict("failed", [Reason("lost", "3 of 10 messages were lost [really].")], 1),
        registered=2000,
        operations=OperationTotals(offered=10, sent=10, answered=10),
        deliveries=DeliveryTotals(observed=True, delivered=7, lost=3),
        latency=list(latency),
    )


def test_one_way_times_between_hosts_come_with_their_error() -> None:
    apart = record(series("steady.uplink.Heartbeat.intended", 900))
    apart.health = [SourceHealth(source=f"worker-{n}/x", role=role) for n, role in enumerate(("engine", "subscriber"))]
    assert "clocks" not in shown(apart)
    apart.clocks = [HostClock(worker="worker-1", host="b", clock="b", offset_ns=1, bound_us=90.0, error_us=450.0)]
    assert "between hosts: give or take 0.45 ms" in shown(apart)


def test_response_and_service_time_stand_in_one_row_of_the_steady_phase() -> None:
    text = shown(
        record(
            series("ramp.round_trip.Heartbeat.intended", 77_000),
            series("steady.round_trip.Heartbeat.intended", 12_340),
            series("steady.round_trip.Heartbeat.service", 5_670),
        )
    )
    row = next(line for line in text.splitlines() if "Heartbeat" in line)
    assert "12.34" in row
    assert "5.67" in row
    assert "77.00" not in text


def test_connecting_is_shown_from_the_phase_it_happened_in() -> None:
    text = shown(record(series("ramp.connect.open.intended", 3_000), series("steady.uplink.Heartbeat.intended", 900)))
    assert "connect" in text
    assert "uplink" in text


def test_the_verdict_comes_with_its_reasons_and_the_ledger() -> None:
    text = shown(record())
    assert "verdict  failed" in text
    assert "3 of 10 messages were lost [really]." in text
    assert "lost 3" in text


def test_the_share_that_was_checked_is_told_if_there_was_one() -> None:
    assert "checked " not in shown(record())
    sampled = record()
    sampled.counters = {"engine.checked": 12_345, "engine.answers_checked": 7}
    assert "checked  1 of 64 messages against the official schemas: 12,345 of charge points, 0 invalid" in shown(
        sampled
    )


def test_what_the_central_system_asked_has_its_rows() -> None:
    text = shown(record(*(series(f"steady.{leg}.Reset.intended", 900) for leg in ("command", "downlink", "reply"))))
    assert [line.split()[:2] for line in text.splitlines() if "Reset" in line] == [
        ["command", "Reset"],
        ["downlink", "Reset"],
        ["reply", "Reset"],
    ]


def test_of_a_run_that_was_killed_there_is_no_more_than_the_verdict() -> None:
    killed_run = record()
    killed_run.ended_at, killed_run.verdict = None, killed()
    text = shown(killed_run)
    assert "verdict  interrupted" in text
    assert "ledger " not in text


def test_storms_and_transactions_are_told() -> None:
    stormy = record()
    stormy.storms = [Storm(kind="reconnect", phase="fault:crash", start_s=9, away=300, back_after_s={50: 1.25, 90: 8})]
    stormy.transactions = TransactionTotals(started=61, stopped=29, complete=21, flawed=10, lost=34, late=2)
    text = shown(stormy)
    assert "storm    fault:crash: 300 away; registered 50 % after 1.2 s, 90 % after 8.0 s, 99 % never" in text
    assert "transactions started 61, stopped 29: complete 21, flawed 10; messages lost 34," in text
    assert "storm" not in shown(record())
    assert "transactions" not in shown(record())


def test_what_had_to_be_otherwise_stands_before_the_verdict() -> None:
    adapted = record()
    adapted.run.adaptations = ["NATS 2.9.10 has no QoS 2: QoS 1 instead"]
    text = shown(adapted)
    assert text.index("adapted  NATS 2.9.10 has no QoS 2: QoS 1 instead") < text.index("verdict")
    assert "adapted" not in shown(record())


def test_whether_memory_grew_is_told_of_runs_long_enough_to_tell() -> None:
    long = record()
    long.health = [SourceHealth(source="w0/engine-0", role="engine"), SourceHealth(source="master", role="master")]
    assert "memory" not in shown(long)
    long.health[1].memory_growth = MemoryGrowth(mb_per_h=2.04, error_mb_per_h=1.5, mean_bytes=10**8, judged_s=600)
    assert "memory   master grew, +2.0 ± 1.5 MB/h" in shown(long)


def test_a_void_run_has_neither_held_nor_missed_its_thresholds() -> None:
    judged = record()
    judged.thresholds = [ThresholdOutcome("p99 < 1s", "2 ms", True), ThresholdOutcome("lost <= 0", "3", False)]
    assert "✓ p99" in shown(judged)
    judged.verdict = Verdict("void", [Reason("generator_late", "It was late.")], 4)
    assert "– p99 < 1s  2 ms" in shown(judged)
    assert "– lost <= 0  3" in shown(judged)


def test_what_nobody_judged_stands_below_passed() -> None:
    passed = record()
    passed.verdict = Verdict("passed", [], 0)
    passed.run.limits = Limits(lost=None)
    assert "verdict  passed\n  Limits switched off: lost. No thresholds.\n" in shown(passed)
