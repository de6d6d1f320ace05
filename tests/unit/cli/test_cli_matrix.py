"""``loadtest matrix`` as far as it can be seen without a run: what is refused, what is told."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated_runs
from click.testing import CliRunner
from rich.console import Console
from sample_run import SampleRun

from loadtest.cli.main import loadtest
from loadtest.cli.matrix_progress import heading, matrix_progress, said
from loadtest.cli.matrix_tables import about, outcome_table, print_reasons
from loadtest.cli.run_folders import all_runs, find_run
from loadtest.errors import ExitCode, ResultError, UsageError
from loadtest.matrix import folder as folders
from loadtest.matrix.outcome import write_set
from loadtest.matrix.plan_file import read_plan
from loadtest.measure import matrix_record, run_record

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from loadtest.measure.matrix_record import MatrixRecord

PLAN = 'scenario = "steady"\nrepeats = 2\nbaseline = "qos1"\n[axes]\nqos = [0, 1]\n'


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(PLAN)
    return path


@pytest.fixture
def matrix(plan: Path, tmp_path: Path) -> MatrixRecord:
    """In its folder, ``results/m``; not yet run."""
    read = read_plan(plan)
    record = folders.planned(read, "m", ["loadtest", "matrix", str(plan)])
    folders.begin(read, record, tmp_path / "results" / "m")
    return record


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(loadtest, ["matrix", *arguments])


def refused(*arguments: str) -> UsageError:
    error = invoked(*arguments).exception
    assert isinstance(error, UsageError), error
    return error


def test_a_dry_run_tells_arms_order_and_time_and_makes_nothing(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed: list[str] = []
    monkeypatch.setattr("loadtest.cli.matrix.rehearse_arms", lambda read, *_: rehearsed.append(read.name))
    told = invoked(str(plan), "--dry-run", "--results", str(tmp_path / "none"))
    assert told.exception is None, told.output
    first, *rows = told.stdout.splitlines()
    assert first == "small: 2 arms, 2 repeats, 4 runs of steady to come, about 3 min"
    assert [row.split()[:2] for row in rows[1:3]] == [["qos0", "qos"], ["qos1", "(baseline)"]]
    forth, back = (row.split()[3:] for row in rows[4:])
    assert forth == back[::-1]
    assert not (tmp_path / "none").exists()
    assert rehearsed == ["small"]  # really so, by real brokers: test_matrix_runs.py


def test_what_cannot_be_is_refused(plan: Path, matrix: MatrixRecord, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert "there is no plan 'nothing'" in refused("nothing").message
    assert "add --resume" in refused(str(results / "m")).hint
    assert "there is 'm' in" in refused(str(plan), "--run-id", "m", "--results", str(results)).message
    assert "--run-id: " in refused(str(plan), "--run-id", "m", "--resume").message
    assert "--resume: no matrix of the plan 'small'" in refused(str(plan), "--resume", "--results", "none").message
    matrix.state = "complete"
    matrix_record.write(matrix, results / "m")
    assert "nothing is left to run" in refused("m", "--resume", "--results", str(results)).message


def test_a_plan_with_a_password_is_resumed_by_itself(tmp_path: Path) -> None:
    plan = tmp_path / "secret.toml"
    plan.write_text(PLAN + '[settings]\nbroker = "mqtt://me:secret@host:1883"\n')
    read = read_plan(plan)
    folder = tmp_path / "results" / "m"
    folders.begin(read, folders.planned(read, "m", []), folder)
    assert not [path for path in folder.iterdir() if "secret@" in path.read_text()]
    assert refused(str(folder), "--resume", "--dry-run").hint == ("give the plan itself: loadtest matrix PLAN --resume")
    told = invoked(str(plan), "--resume", "--dry-run", "--results", str(folder.parent))
    assert told.exception is None, told.output


def test_what_is_left_of_one_is_told(matrix: MatrixRecord, tmp_path: Path) -> None:
    done = matrix.runs[0]
    done.state, done.result, done.elapsed_s = "done", "passed", 45.0
    matrix_record.write(matrix, tmp_path / "results" / "m")
    told = invoked(str(tmp_path / "results" / "m"), "--resume", "--dry-run")
    assert told.stdout.startswith("small: 2 arms, 2 repeats, 3 runs of steady to come, about 2 min")


def test_progress_in_lines(matrix: MatrixRecord, capsys: pytest.CaptureFixture[str]) -> None:
    run = matrix.runs[0]
    with matrix_progress(matrix, quiet=False, plain=True) as shown:
        shown.begins(run)
        run.state, run.reason, run.elapsed_s = "void", "The generator was late.", 21.4
        shown.ended(run)
    with matrix_progress(matrix, quiet=True, plain=True) as shown:
        shown.begins(run)
        shown.ended(run)
    assert capsys.readouterr().err.splitlines() == [
        f"run 1 of 4: {run.arm}, repeat 1 of 2, about 3 min left",
        f"{run.arm}, repeat 1: void in 21 s: The generator was late.",
    ]


def test_where_a_matrix_is_and_what_became_of_a_run(matrix: MatrixRecord) -> None:
    first, second = matrix.runs[:2]
    first.state, first.result, first.elapsed_s = "done", "failed", 50.0
    second.state = "running"
    assert heading(matrix, second, 20.0) == f"run 2 of 4: {second.arm}, repeat 1 of 2, about 2 min left"
    assert said(first) == f"{first.arm}, repeat 1: failed in 50 s"
    second.state = "waiting"
    assert said(second).endswith("cut short, to be run once more")


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "about 0 s"), (89, "about 89 s"), (91, "about 2 min"), (5300, "about 88 min"), (9000, "about 2 h 30 min")],
)
def test_times_are_told_as_exactly_as_they_are_known(time_s: float, text: str) -> None:
    assert about(time_s) == text


def test_the_outcome_counts_each_run_once_and_tells_why(matrix: MatrixRecord) -> None:
    runs = matrix.runs_of("qos0")
    runs[0].state, runs[0].reason = "failed", "[no] broker"
    runs[1].state, runs[1].result, runs[1].reason = "void", "void", "The generator was late."
    matrix.runs_of("qos1")[0].state = "skipped"
    matrix.arms[1].given_up = "no such feature"
    out = io.StringIO()
    console = Console(file=out, width=100)
    console.print(outcome_table(matrix))
    print_reasons(matrix, console)
    head, qos0, qos1, *why = out.getvalue().splitlines()
    assert head.split() == ["arm", "passed", "failed", "void", "broken", "left"]
    assert (qos0.split(), qos1.split()) == (["qos0", "-", "-", "1", "1", "-"], ["qos1", "-", "-", "-", "1", "1"])
    assert sorted(why) == [
        "qos0, repeat 1: failed: [no] broker",
        "qos0, repeat 2: void: The generator was late.",
        "qos1: given up: no such feature",
    ]


@pytest.mark.parametrize(
    ("factor", "baseline", "failed", "code"),
    [
        (1.3, "qos1", False, ExitCode.REGRESSION),
        (1.3, "", False, ExitCode.PASSED),
        (1.3, "qos1", True, ExitCode.FAILED),
        (1.0, "qos1", False, ExitCode.PASSED),
    ],
)
def test_what_a_matrix_ends_with(tmp_path: Path, factor: float, baseline: str, *, failed: bool, code: int) -> None:
    """Of one whose last run had ended when it was interrupted: resumed, nothing is left but to compare."""
    plan = tmp_path / "small.toml"
    plan.write_text(PLAN.replace("repeats = 2", "repeats = 5").replace("qos1", baseline))
    read = read_plan(plan)
    folder = tmp_path / "results" / "m"
    record = folders.planned(read, "m", [])
    folders.begin(read, record, folder)
    random = np.random.default_rng(1)
    for run in record.runs:
        run.folder, run.state, run.result = f"{run.arm}-{run.repeat}", "done", "passed"
        slower = {"qos0": lambda _: factor, "qos1": lambda _: 1.0}[run.arm]
        made = simulated_runs.run(random, run.folder, slower=slower, seed=run.seed)
        (folder / run.arm / run.folder).mkdir(parents=True)
        run_record.write(made, folder / run.arm / run.folder)
    record.runs[0].result = "failed" if failed else "passed"
    record.state = "interrupted"
    matrix_record.write(record, folder)
    ended = CliRunner().invoke(loadtest, ["matrix", str(folder), "--resume", "--quiet"], standalone_mode=False)
    assert (ended.exception, ended.return_value) == (None, code), ended.output
    assert ("regression" in ended.output) == bool(baseline)
    assert (folder / "comparison.json").exists()
    assert matrix_record.load(folder).state == "complete"


def test_runs_of_a_matrix_are_found_by_their_ids(matrix: MatrixRecord, tmp_path: Path) -> None:
    results = tmp_path / "results"
    SampleRun(charge_points=2, steady_s=1).finished(results / "m" / "qos0" / "qos0-1")
    run = matrix.runs_of("qos0")[0]
    run.folder, run.state, run.started_at = "qos0-1", "done", dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    write_set(matrix, "qos0", results / "m")
    assert all_runs(results) == [results / "m" / "qos0" / "qos0-1"]
    assert find_run("qos0-1", results) == results / "m" / "qos0" / "qos0-1"
    with pytest.raises(ResultError, match="m is a matrix of runs, not one"):
        find_run("m", results)
