"""``loadtest capacity`` as far as it can be seen without a run: what is refused, what is told, what is found again."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console
from sample_run import SampleRun

from loadtest.cli.capacity_steps import StepLines, print_result
from loadtest.cli.main import loadtest
from loadtest.cli.run_folders import all_runs, find_run
from loadtest.errors import ResultError, UsageError
from loadtest.measure import capacity_record
from loadtest.measure.capacity_record import CapacityRecord, CapacityResult, CapacityStep, SearchPlan, StepLatency

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

LATENCY = StepLatency(leg="round_trip", count=9, p50_us=1500, p90_us=2000, p99_us=2500, p999_us=3000, max_us=3000)


def search() -> CapacityRecord:
    plan = SearchPlan(
        scenario="steady",
        scenario_sha256="",
        axis="charge-points",
        unit="charge points",
        phase="steady",
        legs=("round_trip",),
        lowest=100,
        highest=1000,
        precision_percent=5,
        repeats=3,
        most_runs=40,
    )
    steps = [
        CapacityStep(level=1000, attempt=2, seed=2, state="failed", limit="broker CPU", elapsed_s=61.4),
        CapacityStep(level=100, attempt=1, seed=1, state="passed", rate_per_s=12.3, latency=[LATENCY], elapsed_s=50),
    ]
    made_at = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    result = CapacityResult(answer="interval", passed=100, failed=1000, text="Capacity: so much.")
    return CapacityRecord(name="c", made_by="0.1.0", made_at=made_at, plan=plan, steps=steps, result=result)


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(loadtest, ["capacity", *arguments])


@pytest.mark.parametrize(
    ("axis", "last"),
    [
        ("charge-points", "charge points connect at 200/s at every level"),
        ("rate", "2,000 charge points at every level"),
    ],
)
def test_a_dry_run_says_what_would_be_searched_and_makes_nothing(tmp_path: Path, axis: str, last: str) -> None:
    results = tmp_path / "none"
    told = invoked("steady", "--of", axis, "--to", "4000", "--dry-run", "--results", str(results))
    assert told.exception is None, told.output
    first, second, *_, said = told.stdout.splitlines()
    assert first.startswith("steady: capacity in ")
    assert "to 4,000, to 5 %" in first
    assert second == "at most 40 runs, 5 s warm-up and 30 s of steady load in each"
    assert said == last
    assert not results.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "SCENARIO: is missing"),
        (("nothing",), "nothing"),
        (("steady", "--to", "10"), "--to: 10 is below --from 100"),
        (("steady", "--objective", "p99 nonsense < 1s"), "--objective: 'p99 nonsense < 1s': "),
        (("steady", "--threshold", "p99 nonsense < 1s"), "--threshold: 'p99 nonsense < 1s': "),
        (("steady", "--objective", "lost < 1%", "--objective", "lost < 2%"), "--objective: there are two for 'lost'"),
        (("steady", "--objective", "lost < 1%", "--no-thresholds"), "but there is 'lost < 1%' as well"),
        (("steady", "--objective", "foo", "--charge-points", "-1"), "< 250ms --charge-points: '-1'"),
        (("steady", "--of", "rate", "--heartbeat-interval", "5s"), "--heartbeat-interval: with --of rate each level"),
        (("steady", "--step-most", "5"), "did you mean --steps-most?"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], said: str) -> None:
    error = invoked(*arguments, "--dry-run").exception
    assert isinstance(error, UsageError), error
    assert said in " ".join(error.faults)


def test_without_a_scenario_the_example_is_one_of_this_command() -> None:
    error = invoked().exception
    assert isinstance(error, UsageError)
    assert error.hint == "for example: loadtest capacity steady", "its --from is a level, no run"


def test_its_runs_are_found_and_its_report_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    capacity_record.write(search(), folder)
    SampleRun().finished(folder / "100-1")
    assert all_runs(tmp_path) == [folder / "100-1"]
    assert find_run("100-1", tmp_path) == folder / "100-1"
    with pytest.raises(ResultError, match="a search of several runs, not one"):
        find_run("c", tmp_path)
    told = CliRunner().invoke(loadtest, ["report", "c", "--results", str(tmp_path)])
    assert told.exception is None, told.output
    assert told.stdout.splitlines() == [f"report: {folder / name}" for name in ("capacity.md", "capacity.html")]


def test_steps_are_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    record = search()
    shown = StepLines(record, quiet=False)
    shown.begins(record.steps[0])
    shown.ended(record.steps[0])
    StepLines(record, quiet=True).ended(record.steps[0])
    assert capsys.readouterr().err.splitlines() == [
        "run 2: 1,000 charge points, try 2",
        "1,000 charge points, try 2: failed in 61 s: broker CPU",
    ]


def test_the_result_has_all_levels_the_lowest_first() -> None:
    out = Console(file=io.StringIO(), width=120)
    print_result(search(), out)
    assert isinstance(out.file, io.StringIO)
    _, first, second, text = (line.split() for line in out.file.getvalue().splitlines())
    assert first == ["100", "12", "1.50", "2.50", "passed"]
    assert second == ["1,000", "-", "-", "-", "failed", "broker", "CPU"]
    assert " ".join(text) == "Capacity: so much."
