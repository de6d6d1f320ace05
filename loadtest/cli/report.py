"""``loadtest report``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadtest.cli.run_folders import complete_run, find_run_or_set, results_option
from loadtest.errors import ExitCode
from loadtest.measure.run_set import SET_JSON

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Write the reports of a run again.")
@click.argument("run", metavar="RUN|SET", shell_complete=complete_run)
@results_option
def report(run: str, results: Path) -> int:
    """Write the reports of RUN, or of a SET of repeats, again from its records and samples.

    RUN is a run's id, the path of its folder, or `latest`.
    """
    from loadtest.reports import write_reports, write_set_reports  # noqa: PLC0415 - brings in the charts

    folder = find_run_or_set(run, results)
    write = write_set_reports if (folder / SET_JSON).exists() else write_reports
    for path in write(folder):
        click.echo(f"report: {path}")
    return ExitCode.PASSED
