"""``loadtest report``."""

from __future__ import annotations

from pathlib import Path

import click

from loadtest.cli.run_folders import complete_run, find_run_or_set, results_option
from loadtest.errors import ExitCode
from loadtest.measure.calibration_record import CALIBRATION_JSON
from loadtest.measure.capacity_record import CAPACITY_JSON
from loadtest.measure.comparison_record import COMPARISON_JSON
from loadtest.measure.run_record import RUN_JSON
from loadtest.measure.run_set import SET_JSON


@click.command(short_help="Write the reports of a run again.")
@click.argument("run", metavar="RUN|SET|COMPARISON", shell_complete=complete_run)
@results_option
def report(run: str, results: Path) -> int:
    """Write the reports of RUN, or of a SET of repeats, again from its records and samples.

    RUN is a run's id, the path of its folder, or `latest`. COMPARISON is the folder of a comparison or of a matrix.
    The folder of a search for capacity can be given as well, and the one that a calibration is in.
    """
    from loadtest.reports import (  # noqa: PLC0415 - brings in the charts
        write_capacity_reports,
        write_comparison_reports,
        write_reports,
        write_set_reports,
    )
    from loadtest.reports.calibration_report import write_calibration_reports  # noqa: PLC0415 - the same

    comparison = next(filter(_is_comparison, (results / run, Path(run))), None)
    search = next((each for each in (results / run, Path(run)) if (each / CAPACITY_JSON).exists()), None)
    if (Path(run) / CALIBRATION_JSON).exists():
        written = write_calibration_reports(Path(run))
    elif search is not None:
        written = write_capacity_reports(search)
    elif comparison is not None:
        written = write_comparison_reports(comparison)
    else:
        folder = find_run_or_set(run, results)
        written = write_set_reports(folder) if (folder / SET_JSON).exists() else write_reports(folder)
    for path in written:
        click.echo(f"report: {path}")
    return ExitCode.PASSED


def _is_comparison(folder: Path) -> bool:
    """Whether it holds a comparison and nothing else that is reported; runs and sets have one of their own as well."""
    return (folder / COMPARISON_JSON).exists() and not any((folder / mark).exists() for mark in (RUN_JSON, SET_JSON))
