"""The same run several times over, each with a seed of its own, in the folder of one set."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from loadtest.clock import utc_now
from loadtest.errors import ExitCode
from loadtest.measure import run_set
from loadtest.measure.run_set import RunSet
from loadtest.runner.run import make_folder, new_folder

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.runner.request import RunRequest
    from loadtest.runner.several import RunOne


def run_repeats(request: RunRequest, count: int, void_retries: int, run_one: RunOne) -> tuple[Path, int]:
    """Run a request several times, one after the other; an interrupted run is the last.

    A void run says nothing of the system and may be made once more. One that has failed never is: whoever chooses by
    the outcome gets the outcome of the choice.

    Args:
        request: What to run. Seeds count up from its own.
        count: How often.
        void_retries: How often each that is void is made once more.
        run_one: Runs one of them.

    Returns:
        The set's folder, and the exit code of the whole.

    Raises:
        UsageError: What was asked for cannot be done; nothing is left behind.
        LoadTestError: As a single run; the runs before it are kept.
    """
    settings = request.resolved()
    folder = new_folder(settings, request.scenario.name)
    kept = RunSet(name=folder.name, made_at=utc_now())
    requests = [
        request.within(folder, f"{folder.name}-{number}", settings.seed + number - 1) for number in range(1, count + 1)
    ]
    for each in requests:
        each.resolved()  # the last seed may be too large
    make_folder(folder)
    codes: list[int] = []
    try:
        for each in requests:
            outcome = run_one(each)
            for attempt in range(2, void_retries + 2):
                if outcome.exit_code != ExitCode.VOID or outcome.interrupted:
                    break
                kept.void.append(outcome.run_dir.name)
                run_set.write(kept, folder)  # whatever comes next, it is told
                name, seed = f"{each.settings['run_id']}.{attempt}", int(each.settings["seed"])
                outcome = run_one(each.within(folder, name, seed))
            codes.append(outcome.exit_code)
            if outcome.run_dir.exists():
                kept.runs.append(outcome.run_dir.name)
                run_set.write(kept, folder)
            if outcome.interrupted:
                break
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()  # if the first was refused, there is nothing in it
    return folder, _exit_code(codes)


def _exit_code(codes: list[int]) -> int:
    """Of a set: judged by the runs that count, if they are enough."""
    if ExitCode.INTERRUPTED in codes:
        return ExitCode.INTERRUPTED
    if not run_set.judged_by(len(codes) - codes.count(ExitCode.VOID), len(codes)):
        return ExitCode.VOID
    return ExitCode.FAILED if ExitCode.FAILED in codes else ExitCode.PASSED
