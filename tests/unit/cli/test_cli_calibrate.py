"""``loadtest calibrate`` as it is seen: what is written, what is shown, how it ends; and what the doctor says of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from calibrations import good
from click.testing import CliRunner, Result

from loadtest.calibration import calibrate as find_out
from loadtest.calibration.judgement import judge
from loadtest.cli import doctor_checks
from loadtest.cli.doctor_checks import Level
from loadtest.cli.main import loadtest
from loadtest.errors import EnvironmentNotReady, ExitCode, UsageError
from loadtest.measure import calibration_record
from loadtest.measure.machine import this_machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.measure.calibration_record import Calibration


def ended(found: Calibration, monkeypatch: pytest.MonkeyPatch, results: Path, *options: str) -> Result:
    async def calibrate(*, quick: bool, on_step: Callable[[str], None]) -> Calibration:
        on_step("known delays")
        found.quick = quick
        return found

    monkeypatch.setattr(find_out, "calibrate", calibrate)
    arguments = ["calibrate", "--results", str(results), *options]
    return CliRunner().invoke(loadtest, arguments, standalone_mode=False)


def test_a_truthful_instrument_is_kept_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ended(good(), monkeypatch, tmp_path, "--quick")
    assert shown.return_value == ExitCode.PASSED
    assert "instrument  truthful. The instrument's own part of a round trip is 200 µs. One engine" in shown.output
    kept = calibration_record.load(tmp_path)
    assert kept is not None
    assert kept.quick
    page, text = (tmp_path / "calibration.html").read_text(), (tmp_path / "calibration.md").read_text()
    for check in kept.checks:
        for document in (shown.output, text, page):
            assert check.subject in document
    assert "quick" in text
    assert "://" not in page, "it needs no network"


def test_one_that_is_not_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = good()
    found.delays[1].error_us = 5_000.0
    found.checks = judge(found)
    shown = ended(found, monkeypatch, tmp_path)
    assert shown.return_value == ExitCode.VOID
    assert "instrument  not truthful" in shown.output
    assert "to do: end what else keeps this machine busy" in shown.output
    assert "off by +5,000 µs" in (tmp_path / "calibration.md").read_text()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calibration.json").mkdir()
    shown = ended(good(), monkeypatch, tmp_path)
    assert "cannot write" in str(shown.exception)


def test_reports_without_room_change_nothing_and_are_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "calibration.html"
    in_the_way.mkdir()
    shown = ended(good(), monkeypatch, tmp_path)
    assert shown.return_value == ExitCode.PASSED
    assert "instrument  truthful" in shown.output
    again = f"loadtest report {tmp_path}"
    assert again in " ".join(shown.output.split())
    in_the_way.rmdir()
    CliRunner().invoke(loadtest, again.split()[1:], catch_exceptions=False)
    assert "truthful" in in_the_way.read_text()


def test_a_folder_that_cannot_be_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shown = CliRunner().invoke(loadtest, ["calibrate", "--results", str(tmp_path / "file")])
    assert isinstance(shown.exception, UsageError), shown.output
    assert "cannot make the folder" in shown.exception.message


def test_the_doctor_knows_whether_it_was_made_here(tmp_path: Path) -> None:
    assert doctor_checks.calibrated(tmp_path).level is Level.NOTE
    found = good()
    found.machine = this_machine()
    calibration_record.write(found, tmp_path)
    assert doctor_checks.calibrated(tmp_path).level is Level.OK
    found.machine = msgspec.structs.replace(found.machine, kernel="2.4")
    calibration_record.write(found, tmp_path)
    stale = doctor_checks.calibrated(tmp_path)
    assert stale.level is Level.NOTE
    assert "stale: kernel was 2.4" in stale.found
    assert stale.fix == f"loadtest calibrate --results {tmp_path}"
    (tmp_path / "calibration.json").write_text("{")
    damaged = doctor_checks.calibrated(tmp_path)
    assert damaged.level is Level.NOTE
    assert "is damaged" in damaged.found


def test_an_error_names_no_log_that_goes_with_the_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(_wanted: str, folder: Path) -> None:
        raise EnvironmentNotReady("it was killed", hint=f"its log: {folder / 'mosquitto.log'}")

    monkeypatch.setattr(find_out, "start_broker", dies)
    with pytest.raises(EnvironmentNotReady) as refused:
        asyncio.run(find_out._behind_a_broker(good(), tmp_path, find_out.QUICK, lambda _step: None))
    assert not refused.value.hint
