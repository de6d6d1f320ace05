"""Runs listed and shown again, the damaged among them; completion for shells."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sample_run import SampleRun

from loadtest.cli.main import loadtest
from loadtest.cli.run_folders import all_runs, find_run
from loadtest.errors import ResultError
from loadtest.measure import run_set

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """From old to new: a whole run, one cut off in its record, one that has none; and a folder of something else."""
    for age, name in enumerate(("nothing", "cut", "whole")):
        (tmp_path / name / "logs").mkdir(parents=True)
        os.utime(tmp_path / name, ns=(0, 10**18 - age * 10**9))
    SampleRun(lost_every=50).finished(tmp_path / "whole")
    record = (tmp_path / "whole" / "run.json").read_bytes()
    (tmp_path / "cut" / "run.json").write_bytes(record[: len(record) // 2])
    for age, name in enumerate(("cut", "whole"), 1):
        os.utime(tmp_path / name / "run.json", ns=(0, 10**18 - age * 10**9))
    (tmp_path / "baselines").mkdir()
    return tmp_path


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(loadtest, arguments)


def test_the_newest_run_comes_first_and_damage_is_marked(results: Path) -> None:
    assert [folder.name for folder in all_runs(results)] == ["nothing", "cut", "whole"]
    listed = invoked("list", "--results", str(results))
    assert listed.exception is None, listed.output
    heading, nothing, cut, *_, whole = listed.stdout.splitlines()
    assert heading.split()[:2] == ["run", "scenario"]
    assert nothing.startswith("nothing")
    assert "partial: it has no record" in nothing
    assert cut.startswith("cut")
    assert "damaged: " in cut
    assert whole.split()[:5] == ["whole", "ac_public", "2026-01-31", "12:00", "40"]
    assert whole.rstrip().endswith("failed")


def test_without_runs_the_list_says_how_to_make_one(tmp_path: Path) -> None:
    listed = invoked("list", "--results", str(tmp_path / "none"))
    assert listed.exception is None
    assert listed.stdout == ""
    assert "loadtest run steady" in listed.stderr


def test_a_run_is_shown_by_id_path_and_as_the_latest(results: Path) -> None:
    by_id = invoked("show", "whole", "--results", str(results))
    assert by_id.exception is None
    assert "verdict  failed" in by_id.output
    assert invoked("show", str(results / "whole")).output == by_id.output
    (results / "nothing" / "logs").rmdir()
    (results / "cut" / "run.json").unlink()
    (results / "cut" / "logs").rmdir()
    assert invoked("show", "--results", str(results)).output == by_id.output


def test_reports_are_written_again_for_whatever_show_and_baseline_find(results: Path) -> None:
    (results / "set").mkdir()
    (results / "whole").rename(results / "set" / "set-1")
    kept = run_set.RunSet(name="set", made_at=datetime(2026, 1, 31, tzinfo=UTC), runs=["set-1"])
    run_set.write(kept, results / "set")
    os.utime(results / "set" / "set-1" / "run.json", ns=(0, 2 * 10**18))
    for run, folder in (("set-1", "set/set-1"), ("latest", "set/set-1"), ("set", "set")):
        (results / folder / "summary.md").unlink(missing_ok=True)
        written = invoked("report", run, "--results", str(results))
        assert written.exception is None, written.output
        assert f"report: {results / folder / 'summary.md'}" in written.output.splitlines()
        assert (results / folder / "summary.md").exists()


def test_what_cannot_be_shown_is_an_error_of_ours(results: Path) -> None:
    for run in ("other", "cut", "nothing"):
        assert isinstance(invoked("show", run, "--results", str(results)).exception, ResultError)
    with pytest.raises(ResultError, match="there is no run 'other'"):
        find_run("other", results)
    with pytest.raises(ResultError, match="there are no runs in"):
        find_run("latest", results / "baselines")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_what_clicks_machinery_asks_for(shell: str) -> None:
    shown = invoked("completion", shell)
    assert shown.exception is None
    assert f"_LOADTEST_COMPLETE={shell}_complete" in shown.output


def test_runs_complete_themselves(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_RESULTS", str(results))
    variables = {"_LOADTEST_COMPLETE": "bash_complete", "COMP_WORDS": "loadtest show w", "COMP_CWORD": "2"}
    shown = CliRunner().invoke(loadtest, [], env=variables, prog_name="loadtest")
    assert shown.output.split() == ["plain,whole"]
