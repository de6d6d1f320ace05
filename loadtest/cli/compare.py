"""``loadtest compare``: two or more arms, each of several runs, held against each other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtest.cli.against import Percent
from loadtest.cli.comparison import print_comparison
from loadtest.cli.run_folders import complete_run, results_option
from loadtest.cli.summary import stdout
from loadtest.errors import ExitCode, ResultError
from loadtest.measure import comparison_record
from loadtest.measure.comparison_record import DEFAULT_TOLERANCE, REGRESSION

if TYPE_CHECKING:
    from loadtest.compare.open_arms import OpenedArms
    from loadtest.measure.comparison_record import Comparison


@click.command(short_help="Hold runs against runs: what differs, and whether that is real.")
@click.argument("arms", nargs=-1, required=True, metavar="ARM...", shell_complete=complete_run)
@click.option("--baseline", default="", metavar="ARM", help="Hold the others against ARM; 3 on a regression.")
@click.option("--rank", default="", metavar="FIGURE", help="Rank the arms by FIGURE.  [default: uplink p99]")
@click.option("--tolerance", type=Percent(), metavar="PERCENT", help="Changes up to this do not matter.  [default: 5%]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where the reports go.")
@results_option
def compare(
    arms: tuple[str, ...], baseline: str, rank: str, tolerance: float | None, out: Path | None, results: Path
) -> int:
    """Hold 2 to 20 ARMs against each other: sets of repeats, baselines, runs, or all arms of a matrix.

    An arm is the path of a folder, or a name in the folder with the results; of a matrix, finished or not, its folder
    alone is enough. Only whole runs that are not void count. Four repeats in each arm are the least for a verdict.

    The reports go into DIR: comparison.json, comparison.md and comparison.html; when left out, into the folder of the
    matrix, or results/compare-<time>.
    """
    from loadtest.compare.open_arms import open_arms  # noqa: PLC0415 - brings in scipy, which takes its time

    opened = open_arms(arms, results)
    options = {"--baseline": baseline, "--rank": rank, "--out": str(out or "")}
    options["--tolerance"] = "" if tolerance is None else f"{100 * tolerance:g}%"
    given = [word for option, value in options.items() if value for word in (option, value)]
    comparison = compare_opened(
        opened,
        baseline=opened.named(baseline) or opened.baseline,
        rank=rank,
        tolerance=DEFAULT_TOLERANCE if tolerance is None else tolerance,
        command=opened.command or ("loadtest", "compare", *arms, *given),
    )
    folder = out or opened.matrix or results / f"compare-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    print_comparison(comparison, stdout())
    for path in write_comparison(comparison, folder):
        click.echo(f"report: {path}")
    return ExitCode.REGRESSION if comparison.outcome == REGRESSION else ExitCode.PASSED


def compare_opened(
    opened: OpenedArms, *, baseline: str, rank: str, tolerance: float, command: tuple[str, ...]
) -> Comparison:
    """Compare arms that were opened.

    Raises:
        UsageError: There is no figure of the name to rank by.
    """
    from loadtest.compare.compare import Question, compare_arms  # noqa: PLC0415 - brings in scipy

    question = Question(baseline=baseline, tolerance=tolerance, rank=rank, plan=opened.plan, command=command)
    return compare_arms(opened.arms, question)


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write a comparison and its reports into a folder, made if need be; returns the files.

    Raises:
        ResultError: It cannot be written.
    """
    from loadtest.reports import write_comparison_reports  # noqa: PLC0415 - brings in the charts

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"cannot make {folder}: {error.strerror}", hint="choose another --out") from error
    comparison_record.write(comparison, folder)
    return [folder / comparison_record.COMPARISON_JSON, *write_comparison_reports(folder)]
