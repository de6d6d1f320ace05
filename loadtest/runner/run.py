"""A run from its request to its exit code: Locust on a scenario, watched, interrupted when asked, cleaned up after."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.brokers.ports import refuse_taken
from loadtest.brokers.process import ending
from loadtest.clock import utc_now
from loadtest.errors import EnvironmentNotReady, ExitCode, HarnessError, LoadTestError, ResultError, UsageError
from loadtest.measure import run_record
from loadtest.runner.locust_process import LocustProcess, last_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from loadtest.measure.run_record import RunRecord
    from loadtest.runner.request import RunRequest
    from loadtest.runner.scenarios import Scenario
    from loadtest.scenario.settings import RunSettings

ORDERLY_END_S = 60.0
"""How long an interrupted run may take to drain and to write its results."""
TICK_S = 0.25
WEB_READY_S = 30.0


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


def run_headless(request: RunRequest, on_tick: Callable[[Path], None]) -> RunOutcome:
    """Run a scenario from start to end.

    Args:
        request: What to run.
        on_tick: Called with the run's folder a few times a second while it goes on.

    Raises:
        UsageError: What was asked for cannot be done; nothing is left behind.
        EnvironmentNotReady: The same, for what is missing.
        HarnessError: Locust ended without a result.
    """
    settings = request.resolved()
    run_dir = _new_run_dir(settings, request.scenario)
    arguments = ["--headless", "--only-summary", *request.flags(run_id=run_dir.name)]
    with _interrupts() as interrupts:
        process = _start(request, arguments, run_dir / "logs" / "locust.log")
        try:
            status = _attend(process, interrupts, lambda: on_tick(run_dir))
        except BaseException:
            _end(process)
            raise
        leftovers = process.clear_leftovers()
    return RunOutcome(
        run_dir=run_dir,
        exit_code=_exit_code(process, run_dir, status, interrupted=bool(interrupts)),
        interrupted=bool(interrupts),
        leftovers=tuple(leftovers),
    )


def run_web(request: RunRequest, host: str, port: int, announce: Callable[[str], None]) -> int:
    """Serve Locust's web UI on a scenario until interrupted; returns the exit code.

    Args:
        request: What the UI is to start.
        host: Address to serve on.
        port: Port to serve on.
        announce: Called with a line for the user: the URL once it answers, then the end of each run.

    Raises:
        UsageError: What was asked for cannot be done.
        EnvironmentNotReady: The port is taken.
        HarnessError: Locust ended by itself.
    """
    settings = request.resolved()
    refuse_taken(port, host=host, option="--web-port")
    log_dir = Path(settings.results)
    _make_folder(log_dir)
    log_file = log_dir / f"web-{utc_now():%Y%m%d-%H%M%S}.log"
    arguments = ["--web-host", host, "--web-port", str(port), *request.flags(run_id=request.settings.get("run_id"))]
    url = f"http://{host}:{port}"
    with _interrupts() as interrupts:
        process = _start(request, arguments, log_file)
        deadline = time.monotonic() + WEB_READY_S
        announced = False

        shown = 0

        def on_tick() -> None:
            nonlocal announced, shown
            said = process.told()
            for line in said[shown:]:
                announce(line)
            shown = len(said)
            if not announced and _listens(host, port):
                announced = True
                announce(f"web ready: {url}")
            if not announced and time.monotonic() > deadline:
                raise HarnessError(f"Locust's web UI does not answer at {url}", hint=f"its log: {log_file}")

        try:
            status = _attend(process, interrupts, on_tick)
        except BaseException:
            _end(process)
            raise
        process.clear_leftovers()
    if not interrupts:
        raise _failure(process, status)
    return ExitCode.INTERRUPTED if status == ExitCode.INTERRUPTED else ExitCode.PASSED


def _new_run_dir(settings: RunSettings, scenario: Scenario) -> Path:
    """Make the run's folder, with its folder for logs.

    Raises:
        UsageError: Something of that name exists, or the folder cannot be made.
    """
    results = Path(settings.results)
    name = settings.run_id
    if name == "auto":
        wanted = name = f"{utc_now():%Y%m%d-%H%M%S}-{scenario.name}"
        copy = 1
        while (results / name).exists():
            copy += 1
            name = f"{wanted}-{copy}"
    elif (results / name).exists():  # a run or something else: the folder of a refused run is removed again
        raise UsageError(f"there is {name!r} in {results} already", hint="choose another --run-id")
    _make_folder(results / name / "logs")
    return results / name


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {path}: {error.strerror}", hint="choose another --results") from error


def _start(request: RunRequest, arguments: list[str], log_file: Path) -> LocustProcess:
    return LocustProcess(["-f", str(request.scenario.path), *arguments], log_file, request.private_environment())


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list while inside."""
    received: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)

    before = {which: signal.signal(which, note) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _attend(process: LocustProcess, interrupts: list[int], on_tick: Callable[[], None]) -> int:
    """Wait for the end; the first interrupt asks for it, a second one or too long a wait forces it."""
    deadline = float("inf")
    while (status := process.wait(TICK_S)) is None:
        if interrupts and deadline == float("inf"):
            process.interrupt()
            deadline = time.monotonic() + ORDERLY_END_S
        if len(interrupts) > 1 or time.monotonic() > deadline:
            process.kill()
            continue
        on_tick()
    return status


def _end(process: LocustProcess) -> None:
    """Something on our side cannot go on, such as a terminal that is gone: what was measured is kept all the same."""
    process.interrupt()
    if process.wait(ORDERLY_END_S) is None:
        process.kill()


def _exit_code(process: LocustProcess, run_dir: Path, status: int, *, interrupted: bool) -> int:
    """The code the command ends with.

    Raises:
        LoadTestError: There is no result; says why, and leaves no folder of a run that never was.
    """
    record = _record(run_dir)
    if record is not None and record.state == "running":  # it was killed before it could say so itself
        record.state = "partial"
        run_record.write(record, run_dir)
    if interrupted:
        if record is None:
            shutil.rmtree(run_dir, ignore_errors=True)
        return ExitCode.INTERRUPTED
    failure = _failure(process, status)
    if isinstance(failure, UsageError) and status == ExitCode.USAGE and (record is None or not record.operations.sent):
        shutil.rmtree(run_dir, ignore_errors=True)  # refused: nothing was connected, so there is nothing to keep
        raise failure
    if record is None:
        raise failure
    if record.verdict is None or status == ExitCode.USAGE or status not in set(ExitCode):
        failure.hint = f"what was measured is in {run_dir}; Locust's log: {process.log_file}"
        raise failure
    return status or record.verdict.exit_code


def _record(run_dir: Path) -> RunRecord | None:
    try:
        return run_record.load(run_dir)
    except ResultError:
        return None


def _failure(process: LocustProcess, status: int) -> LoadTestError:
    """Why Locust ended as it did, in its own words where it left some."""
    faults, hint = process.refusal()
    if faults:
        return UsageError(faults, hint=hint)
    said = last_line(process.log_text())
    return HarnessError(
        f"Locust {ending(status)} before its time" + (f": {said}" if said else ""),
        hint=f"its log: {process.log_file}",
    )


def _listens(host: str, port: int) -> bool:
    try:
        refuse_taken(port, host=host)
    except EnvironmentNotReady:
        return True
    return False
