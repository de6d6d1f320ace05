"""A run from its request to its exit code: Locust on a scenario, watched, interrupted when asked, cleaned up after."""

from __future__ import annotations

import shutil
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.brokers.process import ending
from loadtest.clock import utc_now
from loadtest.errors import ExitCode, HarnessError, LoadTestError, ResultError, UsageError
from loadtest.measure import run_record, verdict
from loadtest.runner.attending import Attendant, interrupts
from loadtest.runner.locust_process import NOTE, last_line, start_locust
from loadtest.runner.scenario_fault import scenario_fault
from loadtest.runner.scenarios import no_charge_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.run_record import RunRecord
    from loadtest.runner.locust_process import LocustProcess
    from loadtest.runner.request import RunRequest
    from loadtest.runner.scenarios import Scenario
    from loadtest.scenario.settings import RunSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_dir: Its folder.
        exit_code: What the command ends with.
        interrupted: Whether it was stopped before its time.
        leftovers: Processes that had to be killed at the end.
    """

    run_dir: Path
    exit_code: int
    interrupted: bool
    leftovers: tuple[int, ...] = ()


def run_headless(
    request: RunRequest,
    on_tick: Callable[[Path], None],
    say: Callable[[str], None],
    asked_to_stop: list[int] | None = None,
) -> RunOutcome:
    """Run a scenario from start to end.

    Args:
        request: What to run.
        on_tick: Called with the run's folder a few times a second while it goes on.
        say: Called with each line that the user should see now.
        asked_to_stop: Grows by each interrupt, for a caller who collects them before and after as well; when left
            out they are collected here.

    Raises:
        UsageError: What was asked for cannot be done; nothing is left behind, but for a log that its hint names.
        EnvironmentNotReady: The same, for what is missing.
        HarnessError: Locust ended without a result.
    """
    settings = request.resolved()
    run_dir = _new_run_dir(settings, request.scenario)
    arguments = ["--headless", "--only-summary", *request.flags(run_id=run_dir.name)]
    with interrupts() if asked_to_stop is None else nullcontext(asked_to_stop) as received:
        process = start_locust(request, arguments, run_dir / "logs" / "locust.log")

        def tick() -> None:
            for line in process.told():
                if line.startswith(NOTE):
                    say(line.removeprefix(NOTE))
            on_tick(run_dir)

        begun = (run_dir / run_record.RUN_JSON).exists
        status = Attendant(process, settings, say, begun).wait(received, tick)
        leftovers = process.clear_leftovers()
    return RunOutcome(
        run_dir=run_dir,
        exit_code=_exit_code(process, run_dir, status, interrupted=bool(received)),
        interrupted=bool(received),
        leftovers=tuple(leftovers),
    )


def _new_run_dir(settings: RunSettings, scenario: Scenario) -> Path:
    """Make the run's folder, with its folder for logs.

    Raises:
        UsageError: Something of that name exists, or the folder cannot be made.
    """
    folder = new_folder(settings, scenario.name)
    make_folder(folder / "logs")
    return folder


def new_folder(settings: RunSettings, what: str) -> Path:
    """A folder for a run, or for several; it is not made yet.

    Args:
        settings: Where results go, and what the folder is called.
        what: The scenario or the plan, for a name that is made up.

    Raises:
        UsageError: Something of that name exists.
    """
    results = Path(settings.results)
    name = settings.run_id
    if name == "auto":
        wanted = name = f"{utc_now():%Y%m%d-%H%M%S}-{what}"
        copy = 1
        while (results / name).exists():
            copy += 1
            name = f"{wanted}-{copy}"
    elif (results / name).exists():  # a run or something else: the folder of a refused run is removed again
        raise UsageError(f"there is {name!r} in {results} already", hint="choose another --run-id")
    return results / name


def make_folder(path: Path) -> None:
    """Make a folder for results.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {path}: {error.strerror}", hint="choose another --results") from error


def _clear(run_dir: Path, *, but: str) -> None:
    """Remove what a refused run has left, for nothing was connected, but for one folder in it."""
    with suppress(OSError):
        for path in run_dir.iterdir():
            if not path.is_dir():
                path.unlink()
            elif path.name != but:
                shutil.rmtree(path, ignore_errors=True)
        run_dir.rmdir()


def _exit_code(process: LocustProcess, run_dir: Path, status: int, *, interrupted: bool) -> int:
    """The code the command ends with.

    Raises:
        LoadTestError: There is no result; says why, and leaves no folder of a run that never was.
    """
    record = _record(run_dir)
    if record is not None and record.state == "running":  # it was killed before it could say so itself
        _mark(record, process, status, interrupted=interrupted)
        try:
            run_record.write(record, run_dir)
        except OSError as error:
            raise ResultError(f"the record of the run cannot be written to {run_dir}: {error.strerror}") from error
    if interrupted:
        if record is None:
            shutil.rmtree(run_dir, ignore_errors=True)
        # One that came too late has interrupted nothing: the run was over, and judged.
        return ExitCode.INTERRUPTED if record is None or record.verdict is None else record.verdict.exit_code
    why = failure(process, status)
    never_ran = record is None or (status == ExitCode.USAGE and not record.operations.sent)
    if isinstance(why, UsageError) and status > 0 and never_ran:
        _clear(run_dir, but="logs" if str(run_dir.resolve()) in why.hint else "")
        raise why
    if record is None:
        raise why if run_dir.exists() else HarnessError(f"{run_dir} was removed while the run went on: nothing is left")
    if record.verdict is not None and status < 0:
        return record.verdict.exit_code
    if record.verdict is None or status == ExitCode.USAGE or status not in set(ExitCode):
        why.hint = f"what was measured is in {run_dir}; Locust's log: {process.log_file}"
        raise why
    return status or record.verdict.exit_code


def _mark(record: RunRecord, process: LocustProcess, status: int, *, interrupted: bool) -> None:
    """Say in a record that was never closed what became of its run."""
    record.state = "partial"
    if interrupted:
        record.verdict = verdict.killed()
    elif status < 0:
        record.verdict = verdict.master_lost(process.ending(status))
    elif status == ExitCode.VOID:
        record.verdict = verdict.never_written(process.reasons())


def _record(run_dir: Path) -> RunRecord | None:
    try:
        return run_record.load(run_dir)
    except ResultError:
        return None


def failure(process: LocustProcess, status: int) -> LoadTestError:
    """Why Locust ended as it did, in its own words where it left some."""
    faults, hint = process.refusal()
    if any(fault.startswith("unrecognized arguments:") and "--run-id" in fault for fault in faults):
        return no_charge_points("the scenario")  # whoever knows our options was not imported
    if faults:
        return UsageError(faults, hint=hint)
    log = process.log_text()
    if (fault := scenario_fault(log)) is not None:
        return fault
    said = last_line(log)
    return HarnessError(
        f"Locust {ending(status)} before its time" + (f": {said}" if said else ""),
        hint=f"its log: {process.log_file}",
    )
