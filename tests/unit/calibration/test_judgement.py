"""What is held against the instrument, by figures alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from calibrations import delay, good, rate, spread

from loadtest.calibration.calibrate import range_of
from loadtest.calibration.clocks import clock_figures
from loadtest.calibration.judgement import judge
from loadtest.calibration.rates import STUB, judged_step
from loadtest.calibration.round_trips import expected_waits_us, floor_us
from loadtest.measure.calibration_record import Calibration, CountFigure, Spread
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_outcome import Reason, Verdict
from loadtest.measure.run_record import RunRecord
from loadtest.measure.source_health import SourceHealth
from loadtest.units import NS_PER_MS, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

MADE_AT = good().made_at


def test_a_good_instrument_is_truthful() -> None:
    assert good().truthful
    assert {check.remedy for check in good().checks} == {""}
    assert not Calibration(made_at=MADE_AT, machine=good().machine).truthful, "what was not tried is not true"


def clock_too_coarse(found: Calibration) -> None:
    found.clock.step_ns = 15_000_000


def clock_that_stands(found: Calibration) -> None:
    found.clock.step_ns = 0


def delay_reported_too_long(found: Calibration) -> None:
    found.delays[1] = delay(1_000, 101.0, 100.0)


def delay_reported_too_short(found: Calibration) -> None:
    found.delays[2] = delay(100_000, -2_001.0, 2_000.0)


def answer_before_it_was_given(found: Calibration) -> None:
    found.delays[2] = delay(100_000, 0.0, 2_000.0, least_us=99_999)


def stall_hidden_in_response_time(found: Calibration) -> None:
    assert found.stalls is not None
    found.stalls.intended[0].reported_us = 1_000


def stall_in_service_time(found: Calibration) -> None:
    assert found.stalls is not None
    found.stalls.service_p99_us = 390_000


def everything_too_long_alike(found: Calibration) -> None:
    for figure in found.delays:
        figure.reported = spread(figure.reported.p50_us + 2_500)


def stall_missed(found: Calibration) -> None:
    assert found.stalls is not None
    found.stalls.service_long = 1


def one_message_too_many(found: Calibration) -> None:
    found.counts.append(CountFigure("messages lost", 12, 13))


def second_opinion_on_other_messages(found: Calibration) -> None:
    assert found.second_opinion is not None
    found.second_opinion.aiomqtt = spread(400, count=499)


def second_opinion_much_earlier(found: Calibration) -> None:
    assert found.second_opinion is not None
    found.second_opinion.aiomqtt = spread(199)


def second_opinion_much_later(found: Calibration) -> None:
    assert found.second_opinion is not None
    found.second_opinion.aiomqtt = spread(1_401)


def no_rate_holds(found: Calibration) -> None:
    found.holds_per_s, found.rates = 0, [rate(1_000, "late")]


def no_rate_tried(found: Calibration) -> None:
    found.holds_per_s, found.rates = 0, []


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (clock_too_coarse, "clock"),
        (clock_that_stands, "clock"),
        (delay_reported_too_long, "delay of 1 ms"),
        (everything_too_long_alike, "delay of 0 ms"),
        (delay_reported_too_short, "delay of 100 ms"),
        (answer_before_it_was_given, "delay of 100 ms"),
        (stall_hidden_in_response_time, "stalls in response time"),
        (stall_in_service_time, "stalls not in service time"),
        (stall_missed, "CALLs sent into a stall"),
        (one_message_too_many, "messages lost"),
        (second_opinion_on_other_messages, "second opinion: same messages"),
        (second_opinion_much_earlier, "second opinion: same times"),
        (second_opinion_much_later, "second opinion: same times"),
        (no_rate_holds, "rate"),
        (no_rate_tried, "rate"),
    ],
)
def test_one_fault_is_one_failed_check_with_its_remedy(spoil: Callable[[Calibration], None], subject: str) -> None:
    found = good()
    spoil(found)
    found.checks = judge(found)
    assert not found.truthful
    failed = [check for check in found.checks if not check.passed]
    assert [check.subject for check in failed] == [subject]
    assert failed[0].remedy


def test_the_range_ends_below_the_first_rate_that_did_not_hold() -> None:
    assert range_of([]) == (0, False)
    assert range_of([rate(1_000, "late")]) == (0, False)
    assert range_of([rate(1_000), rate(2_000)]) == (2_000, False)
    assert range_of([rate(1_000), rate(2_000, STUB, stub_limited=True)]) == (1_000, True)
    assert range_of([rate(1_000), rate(2_000, "late"), rate(4_000)]) == (1_000, False)


@pytest.mark.parametrize(
    ("reasons", "p50_us", "why"),
    [
        ([], 50_000, ""),
        ([], 50_001, STUB),
        ([Reason("generator_late", "The generator was late.")], 90_000, "The generator was late."),
        ([Reason("generator_cpu", "No CPU to spare.")], 300, "No CPU to spare."),
        ([Reason("unanswered", "The stub is not what is tested.")], 300, ""),
    ],
)
def test_a_step_is_held_against_what_a_run_is(reasons: list[Reason], p50_us: int, why: str) -> None:
    record = RunRecord(
        run=RunDescription(run_id="r", scenario="calibration", started_at=MADE_AT),
        verdict=Verdict("failed", reasons, 1),
        health=[
            SourceHealth(source="engine", role="engine", cpu_percent=42.0),
            SourceHealth(source="other", role="subscriber", cpu_percent=99.0),
        ],
    )
    step = judged_step(record, wanted_per_s=2_000, round_trip=spread(p50_us), pacer=Spread())
    assert (step.held, step.why, step.cpu_percent) == (not why, why, 42.0)
    assert step.stub_limited == (why == STUB)


def test_the_floor_is_what_a_round_trip_takes_beside_the_stub() -> None:
    assert floor_us(good().delays) == 200.0


def test_what_is_due_in_a_stall_waits_for_its_end() -> None:
    span_ns = (0, 100 * NS_PER_MS)
    waits_us = expected_waits_us(span_ns, [(20 * NS_PER_MS, 30 * NS_PER_MS), (90 * NS_PER_MS, 120 * NS_PER_MS)])
    assert waits_us.size == 1_000
    assert np.count_nonzero(waits_us) == 200
    assert waits_us.max() == 30 * NS_PER_MS / NS_PER_US
    assert waits_us[200] == 10_000, "due as it begins"
    assert waits_us[300] == 0, "due as it ends"


def test_a_clock_is_known_by_its_steps() -> None:
    readings = iter(range(10**9))
    assert (clock_figures(lambda: next(readings) // 2 * 70).step_ns, clock_figures(lambda: 5).step_ns) == (70, 0)
