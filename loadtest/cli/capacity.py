"""``loadtest capacity``: search for the largest load that meets the thresholds."""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from loadtest.capacity.axis import AXES
from loadtest.capacity.begin import Wanted, begin
from loadtest.capacity.conduct import conduct
from loadtest.cli.against import Percent
from loadtest.cli.capacity_steps import StepLines, print_plan, print_result
from loadtest.cli.messages import show_reports
from loadtest.cli.options import PASS_ON, SettingsCommand, run_settings
from loadtest.cli.progress import progress
from loadtest.cli.run import run_request
from loadtest.cli.summary import stdout
from loadtest.errors import ExitCode, Faults, LoadTestError, UsageError
from loadtest.measure.capacity_record import CAPACITY_JSON, CHARGE_POINTS
from loadtest.runner.attending import interrupts
from loadtest.runner.run import make_folder, new_folder, run_headless
from loadtest.scenario import threshold_text
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.capacity.axis import Axis
    from loadtest.measure.capacity_record import CapacityRecord
    from loadtest.runner.request import RunRequest
    from loadtest.runner.run import RunOutcome


@click.command(
    cls=SettingsCommand, context_settings=PASS_ON, short_help="Search for the largest load that meets the thresholds."
)
@click.argument("scenario", required=False)
@run_settings
@click.option(
    "--of", "axis", type=click.Choice(list(AXES)), default=CHARGE_POINTS, show_default=True, help="What to search for."
)
@click.option(
    "--objective", multiple=True, metavar="TEXT", help="What must hold beside the scenario's thresholds; a --threshold."
)
@click.option("--from", "lowest", type=int, metavar="N", help="First level.  [default: 100, of rates 50/s]")
@click.option("--to", "highest", type=int, metavar="N", help="Highest level.  [default: as far as it goes]")
@click.option("--precision", type=Percent(), default="5%", metavar="PERCENT", show_default=True, help="Width to reach.")
@click.option("--repeats", type=int, default=3, show_default=True, metavar="N", help="Runs at each end.")
@click.option("--steps-most", "most_runs", type=int, default=40, show_default=True, metavar="N", help="Runs in all.")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be searched; run nothing.")
@click.option("--plain", is_flag=True, help="Show progress in lines, on a terminal as well.")
@click.option("--quiet", is_flag=True, help="Show no progress; the result still comes.")
@click.argument("locust_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[LOCUST OPTIONS]")
def capacity(
    scenario: str | None,
    axis: str,
    objective: tuple[str, ...],
    lowest: int | None,
    highest: int | None,
    precision: float,
    repeats: int,
    most_runs: int,
    dry_run: bool,  # noqa: FBT001 - click's
    plain: bool,  # noqa: FBT001 - click's
    quiet: bool,  # noqa: FBT001 - click's
    locust_arguments: tuple[str, ...],
    **options: Any,
) -> int:
    """Find how many charge points, how many messages a second, or how many connects a second SCENARIO can have.

    Each level is a whole run with a folder of its own: the load doubles until the thresholds are missed, then the
    interval between the last level that held and the first that did not is halved, and its two ends are repeated.
    """
    found = Faults()
    with found.gathered():
        _check(objective)
    sound = () if found.faults else objective
    with found.gathered():
        options["threshold"] = (*(options["threshold"] or ()), *sound)
        request = run_request(scenario, locust_arguments, options)
        settings = request.resolved()
    found.refuse()
    folder = new_folder(settings, f"{request.scenario.name}-capacity")
    wanted = Wanted(
        axis=axis, lowest=lowest, highest=highest, precision=precision, repeats=repeats, most_runs=most_runs
    )
    command = ["loadtest", *map(masked, sys.argv[1:])]
    record, of_all = begin(wanted, request, folder.name, command)
    if dry_run:
        print_plan(record, of_all.resolved(), stdout())
        return ExitCode.PASSED
    make_folder(folder)
    _search(record, AXES[axis], of_all, folder, plain=plain, quiet=quiet)
    assert record.result is not None
    print_result(record, stdout())
    show_reports(lambda: _reports(folder))
    click.echo(f"results: {shlex.quote(str(folder))}")
    return record.result.exit_code


def _check(objectives: tuple[str, ...]) -> None:
    """Refuse them by the name of their own option; later they are thresholds among others."""
    try:
        threshold_text.parse_all(objectives)
    except UsageError as error:
        raise UsageError([f"--objective: {threshold_text.untitled(fault)}" for fault in error.faults]) from None


def _search(record: CapacityRecord, axis: Axis, request: RunRequest, folder: Path, *, plain: bool, quiet: bool) -> None:
    with interrupts() as received:

        def run_one(each: RunRequest) -> RunOutcome:
            with progress(each.resolved(), quiet=quiet, plain=plain) as live:
                return run_headless(each, live.show, live.say, received)

        try:
            conduct(record, axis, request, folder, run_one, StepLines(record, quiet=quiet), received)
        except LoadTestError:
            _discard(record, folder)
            raise


def _discard(record: CapacityRecord, folder: Path) -> None:
    """Leave nothing behind of a search that never was."""
    if not any(step.folder for step in record.steps):
        with contextlib.suppress(OSError):
            (folder / CAPACITY_JSON).unlink(missing_ok=True)
            folder.rmdir()


def _reports(folder: Path) -> list[Path]:
    from loadtest.reports import write_capacity_reports  # noqa: PLC0415 - brings in the charts

    return write_capacity_reports(folder)
