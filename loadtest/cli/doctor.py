"""``loadtest doctor``: whether this machine can carry a load test, and what to do where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from loadtest.cli import doctor_checks
from loadtest.cli.doctor_checks import Level
from loadtest.cli.run_folders import results_option
from loadtest.cli.summary import stdout
from loadtest.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


@click.command(short_help="Check this machine's limits, clocks and brokers.")
@results_option
def doctor(results: Path) -> int:
    """Check what load tests need of this machine; each problem comes with its fix.

    Exit codes: 0 it will do, notes included; 2 there is a problem.
    """
    checks = doctor_checks.all_checks(results)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        text = Text(check.found)
        if check.fix:
            text.append(f"\nfix: {check.fix}", "bold")
        table.add_row(Text(check.level, _STYLES[check.level]), check.subject, text)
    stdout().print(table)
    return ExitCode.USAGE if any(check.level is Level.PROBLEM for check in checks) else ExitCode.PASSED
