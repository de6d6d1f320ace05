"""``loadtest run`` and ``loadtest web``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.cli.against import Percent, open_baseline
from loadtest.cli.messages import talk
from loadtest.cli.options import PASS_ON, SettingsCommand, default_of, given, run_settings
from loadtest.cli.progress import progress
from loadtest.cli.run_folders import find_run
from loadtest.cli.summary import print_summary
from loadtest.errors import ExitCode, ResultError, UsageError
from loadtest.measure import run_record
from loadtest.measure.run_set import SET_JSON
from loadtest.runner import run as runs
from loadtest.runner import scenarios
from loadtest.runner.again import again
from loadtest.runner.repeats import run_repeats
from loadtest.runner.request import RunRequest
from loadtest.runner.web import run_web

if TYPE_CHECKING:
    from loadtest.runner.run import RunOutcome

REPORT_FILE = "report.html"


@click.command(
    cls=SettingsCommand, context_settings=PASS_ON, short_help="Run a scenario: measure, judge, write the results."
)
@click.argument("scenario", required=False)
@run_settings
@click.option("--repeat", default=1, type=click.IntRange(1, 1000), metavar="N", help="Run N times, seeds counting up.")
@click.option(
    "--void-retries",
    type=click.IntRange(0, 10),
    metavar="N",
    help="Of several: how often one that is void is made once more.  [default: 1]",
)
@click.option("--from", "from_run", metavar="RUN", help="Repeat RUN, an id or a path, in place of a SCENARIO.")
@click.option("--baseline", metavar="PATH|NAME", help="Hold it against a baseline, a set or a run; 3 on a regression.")
@click.option(
    "--tolerance", type=Percent(), metavar="PERCENT", help="Changes up to this are no regression.  [default: 5%]"
)
@click.option("--plain", is_flag=True, help="Show progress in lines, on a terminal as well.")
@click.option("--quiet", is_flag=True, help="Show no progress; the summary still comes.")
@click.argument("locust_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[LOCUST OPTIONS]")
def run(
    scenario: str | None,
    repeat: int,
    void_retries: int | None,
    from_run: str | None,
    baseline: str | None,
    tolerance: float | None,
    plain: bool,  # noqa: FBT001 - click's
    quiet: bool,  # noqa: FBT001 - click's
    locust_arguments: tuple[str, ...],
    **options: Any,
) -> int:
    """Run SCENARIO without a user interface: measure, judge, write the results, exit.

    SCENARIO is the name of a file in scenarios/ or the path of a Locust file. Locust's own options, such as
    --processes 2, are passed on as they are; after -- everything is.
    """
    if void_retries is not None and repeat == 1:
        raise UsageError("--void-retries: is for --repeat; a single run that is void ends with 4")
    if from_run is None:
        request = run_request(scenario, locust_arguments, options)
    else:
        request = _again(from_run, scenario, locust_arguments, options)
    against = open_baseline(baseline, tolerance, request)

    def run_one(request: RunRequest) -> RunOutcome:
        with progress(request.resolved(), quiet=quiet, plain=plain) as live:
            return runs.run_headless(request, live.show, live.say)

    if repeat > 1:
        folder, code = run_repeats(
            request, repeat, 1 if void_retries is None else void_retries, lambda each: _told(run_one(each), repeat)
        )
    else:
        outcome = run_one(request)
        folder, code = outcome.run_dir, outcome.exit_code
        _close(outcome)
    compared = against is not None and code != ExitCode.INTERRUPTED
    if against is not None and compared:
        code = against.judge(folder, code)
    if repeat > 1:
        _make_report(folder)
        click.echo(f"results: {_shown(folder)}")
    elif compared:
        _make_report(folder)
    return code


@click.command(cls=SettingsCommand, context_settings=PASS_ON, short_help="Run scenarios under Locust's web UI.")
@click.argument("scenario")
@run_settings
@click.option("--web-host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address of the web UI.")
@click.option(
    "--web-port", "-P", default=8089, show_default=True, type=click.IntRange(1, 65535), metavar="PORT", help="Its port."
)
@click.argument("locust_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[LOCUST OPTIONS]")
def web(scenario: str, web_host: str, web_port: int, locust_arguments: tuple[str, ...], **options: Any) -> int:
    """Serve SCENARIO under Locust's web UI until Ctrl-C; runs are started and stopped there."""
    request = run_request(scenario, locust_arguments, options)

    def announce(line: str) -> None:
        click.echo(line)
        if line.startswith("web ready: "):
            talk().print("start a run in the browser; Ctrl-C here ends it all", style="dim")

    return run_web(request, web_host, web_port, announce)


def _again(run: str, scenario: str | None, locust_arguments: tuple[str, ...], options: dict[str, Any]) -> RunRequest:
    """What repeats a run; what is not as it was then is told."""
    if scenario is not None or locust_arguments:
        word = scenario or locust_arguments[0]
        raise UsageError(f"{word}: --from says what to run, and how; leave it out")
    settings = given(options)
    folder = find_run(run, Path(settings.get("results", default_of("results"))))
    repeated = again(run_record.load(folder), settings)
    for note in repeated.notes:
        talk().print(f"note: {note}", style="yellow", markup=False)
    return repeated.request


def _told(outcome: RunOutcome, of: int) -> RunOutcome:
    """One run of a set, in a line."""
    if (outcome.run_dir / run_record.RUN_JSON).exists():
        record = run_record.load(outcome.run_dir)
        result = "unfinished" if record.verdict is None else record.verdict.result
        click.echo(f"{record.run.run_id} of {of}: {result}, seed {record.run.seed}")
        for reason in record.verdict.reasons if record.verdict else ():
            click.echo(f"  {reason.text}")
    return outcome


def run_request(scenario: str | None, locust_arguments: tuple[str, ...], options: dict[str, Any]) -> RunRequest:
    """What a command line asks to be run.

    Raises:
        UsageError: There is no such scenario.
    """
    if scenario is None:
        command = click.get_current_context().info_name
        repeated = "; or --from RUN" if command == "run" else ""
        raise UsageError("SCENARIO: is missing", hint=f"for example: loadtest {command} steady{repeated}")
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
    if not report.exists() and (outcome.interrupted or record.ended_at is None):  # there was no time for it
        _make_report(outcome.run_dir)
    if not report.exists():
        console.print(f"there is no report; to make it: loadtest report {_shown(outcome.run_dir)}", style="yellow")
    click.echo(f"report: {_shown(report)}" if report.exists() else f"results: {_shown(outcome.run_dir)}")


def _make_report(folder: Path) -> None:
    """The reports of a run or a set."""
    from loadtest.reports import write_reports, write_set_reports  # noqa: PLC0415 - brings in the charts

    with contextlib.suppress(ResultError):  # whoever makes it by hand is told why it cannot be
        if (folder / SET_JSON).exists():
            write_set_reports(folder)
        elif (folder / run_record.RUN_JSON).exists():
            write_reports(folder)


def _shown(path: Path) -> str:
    """Relative to where the user stands, when it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
