"""``loadtest show``: the result of a run once more, as it stood on the terminal at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadtest.cli.run_folders import LATEST, complete_run, find_run, results_option
from loadtest.cli.summary import print_summary
from loadtest.errors import ExitCode
from loadtest.measure import run_record

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Show the result of a run again.")
@click.argument("run", metavar="RUN", default=LATEST, shell_complete=complete_run)
@results_option
def show(run: str, results: Path) -> int:
    """Show the result of RUN again: a run's id, the path of its folder, or `latest`, which is taken when left out.

    Everything comes from the run's record; the exit code says only whether it could be read.
    """
    folder = find_run(run, results)
    record = run_record.load(folder)
    print_summary(record)
    if record.state != "complete":
        click.echo(f"state    {record.state}")
    click.echo(f"results  {folder}")
    return ExitCode.PASSED
