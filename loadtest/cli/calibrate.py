"""``loadtest calibrate``: the instrument's own floor and truth on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich import table as rich_table
from rich.text import Text

from loadtest.cli.messages import show_reports, talk
from loadtest.cli.run_folders import results_option
from loadtest.cli.summary import stdout
from loadtest.errors import ExitCode
from loadtest.measure import calibration_record
from loadtest.runner.run import make_folder
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from loadtest.reports.table import Table

_STYLES = {"holds": "green", "held": "green", "missed": "bold yellow"}


@click.command(short_help="Hold the instrument against what is known.")
@click.option("--quick", is_flag=True, help="In a quarter of a minute: fewer samples, and rates up to 4,000/s only.")
@results_option
def calibrate(quick: bool, results: Path) -> int:  # noqa: FBT001 - click's
    """Find the instrument's own floor and truth on this machine, in about a minute; nothing else should run on it.

    Stubs with known delays, stalls, losses and duplicates are held against what is reported of them; one engine is
    driven faster until it is late; aiomqtt gives a second opinion. The result is kept beside the runs and shown in
    the reports of later ones.

    Exit codes: 0 truthful, 2 something could not be started, 4 not truthful here.
    """
    from loadtest.calibration.calibrate import calibrate as find_out  # noqa: PLC0415 - brings in stubs and brokers
    from loadtest.reports.calibration_report import calibration_view, write_calibration_reports  # noqa: PLC0415

    make_folder(results)  # a minute is too long to learn only then that it cannot be
    with talk().status("") as status:
        found = run(find_out(quick=quick, on_step=status.update))
    view, out = calibration_view(found), stdout()
    for each in (view.checks, view.rates, view.times):
        _show(each, out)
    style = "bold green" if found.truthful else "bold yellow"
    out.print(Text.assemble("instrument  ", (view.result, style), f". {view.text}"), soft_wrap=True)
    for remedy in view.remedies:
        out.print(f"  to do: {remedy}", markup=False, soft_wrap=True)
    calibration_record.write(found, results)
    show_reports(lambda: write_calibration_reports(results))
    return ExitCode.PASSED if found.truthful else ExitCode.VOID


def _show(each: Table, out: Console) -> None:
    shown = rich_table.Table(
        title=each.title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=True
    )
    for place, column in enumerate(each.columns):
        words = place < each.left or column == "Result"
        shown.add_column(column, justify="left" if words else "right", overflow="fold")
    for row in each.rows:
        shown.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    out.print(shown)
    out.print()
