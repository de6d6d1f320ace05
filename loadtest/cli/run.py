"""``loadtest run`` and ``loadtest web``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.cli.messages import talk
from loadtest.cli.options import PASS_ON, SettingsCommand, given, run_settings
from loadtest.cli.progress import progress
from loadtest.cli.summary import print_summary
from loadtest.errors import ResultError, UsageError
from loadtest.measure import run_record
from loadtest.runner import run as runs
from loadtest.runner import scenarios
from loadtest.runner.request import RunRequest
from loadtest.runner.web import run_web

if TYPE_CHECKING:
    from loadtest.runner.run import RunOutcome

REPORT_FILE = "report.html"


@click.command(
    cls=SettingsCommand, context_settings=PASS_ON, short_help="Run a scenario: measure, judge, write the results."
)
@click.argument("scenario")
@run_settings
@click.option("--quiet", is_flag=True, help="Show no progress; the summary still comes.")
@click.argument("locust_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[LOCUST OPTIONS]")
def run(scenario: str, quiet: bool, locust_arguments: tuple[str, ...], **options: Any) -> int:  # noqa: FBT001 - click's
    """Run SCENARIO without a user interface: measure, judge, write the results, exit.

    SCENARIO is the name of a file in scenarios/ or the path of a Locust file. Locust's own options, such as
    --processes 2, are passed on as they are; after -- everything is.
    """
    request = _request(scenario, locust_arguments, options)
    with progress(request.resolved(), quiet=quiet) as live:
        outcome = runs.run_headless(request, live.show, live.say)
    _close(outcome)
    return outcome.exit_code


@click.command(cls=SettingsCommand, context_settings=PASS_ON, short_help="Run scenarios under Locust's web UI.")
@click.argument("scenario")
@run_settings
@click.option("--web-host", default="127.0.0.1", show_default=True, help="Address of the web UI.")
@click.option("--web-port", "-P", default=8089, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
@click.argument("locust_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[LOCUST OPTIONS]")
def web(scenario: str, web_host: str, web_port: int, locust_arguments: tuple[str, ...], **options: Any) -> int:
    """Serve SCENARIO under Locust's web UI until Ctrl-C; runs are started and stopped there."""
    request = _request(scenario, locust_arguments, options)

    def announce(line: str) -> None:
        click.echo(line)
        if line.startswith("web ready: "):
            talk().print("start a run in the browser; Ctrl-C here ends it all", style="dim")

    return run_web(request, web_host, web_port, announce)


def _request(scenario: str, locust_arguments: tuple[str, ...], options: dict[str, Any]) -> RunRequest:
    if scenario.startswith("-"):
        raise UsageError(
            f"{scenario} stands where a scenario should", hint="write the scenario first, options after it"
        )
    return RunRequest(scenario=scenarios.find(scenario), settings=given(options), locust_arguments=locust_arguments)


def _close(outcome: RunOutcome) -> None:
    """The summary on standard output, and where the rest is."""
    console = talk()
    if outcome.leftovers:
        console.print(f"{len(outcome.leftovers)} processes did not end by themselves and were killed", style="yellow")
    if not (outcome.run_dir / run_record.RUN_JSON).exists():
        console.print("interrupted before anything was measured", style="yellow")
        return
    record = run_record.load(outcome.run_dir)
    if record.verdict is not None:
        print_summary(record)
    report = outcome.run_dir / REPORT_FILE
    if not report.exists() and outcome.interrupted:  # there was no time for it
        _make_report(outcome.run_dir)
    if not report.exists():
        console.print(f"there is no report; to make it: loadtest report {_shown(outcome.run_dir)}", style="yellow")
    click.echo(f"report: {_shown(report)}" if report.exists() else f"results: {_shown(outcome.run_dir)}")


def _make_report(run_dir: Path) -> None:
    from loadtest.reports import write_reports  # noqa: PLC0415 - brings in the charts, which are rarely needed here

    with contextlib.suppress(ResultError):  # whoever makes it by hand is told why it cannot be
        write_reports(run_dir)


def _shown(path: Path) -> str:
    """Relative to where the user stands, when it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
