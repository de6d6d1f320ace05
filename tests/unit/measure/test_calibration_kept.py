"""A calibration is kept beside runs; runs take a note of it, and say when they were faster than it covers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import pytest

from loadtest.errors import DamagedResultError, ResultError
from loadtest.measure import calibration_record
from loadtest.measure.calibration_note import CalibrationNote, caveat, rate_per_engine, sentence
from loadtest.measure.calibration_record import CALIBRATION_JSON, Calibration, Check, note_of
from loadtest.measure.host_clock import HostClock
from loadtest.measure.machine import Machine, this_machine
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_totals import LatencySummary
from loadtest.measure.source_health import SourceHealth
from loadtest.measure.spans import PhaseSpan

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
HERE = Machine(machine_id="a1", name="bench", cpu="Some CPU", cores=4, kernel="6.1", python="3.11.7", loadtest="0.1.0")


def calibration(*, passed: bool = True) -> Calibration:
    return Calibration(
        made_at=NOON, machine=HERE, floor_us=210.4, holds_per_s=8_000, checks=[Check("clock", passed, "70 ns")]
    )


def note(**changes: object) -> CalibrationNote:
    kept = CalibrationNote(made_at=NOON, truthful=True, floor_us=210.4, holds_per_s=8_000)
    return msgspec.structs.replace(kept, **changes)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    results = tmp_path / "not" / "yet"
    assert calibration_record.load(results) is None
    path = calibration_record.write(calibration(), results)
    assert path == results / CALIBRATION_JSON
    assert calibration_record.load(results) == calibration()


def test_what_cannot_be_read_is_refused_and_no_note(tmp_path: Path) -> None:
    file = tmp_path / CALIBRATION_JSON
    file.write_text('{"format": "loadtest-calibration", "version": 1, "made')
    with pytest.raises(DamagedResultError, match=r"calibration\.json is damaged"):
        calibration_record.load(tmp_path)
    assert note_of(tmp_path, HERE) is None
    file.write_text('{"format": "loadtest-calibration", "version": 99}')
    with pytest.raises(ResultError, match="version 99"):
        calibration_record.load(tmp_path)
    with pytest.raises(ResultError, match="cannot write"):
        calibration_record.write(calibration(), file)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"name": "renamed"}, []),
        ({"machine_id": "b2", "kernel": "5.4"}, ["made on bench, not on this one"]),
        ({"kernel": "6.18"}, ["kernel was 6.1, is 6.18"]),
        ({"cores": 2, "loadtest": "0.2.0"}, ["number of cores was 4, is 2", "loadtest was 0.1.0, is 0.2.0"]),
    ],
)
def test_it_is_stale_on_another_machine_or_with_other_software(
    tmp_path: Path, changes: dict[str, object], told: list[str]
) -> None:
    calibration_record.write(calibration(), tmp_path)
    found = note_of(tmp_path / "matrix" / "arm", msgspec.structs.replace(HERE, **changes))
    assert found == note(stale=told)


def test_a_note_in_one_line() -> None:
    assert sentence(note()) == "calibrated on 2026-01-31 12:00 UTC: floor 0.21 ms, holds to 8,000 messages/s per engine"
    told = sentence(note(truthful=False, holds_per_s=0, stale=["kernel was 6.1, is 6.18"]))
    assert told.endswith("no rate held; not truthful then, see calibration.md; stale: kernel was 6.1, is 6.18")


def test_this_machine_is_the_same_twice() -> None:
    assert this_machine().differences(this_machine()) == []
    assert this_machine().cores > 0
    assert this_machine().cpu


def run(calls: int, kept: CalibrationNote | None, engines: int = 2) -> RunRecord:
    def row(tag: str, count: int) -> LatencySummary:
        figures = dict.fromkeys(
            ("min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us", "overflow", "non_positive"), 1
        )
        return LatencySummary(tag=tag, count=count, **figures)

    return RunRecord(
        run=RunDescription(run_id="r", scenario="steady", started_at=NOON, calibration=kept),
        phases=[PhaseSpan("ramp", 0, 5), PhaseSpan("steady", 5, 15)],
        latency=[
            row("steady.round_trip.Heartbeat.intended", calls - 10),
            row("steady.round_trip.MeterValues.intended", 10),
            row("steady.round_trip.Heartbeat.service", calls),
            row("steady.uplink.Heartbeat.intended", calls),
            row("ramp.round_trip.Heartbeat.intended", 10**9),
        ],
        health=[
            SourceHealth(source="subscriber", role="subscriber"),
            *(SourceHealth(source=f"engine-{number}", role="engine") for number in range(engines)),
        ],
    )


def test_the_rate_of_an_engine_is_that_of_the_steady_phase() -> None:
    assert rate_per_engine(run(160_000, None)) == 8_000
    assert rate_per_engine(run(160_000, None, engines=0)) == 0
    assert rate_per_engine(RunRecord(run=RunDescription(run_id="r", scenario="s", started_at=NOON))) == 0


def test_only_a_run_faster_than_calibrated_says_so() -> None:
    assert caveat(run(160_000, note())) == ""
    assert caveat(run(160_020, None)) == "", "nothing is known"
    assert caveat(run(160_020, note(holds_per_s=0))) == "", "no rate is known"
    elsewhere = run(20, note())
    elsewhere.clocks = [HostClock(worker="w1", host="other", clock="c", offset_ns=5, bound_us=100, error_us=100)]
    assert "of other workers" in caveat(elsewhere)
    assert "8,001 messages/s per engine in the steady phase, known to hold to 8,000" in caveat(run(160_020, note()))
