"""A calibration in which everything is as it should be, for tests to spoil."""

from __future__ import annotations

import datetime as dt

from loadtest.calibration.judgement import judge
from loadtest.measure.calibration_record import (
    Calibration,
    ClockFigures,
    CountFigure,
    DelayFigure,
    RateStep,
    SecondOpinion,
    Spread,
    StallFigure,
    Stalls,
)
from loadtest.measure.machine import Machine

MACHINE = Machine(
    machine_id="a1", name="bench", cpu="Some CPU", cores=4, kernel="6.1", python="3.11.7", loadtest="0.1.0"
)


def spread(p50_us: int, count: int = 500) -> Spread:
    return Spread(count=count, p50_us=p50_us, p99_us=p50_us * 3, max_us=p50_us * 4)


def delay(delay_us: int, error_us: float, tolerance_us: float, least_us: int | None = None) -> DelayFigure:
    return DelayFigure(
        delay_us=delay_us,
        stub_p50_us=delay_us + 10,
        reported=spread(delay_us + 210 + round(error_us)),
        reported_min_us=delay_us + 150 if least_us is None else least_us,
        error_us=error_us,
        tolerance_us=tolerance_us,
    )


def rate(wanted_per_s: int, why: str = "", *, stub_limited: bool = False) -> RateStep:
    return RateStep(
        wanted_per_s=wanted_per_s,
        round_trip=spread(300),
        pacer=spread(100),
        cpu_percent=20.0,
        held=not why,
        why=why,
        stub_limited=stub_limited,
    )


def good() -> Calibration:
    found = Calibration(
        made_at=dt.datetime(2026, 1, 31, 12, 30, tzinfo=dt.UTC),
        machine=MACHINE,
        broker="mosquitto 2.0",
        clock=ClockFigures(step_ns=40, read_ns=50),
        wake_up=spread(50),
        floor_us=200.0,
        delays=[delay(0, 0.0, 100.0), delay(1_000, 30.0, 100.0), delay(100_000, -400.0, 2_000.0)],
        stalls=Stalls(
            stalls=2,
            stall_us=400_000,
            intended=[StallFigure(percent=90, low_us=190_000, high_us=260_000, reported_us=205_000)],
            service_p99_us=900,
            service_long=2,
        ),
        counts=[CountFigure("messages lost", 12, 12)],
        second_opinion=SecondOpinion(ours=spread(400), aiomqtt=spread(520), earlier_us=200.0, later_us=1_000.0),
        rates=[rate(1_000), rate(2_000), rate(4_000, "The generator released operations late.")],
        holds_per_s=2_000,
    )
    found.checks = judge(found)
    return found
