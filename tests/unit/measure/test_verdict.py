from __future__ import annotations

import datetime as dt

import pytest

from loadtest.measure.host_clock import HostClock
from loadtest.measure.limits import Limits
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_events import RunEvent
from loadtest.measure.run_outcome import ThresholdOutcome
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_totals import CommandSummary, CommandTotals, DeliveryTotals, LatencySummary, OperationTotals
from loadtest.measure.source_health import SourceHealth
from loadtest.measure.spans import PhaseSpan
from loadtest.measure.verdict import VOID_CODES, judge, killed


def record(**changes: object) -> RunRecord:
    """A run that passes, but for the changes."""
    fields: dict[str, object] = {
        "run": RunDescription(
            run_id="r", scenario="s", started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC), charge_points=10
        ),
        "registered": 10,
        "operations": OperationTotals(offered=100, sent=100, answered=100),
        "deliveries": DeliveryTotals(observed=True, delivered=100),
        "health": [
            SourceHealth(source="w0/engine-0", role="engine", final=True, cpu_percent=50.0),
            SourceHealth(source="w0/subscriber-0", role="subscriber", final=True),
            SourceHealth(source="stand", role="stand"),
        ],
    }
    return RunRecord(**(fields | changes))  # type: ignore[arg-type]


def pacer(p99_us: int, phase: str = "steady") -> LatencySummary:
    return LatencySummary(
        tag=f"{phase}.pacer.release.service",
        count=9,
        min_us=1,
        p50_us=1,
        p90_us=1,
        p99_us=p99_us,
        p999_us=p99_us,
        max_us=p99_us,
        mean_us=1.0,
        overflow=0,
        non_positive=0,
    )


def engine(**changes: object) -> list[SourceHealth]:
    fields: dict[str, object] = {"source": "w0/engine-0", "role": "engine", "final": True}
    return [SourceHealth(**(fields | changes))]  # type: ignore[arg-type]


def test_a_run_within_its_limits_passes() -> None:
    verdict = judge(record())
    assert (verdict.result, verdict.reasons, verdict.exit_code) == ("passed", [], 0)


def test_hosts_whose_clocks_were_compared_may_differ() -> None:
    compared = [HostClock(worker="worker-1", host="h", clock="b", offset_ns=1, bound_us=1.0, error_us=1.0)]
    assert judge(record(health=engine(host="a") + engine(host="b"), clocks=compared)).result == "passed"


