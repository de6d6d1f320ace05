"""``loadtest show``: the result of a run once more, as it stood on the terminal at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from loadtest.cli.options import default_of
from loadtest.cli.run_folders import LATEST, all_runs, find_run, results_option
from loadtest.cli.summary import print_summary
from loadtest.errors import ExitCode, ResultError
from loadtest.measure import run_record

if TYPE_CHECKING:
    from pathlib import Path


def complete_run(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of runs, for shells."""
    from pathlib import Path  # noqa: PLC0415 - at run time only where a shell asks

    try:
        names = [LATEST, *(folder.name for folder in all_runs(Path(default_of("results"))))]
    except ResultError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


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
