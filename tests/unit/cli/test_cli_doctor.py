"""What the doctor makes of facts, and that it names a fix for whatever is wrong."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtest.brokers.kinds import KINDS
from loadtest.cli import doctor_checks as checks
from loadtest.cli.doctor_checks import Check, Level
from loadtest.cli.main import loadtest


@pytest.mark.parametrize(
    ("check", "level", "words"),
    [
        (checks.file_descriptors(20_000), Level.OK, "19,800 charge points"),
        (checks.file_descriptors(resource.RLIM_INFINITY), Level.OK, "no limit"),
        (checks.file_descriptors(1024), Level.PROBLEM, "824 charge points"),
        (checks.file_descriptors(100), Level.PROBLEM, "0 charge points"),
        (checks.ephemeral_ports("32768\t60999"), Level.OK, "28,232"),
        (checks.ephemeral_ports("60000 60999"), Level.PROBLEM, "1,000"),
        (checks.ephemeral_ports(""), Level.NOTE, "unknown"),
        (checks.cores(1), Level.NOTE, "1 for"),
        (checks.cores(2), Level.OK, "2 for"),
        (checks.clock(1e-9, "tsc"), Level.OK, "1 ns, source tsc"),
        (checks.clock(1e-9, "hpet"), Level.NOTE, "slow to read"),
        (checks.clock(0.015, ""), Level.PROBLEM, "source unknown"),
        (checks.timer(available=True), Level.OK, "timerfd"),
        (checks.timer(available=False), Level.PROBLEM, "no timerfd"),
        (checks.broker("mosquitto", "Mosquitto", "2.0.11", ""), Level.OK, "Mosquitto 2.0.11"),
        (
            checks.broker("mosquitto", "Mosquitto", None, "apt-get install mosquitto"),
            Level.NOTE,
            "Mosquitto is not installed",
        ),
        (checks.disk_space(50_000_000_000, Path("results")), Level.OK, "50.0 GB"),
        (checks.disk_space(999_999, Path("results")), Level.PROBLEM, "0.0 GB"),
        (checks.writing(Path(__file__)), Level.PROBLEM, "cannot be written"),
    ],
)
def test_facts_are_judged(check: Check, level: Level, words: str) -> None:
    assert check.level is level
    assert words in check.found
    assert bool(check.fix) == (level is Level.PROBLEM or (level is Level.NOTE and "unknown" not in check.found))


def test_a_folder_that_is_still_to_be_made_can_be_written(tmp_path: Path) -> None:
    assert checks.writing(tmp_path / "a" / "b").level is Level.OK


@pytest.mark.parametrize(("level", "exit_code"), [(Level.OK, 0), (Level.NOTE, 0), (Level.PROBLEM, 2)])
def test_only_a_problem_fails(level: Level, exit_code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "all_checks", lambda _: [Check(level, "subject", "found", "do [this]")])
    shown = CliRunner().invoke(loadtest, ["doctor"], standalone_mode=False)
    assert shown.return_value == exit_code
    assert "fix: do [this]" in shown.output


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    subjects = [check.subject for check in checks.all_checks(tmp_path)]
    assert len(set(subjects)) == len(subjects) == 9 + len(KINDS)