def test_what_links_did_is_not_held_against_the_system() -> None:
    changes: dict[str, object] = {
        "operations": OperationTotals(offered=190, dropped=90, sent=100, answered=97, link_cut=3),
        "deliveries": DeliveryTotals(observed=True, delivered=98, link_cut=2),
        "registered": 9,
        "never_by_link": 1,
        "registered_at_end": 7,
        "away_by_link": 2,
        "counters": {"engine.late_or_duplicate_answers": 3, "engine.dropped_by_link": 90},
    }
    assert judge(record(**changes)).reasons == []
    for name, code in (("never_by_link", "not_registered"), ("away_by_link", "absent_at_end")):
        assert [reason.code for reason in judge(record(**changes | {name: 0})).reasons] == [code]


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"deliveries": DeliveryTotals(observed=True, lost=3, lost_charge_points=2)}, "lost", "3 of 100 .* 2 charge"),
        (
            {
                "deliveries": DeliveryTotals(observed=True, lost=3, lost_charge_points=2),
                "counters": {"engine.messages_refused": 2, "engine.messages_too_large": 1},
            },
            "lost",
            r"acknowledged 2 with a reason code of failure\. 1 were larger",
        ),
        ({"deliveries": DeliveryTotals(observed=True, lost=3)}, "lost", "3 of 100 messages were lost; allowed 0"),
        ({"registered": 7}, "not_registered", "3 of 10 charge points never registered"),
        ({"operations": OperationTotals(offered=9, sent=9, timed_out=1, unfinished=1)}, "unanswered", "2 of 9"),
        (
            {"events": [RunEvent(1.0, "out_of_descriptors", "gateway 0 has none")]},
            "sut_descriptors",
            "At 1.0 s",
        ),
        ({"operations": OperationTotals(offered=9, sent=9, cut_off=3)}, "unanswered", "3 of 9"),
        ({"operations": OperationTotals(offered=9, sent=9, call_error=4)}, "call_errors", "4 of 9"),
        ({"operations": OperationTotals(offered=9, sent=8, dropped=1)}, "dropped", "1 of 9"),
        ({"operations": OperationTotals()}, "no_data", "not|single"),
        ({"events": [RunEvent(2.5, "part_died", "broker ended with status 1", "system")]}, "sut_died", "2.5 s: broker"),
        (
            {"thresholds": [ThresholdOutcome("p99 below 5 ms", "7 ms", passed=False, reason="was 7 ms")]},
            "threshold",
            "below 5 ms.*7 ms",
        ),
        (
            {"thresholds": [ThresholdOutcome("p99 < 5ms", "", passed=False, no_data=True, reason="no samples")]},
            "threshold_no_data",
            "Threshold without data: p99 < 5ms; no samples",
        ),
        (
            {
                "counters": {"engine.answers_checked": 9, "engine.answers_invalid": 2},
                "events": [RunEvent(1.0, "invalid_answer", "HeartbeatResponse: payload lacks the field currentTime")],
            },
            "invalid_answers",
            "2 of 9 answers .*: HeartbeatResponse: payload lacks",
        ),
    ],
)
def test_what_the_system_did_wrong_fails_the_run(changes: dict[str, object], code: str, text: str) -> None:
    verdict = judge(record(**changes))
    assert (verdict.result, verdict.exit_code) == ("failed", 1)
    assert [reason.code for reason in verdict.reasons] == [code]
    assert code not in VOID_CODES
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(verdict.reasons[0].text)


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"unbalanced": ["a", "b", "c"]}, "ledger_unbalanced", "a and 2 more"),
        ({"events": [RunEvent(1.0, "part_died", "it was killed", "w0/engine-3")]}, "part_died", "it was killed"),
        ({"events": [RunEvent(1.0, "part_died", "who knows")]}, "part_died", "who knows"),
        ({"events": [RunEvent(1.0, "worker_lost", "worker-1")]}, "worker_lost", "worker-1"),
        ({"events": [RunEvent(1.0, "engine_fault", "KeyError", "w0/engine-1")]}, "harness_fault", "w0/engine-1 .*Key"),
        ({"events": [RunEvent(1.0, "gateway_fault", "KeyError", "system")]}, "harness_fault", "system .*Key"),
        ({"events": [RunEvent(1.0, "damaged_report", "x")]}, "report_damaged", "x"),
        ({"events": [RunEvent(1.0, "write_failed", "disk full")]}, "results_incomplete", "disk full"),
        ({"health": engine(final=False)}, "report_missing", "w0/engine-0"),
        ({"health": engine(cpu_percent=91.0)}, "generator_cpu", "91 % of a core"),
        ({"health": engine(role="subscriber", cpu_percent=95.0)}, "generator_cpu", "95 % of a core"),
        ({"health": engine(coalesced_intervals=1)}, "generator_backlog", "1 intervals"),
        ({"health": engine(loop_lag_max_us=4_600_000)}, "generator_stood_still", "w0/engine-0 stood still for 4.6 s"),
        (
            {"health": engine(source="stand", role="stand", loop_lag_max_us=4_600_000)},
            "generator_stood_still",
            "stand stood still for 4.6 s: nobody looked after gateway and broker",
        ),
        (
            {"health": engine(source="master", role="master", loop_lag_max_us=4_600_000)},
            "generator_stood_still",
            "master stood still for 4.6 s: nobody led the run",
        ),
        ({"counters": {"engine.connect_failures.no_descriptors": 7}}, "generator_sockets", "file desc.*: 7 attempts"),
        ({"counters": {"engine.connect_failures.no_source_port": 7}}, "generator_sockets", "source ports .*: 7 att"),
        ({"health": engine(host="a") + engine(host="b")}, "clocks_differ", "a, b"),
        ({"latency": [pacer(20_001)]}, "generator_late", "20.0 ms"),
        (
            {
                "counters": {"engine.checked": 9, "engine.invalid": 1},
                "events": [RunEvent(1.0, "invalid_message", "Authorize: payload lacks the field idTag")],
            },
            "invalid_messages",
            "1 of 9 messages .*: Authorize: payload lacks",
        ),
    ],
)
def test_what_the_instrument_did_wrong_makes_the_run_void(changes: dict[str, object], code: str, text: str) -> None:
    verdict = judge(record(**changes))
    assert (verdict.result, verdict.exit_code) == ("void", 4)
    assert [reason.code for reason in verdict.reasons] == [code]
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(verdict.reasons[0].text)


def test_void_outranks_failed_and_every_reason_is_given() -> None:
    verdict = judge(record(unbalanced=["a"], registered=7))
    assert verdict.result == "void"
    assert [reason.code for reason in verdict.reasons] == ["ledger_unbalanced", "not_registered"]


def test_an_interrupted_run_has_neither_passed_nor_failed_and_what_was_not_reached_is_not_judged() -> None:
    interrupted = [RunEvent(1.0, "interrupted", "stopped before its time")]
    for verdict in (judge(record(events=interrupted)), judge(record(events=interrupted, registered=0))):
        assert (verdict.result, [reason.code for reason in verdict.reasons]) == ("interrupted", ["interrupted"])
        assert verdict.exit_code == 130
    assert "registered" not in judge(record(events=interrupted)).reasons[0].text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"operations": OperationTotals(sent=10, answered=9, timed_out=1)}, "unanswered"),
        ({"unbalanced": ["2 > 1"]}, "ledger_unbalanced"),
    ],
)
def test_what_holds_all_the_same_of_an_interrupted_run_is_told(changes: dict[str, object], code: str) -> None:
    verdict = judge(record(events=[RunEvent(1.0, "interrupted", "")], **changes))
    assert (verdict.result, verdict.exit_code) == ("interrupted", 130)
    assert [reason.code for reason in verdict.reasons] == ["interrupted", code]


