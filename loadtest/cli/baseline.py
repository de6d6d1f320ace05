"""``loadtest baseline``: runs kept under a name, to hold others against."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
from rich.table import Table

from loadtest.cli.messages import talk
from loadtest.cli.run_folders import complete_run, find_run_or_set, results_option
from loadtest.cli.summary import stdout
from loadtest.compare import baselines
from loadtest.compare.arm import read_arm
from loadtest.errors import ExitCode, ResultError
from loadtest.measure import run_record, run_set

if TYPE_CHECKING:
    from pathlib import Path


@click.group(short_help="Keep runs to hold others against.")
def baseline() -> None:
    """Keep runs under a name, to hold others against: loadtest run … --baseline NAME."""


@baseline.command(short_help="Keep a run or a set of repeats under a name.")
@click.argument("run", metavar="RUN|SET", shell_complete=complete_run)
@click.argument("name")
@click.option("--replace", is_flag=True, help="In place of the one of that name.")
@results_option
def save(run: str, name: str, results: Path, replace: bool) -> int:  # noqa: FBT001 - click's
    """Keep RUN, or every run of SET, which --repeat makes, as the baseline NAME.

    Void runs and those that were cut short are left out.
    """
    arm = baselines.save(find_run_or_set(run, results), name, results, replace=replace)
    for why in arm.left_out:
        talk().print(f"left out: {why}", style="yellow", markup=False)
    if len(arm.runs) < run_set.FEWEST_RUNS:
        talk().print(f"note: at least {run_set.FEWEST_RUNS} runs on each side are needed for a verdict", style="yellow")
    click.echo(f"baseline {name}: {_runs(len(arm.runs))}, in {results / baselines.FOLDER / name}")
    return ExitCode.PASSED


@baseline.command("list", short_help="Show the baselines there are.")
@results_option
def list_baselines(results: Path) -> int:
    """Show the baselines there are, by name."""
    folders = baselines.all_baselines(results)
    if not folders:
        line = f"there are no baselines in {results / baselines.FOLDER}; keep one: loadtest baseline save RUN NAME"
        talk().print(line, markup=False)
        return ExitCode.PASSED
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("baseline", "runs", "scenario", "charge points", "saved (UTC)", "from"):
        table.add_column(heading, no_wrap=True)
    for folder in folders:
        table.add_row(folder.name, *_row(folder))
    stdout().print(table)
    return ExitCode.PASSED


@baseline.command(short_help="Show a baseline: its runs, and what they were made with.")
@click.argument("name")
@results_option
def show(name: str, results: Path) -> int:
    """Show the baseline NAME: its runs, their verdicts and seeds, and the command that made the first."""
    folder = baselines.find(name, results)
    arm = read_arm(folder, name)
    for record in arm.runs:
        verdict = record.verdict.result if record.verdict else "-"
        described = record.run
        line = f"{described.run_id}  {described.started_at:%Y-%m-%d %H:%M}  seed {described.seed}  {verdict}"
        click.echo(line)
    for why in arm.left_out:
        click.echo(f"left out: {why}")
    if arm.runs:
        described = arm.runs[0].run
        click.echo(f"scenario {described.scenario}, {described.charge_points:,} charge points")
        click.echo(f"command  {shlex.join(described.command)}")
    click.echo(f"folder   {folder}")
    return ExitCode.PASSED


def _row(folder: Path) -> list[str]:
    try:
        kept = run_set.load(folder)
        described = run_record.load(folder / kept.runs[0]).run
    except (ResultError, IndexError) as error:
        return ["-", f"damaged: {error}", "", "", ""]
    return [
        str(len(kept.runs)),
        described.scenario,
        f"{described.charge_points:,}",
        f"{kept.made_at:%Y-%m-%d %H:%M}",
        kept.source,
    ]


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"
