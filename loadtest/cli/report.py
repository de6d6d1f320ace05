"""``loadtest report``."""

from __future__ import annotations

from pathlib import Path

import click

from loadtest.errors import ExitCode


@click.command(short_help="Write the reports of a run again.")
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
def report(run_dir: Path) -> int:
    """Write the reports of RUN, the folder of a run, again from its record and its samples."""
    from loadtest.reports import write_reports  # noqa: PLC0415 - brings in the charts, which no other command needs

    folder = run_dir if run_dir.exists() else Path("results") / run_dir
    for path in write_reports(folder):
        click.echo(f"report: {path}")
    return ExitCode.PASSED