def test_an_interrupted_run_says_how_far_it_came_and_why_no_further() -> None:
    refused = RunEvent(0.5, "first_connect_fault", "cp-1: handshake refused with 401")
    events = [refused, RunEvent(1.0, "interrupted", "")]
    (reason,) = judge(record(events=events, registered=0, phases=[PhaseSpan("ramp", 0, 1)])).reasons
    assert reason.text.endswith("0 of 10 charge points had registered. First: cp-1: handshake refused with 401.")


def test_a_run_that_was_interrupted_before_its_ramp_misses_nobody() -> None:
    never = record(events=[RunEvent(1.0, "interrupted", "")], health=engine(final=False), registered=0)
    verdict = judge(never)
    assert verdict.exit_code == 130
    assert [reason.text for reason in verdict.reasons] == ["Stopped at 1.0 s, before its ramp: nothing was measured."]
    never.phases = [PhaseSpan("ramp", 0, 1)]
    assert [reason.code for reason in judge(never).reasons] == ["interrupted", "report_missing"]


def test_a_run_that_was_killed_is_interrupted_as_well() -> None:
    assert (killed().result, killed().exit_code) == ("interrupted", 130)


def test_values_at_the_limit_hold_and_lateness_outside_the_steady_phase_is_not_judged() -> None:
    fine = record(latency=[pacer(20_000), pacer(900_000, "ramp")], health=engine(cpu_percent=90.0))
    assert judge(fine).result == "passed"


def test_limits_can_be_moved_and_switched_off() -> None:
    lossy = record(
        deliveries=DeliveryTotals(observed=True, lost=3),
        operations=OperationTotals(offered=200, sent=100, dropped=100, timed_out=50, call_error=50),
        latency=[pacer(90_000)],
        health=engine(cpu_percent=100.0, coalesced_intervals=7, loop_lag_max_us=10**7),
    )
    assert len(judge(lossy).reasons) == 8
    off = dict.fromkeys(Limits.__struct_fields__)
    lossy.run.limits = Limits(**off)
    assert judge(lossy).result == "passed"
    lossy.run.limits = Limits(**(off | {"lost": 2}))
    assert [reason.code for reason in judge(lossy).reasons] == ["lost"]
    lossy.run.limits = Limits(**(off | {"lost": 3}))
    assert judge(lossy).result == "passed"


def test_loss_is_not_judged_when_nobody_listened() -> None:
    assert judge(record(deliveries=DeliveryTotals(observed=False, lost=5))).result == "passed"


def test_charge_points_that_did_not_come_back_fail_the_run() -> None:
    verdict = judge(record(registered_at_end=0))
    assert (verdict.result, [reason.code for reason in verdict.reasons]) == ("failed", ["absent_at_end"])
    assert judge(record(registered_at_end=-1)).result == "passed", "not every engine could tell"


def test_calls_answered_by_two_central_systems_fail_the_run_with_the_remedy() -> None:
    (reason,) = judge(record(counters={"engine.late_or_duplicate_answers": 7})).reasons
    assert reason.code == "answers_doubled"
    assert "--csms observe" in reason.text


def commands(*, lost_down: int = 0, lost_back: int = 0, invalid: int = 0, **fates: int) -> CommandTotals:
    operations = OperationTotals(**({"offered": 50, "sent": 50, "answered": 50} | fates))
    return CommandTotals(
        operations=operations,
        by_action=[
            CommandSummary(action="Reset", operations=operations, answers={"invalid": invalid} if invalid else {})
        ],
        downlink=DeliveryTotals(observed=True, lost=lost_down),
        replies=DeliveryTotals(observed=True, lost=lost_back),
    )


def test_commands_that_were_answered_change_nothing() -> None:
    assert judge(record(commands=commands())).result == "passed"


@pytest.mark.parametrize(
    ("what", "code", "limit"),
    [
        (commands(lost_down=1), "commands_lost", "commands_lost"),
        (commands(lost_back=1), "commands_lost", "commands_lost"),
        (commands(answered=49, timed_out=1), "commands_unanswered", "commands_unanswered"),
        (commands(answered=49, unfinished=1), "commands_unanswered", "commands_unanswered"),
        (commands(answered=49, call_error=1), "command_errors", "command_errors"),
        (commands(invalid=1), "command_answers_invalid", "command_answers_invalid"),
        (commands(sent=40, answered=40, dropped=10), "commands_dropped", "dropped_share"),
    ],
)
def test_commands_fail_a_run_beyond_their_limits(what: CommandTotals, code: str, limit: str) -> None:
    verdict = judge(record(commands=what))
    assert (verdict.result, [reason.code for reason in verdict.reasons]) == ("failed", [code])
    lenient = record(commands=what)
    lenient.run.limits = Limits(**{limit: None})
    assert judge(lenient).result == "passed"
