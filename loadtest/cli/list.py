"""``loadtest list``: the runs there are, the newest first; scenarios and plans that can be called by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from loadtest.cli.messages import talk
from loadtest.cli.run_folders import all_runs, results_option
from loadtest.cli.summary import STYLES, milliseconds, phase_shown, stdout
from loadtest.errors import ExitCode, ResultError
from loadtest.matrix import plans
from loadtest.measure import run_record
from loadtest.measure.tags import INTENDED, ROUND_TRIP, parse
from loadtest.runner import scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord


@click.command("list", short_help="Show the runs there are, and what can be run by name.")
@results_option
def list_runs(results: Path) -> int:
    """Show the runs there are, the newest first, with their verdict; and the scenarios and plans known by name.

    The p99 is the worst of all actions: round trip from the intended instant, in the steady phase.
    """
    folders = all_runs(results)
    if not folders:
        talk().print(f"there are no runs in {results}; make one: loadtest run steady", markup=False)
        _print_known()
        return ExitCode.PASSED
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "scenario", "when (UTC)"):
        table.add_column(heading, no_wrap=True)
    for heading in ("charge points", "p99 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for folder in folders:
        table.add_row(folder.name, *_columns(folder))
    stdout().print(table)
    _print_known()
    return ExitCode.PASSED


def _print_known() -> None:
    """What ``run`` and ``matrix`` take by name; on standard error, so that the list remains one of runs."""
    for what, names in (("scenarios", scenarios.known()), ("plans", plans.known())):
        talk().print(f"{what}: {', '.join(sorted(names))}", markup=False, style="dim")


def _columns(folder: Path) -> list[str | Text]:
    """What stands beside the id; a folder that cannot be read says so and nothing else."""
    try:
        record = run_record.load(folder)
    except ResultError as error:
        damaged = (folder / run_record.RUN_JSON).exists()
        why = f"damaged: {error.message}" if damaged else "partial: it has no record"
        return ["-", "-", "-", "-", Text(why, "yellow")]
    run = record.run
    return [
        run.scenario,
        f"{run.started_at:%Y-%m-%d %H:%M}",
        f"{run.charge_points:,}",
        _worst_p99(record),
        _verdict(record),
    ]


def _verdict(record: RunRecord) -> Text:
    text = Text()
    if record.verdict is not None:
        text.append(record.verdict.result, STYLES[record.verdict.result])
    if record.state != "complete":
        text.append(f"{', ' if text else ''}{record.state}", "yellow")
    return text


def _worst_p99(record: RunRecord) -> str:
    series = {parse(row.tag): row for row in record.latency}
    shown = {tag: row for tag, row in series.items() if (tag.leg, tag.kind) == (ROUND_TRIP, INTENDED)}
    phase = phase_shown({tag.phase for tag in shown})
    worst = max((min(row.p99_us, row.max_us) for tag, row in shown.items() if tag.phase == phase), default=None)
    return "-" if worst is None else milliseconds(worst)
