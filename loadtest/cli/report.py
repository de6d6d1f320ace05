"""``loadtest report``."""

from __future__ import annotations

from pathlib import Path

import click

from loadtest.errors import ExitCode
from loadtest.measure.run_set import SET_JSON


@click.command(short_help="Write the reports of a run again.")
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
def report(run_dir: Path) -> int:
    """Write the reports of RUN, the folder of a run or a set of repeats, again from its records and samples."""
    from loadtest.reports import write_reports, write_set_reports  # noqa: PLC0415 - brings in the charts

    folder = run_dir if run_dir.exists() else Path("results") / run_dir
    write = write_set_reports if (folder / SET_JSON).exists() else write_reports
    for path in write(folder):
        click.echo(f"report: {path}")
    return ExitCode.PASSED
