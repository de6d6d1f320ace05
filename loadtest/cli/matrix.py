"""``loadtest matrix``: run a plan of arms and repeats, interleaved; go on where one was interrupted."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtest.cli.compare import compare_opened, write_comparison
from loadtest.cli.comparison import print_comparison
from loadtest.cli.matrix_progress import matrix_progress
from loadtest.cli.matrix_tables import outcome_table, print_order, print_reasons
from loadtest.cli.messages import show_reports, talk
from loadtest.cli.run_folders import results_option
from loadtest.cli.summary import stdout
from loadtest.errors import ExitCode, ResultError, UsageError
from loadtest.matrix import folder as folders
from loadtest.matrix import plans
from loadtest.matrix.conduct import conduct
from loadtest.matrix.outcome import exit_code
from loadtest.matrix.plan_file import read_plan
from loadtest.matrix.rehearsals import rehearse_arms
from loadtest.measure import matrix_record
from loadtest.measure.comparison_record import DEFAULT_TOLERANCE, REGRESSION
from loadtest.measure.matrix_record import MATRIX_JSON, PLAN_TOML
from loadtest.runner.attending import interrupts
from loadtest.runner.run import new_folder, run_headless
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from loadtest.matrix.plan import Plan
    from loadtest.measure.comparison_record import Outcome
    from loadtest.measure.matrix_record import MatrixRecord
    from loadtest.runner.request import RunRequest
    from loadtest.runner.run import RunOutcome

_MASK = ":***@"


@click.command(short_help="Run a plan of arms and repeats, interleaved, and compare them.")
@click.argument("plan")
@click.option("--resume", is_flag=True, help="Go on with one that was interrupted: PLAN is its plan, or its folder.")
@click.option("--dry-run", is_flag=True, help="Check all arms, show them, their order and the time; run nothing.")
@results_option
@click.option("--run-id", default="auto", metavar="NAME", help="Name of the matrix and of its folder.")
@click.option("--plain", is_flag=True, help="Show progress in lines, on a terminal as well.")
@click.option("--quiet", is_flag=True, help="Show no progress; the outcome still comes.")
def matrix(plan: str, results: Path, run_id: str, *, resume: bool, dry_run: bool, plain: bool, quiet: bool) -> int:
    """Run what PLAN says: every arm several times, interleaved, so that a machine that drifts does so to all alike.

    PLAN is the name of a .toml file in scenarios/ or the path of one.
    """
    if resume and run_id != "auto":
        raise UsageError("--run-id: what is resumed has its name", hint="leave it out, or leave out --resume")
    read, record, folder = _resumed(plan, results) if resume else _new(plan, results, run_id)
    if not resume and not _rehearsed(read, plans.find(plan), quiet=quiet):
        talk().print("interrupted before the first run", style="yellow")
        return ExitCode.INTERRUPTED
    if dry_run:
        print_order(record, stdout())
        return ExitCode.PASSED
    if not resume:
        folders.begin(read, record, folder)
    with folders.held(folder):
        _run(record, read, folder, plain=plain, quiet=quiet)
    _make_reports(record, folder)
    stdout().print(outcome_table(record))
    code = exit_code(record)
    if record.state == "interrupted":  # otherwise the comparison says what it has left out, and why
        print_reasons(record, stdout())
        click.echo(f"go on with: loadtest matrix {shlex.quote(str(folder))} --resume")
    elif _compared(folder) == REGRESSION and code == ExitCode.PASSED:
        code = ExitCode.REGRESSION
    click.echo(f"results: {folder}")
    return code


def _new(plan: str, results: Path, run_id: str) -> tuple[Plan, MatrixRecord, Path]:
    """A matrix that has not begun.

    Raises:
        UsageError: The plan, or where its results are to go, cannot be.
    """
    if (Path(plan) / MATRIX_JSON).exists():
        raise UsageError(f"{plan} is a matrix that has begun", hint="go on with it: add --resume")
    read = read_plan(plans.find(plan))
    folder = new_folder(resolve({"results": str(results), "run_id": run_id}), read.name)
    command = ["loadtest", "matrix", plan]
    return read, folders.planned(read, folder.name, command), folder


def _resumed(plan: str, results: Path) -> tuple[Plan, MatrixRecord, Path]:
    """A matrix to go on with, given by its folder or its plan.

    Raises:
        UsageError: There is none, or it cannot be gone on with.
        ResultError: Its record cannot be read.
    """
    given = next((path for path in (Path(plan), results / plan) if (path / MATRIX_JSON).exists()), None)
    if given is None:
        path = plans.find(plan)
        folder = folders.unfinished(path.stem, results)
        read = read_plan(path)
    else:
        folder = given
        _refuse_masked(folder)
        read = read_plan(folder / PLAN_TOML, matrix_record.load(folder).plan.name)
    with folders.held(folder):
        record = matrix_record.load(folder)
        folders.resume(record, read, folder)
    return read, record, folder


def _rehearsed(plan: Plan, file: Path, *, quiet: bool) -> bool:
    """Check every arm before the first run; returns whether nobody has asked for an end meanwhile.

    Raises:
        UsageError: With what is wrong with them.
    """
    with interrupts() as received:
        rehearse_arms(plan, file, lambda line: None if quiet else talk().print(line, markup=False), received)
    return not received


def _refuse_masked(folder: Path) -> None:
    with suppress(OSError):
        if _MASK in (folder / PLAN_TOML).read_text(encoding="utf-8"):
            raise UsageError(
                f"--resume: the passwords of {folder / PLAN_TOML} are in no record",
                hint="give the plan itself: loadtest matrix PLAN --resume",
            )


def _run(record: MatrixRecord, plan: Plan, folder: Path, *, plain: bool, quiet: bool) -> None:
    with interrupts() as received, matrix_progress(record, quiet=quiet, plain=plain) as shown:

        def run_one(request: RunRequest) -> RunOutcome:
            with shown.run(request.resolved()) as live:
                return run_headless(request, live.show, live.say, received)

        conduct(record, plan, folder, run_one, shown, received)


def _compared(folder: Path) -> Outcome:
    """Hold the arms of a matrix against each other: on the terminal, and in its folder."""
    from loadtest.compare.open_arms import open_arms  # noqa: PLC0415 - brings in scipy, which takes its time

    opened = open_arms([folder.name], folder.parent)
    comparison = compare_opened(
        opened, baseline=opened.baseline, rank="", tolerance=DEFAULT_TOLERANCE, command=opened.command
    )
    print_comparison(comparison, stdout())
    show_reports(lambda: write_comparison(comparison, folder))
    return comparison.outcome


def _make_reports(record: MatrixRecord, folder: Path) -> None:
    """The reports of each arm's set."""
    from loadtest.reports import write_set_reports  # noqa: PLC0415 - brings in the charts

    for arm in record.arms:
        with suppress(ResultError):  # whoever makes them by hand is told why they cannot be
            write_set_reports(folder / arm.name)
