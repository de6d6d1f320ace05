"""Running a matrix: one run after the other, each with a fate that is on record before the next one begins.

A void run says nothing of the system, so it may be made once more, at once, where it stands in the order. Never one
that has failed: whoever chooses by the outcome gets the outcome of the choice.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns, utc_now
from loadtest.errors import LoadTestError, ResultError
from loadtest.matrix.before import made_ready
from loadtest.matrix.outcome import judged, made_once_more, put_back, write_set
from loadtest.measure import matrix_record
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.matrix.plan import Plan
    from loadtest.measure.matrix_record import MatrixRecord, MatrixRun
    from loadtest.runner.run import RunOutcome
    from loadtest.runner.several import RunOne, Watcher

TRIES = 2
"""So many of an arm's runs in a row that have failed are enough to give it up."""
_LOOK_S = 0.1
_ROOM_BYTES = 10_000_000
"""Less is no room for a run: what it has written until it failed is free again."""


def conduct(
    matrix: MatrixRecord,
    plan: Plan,
    folder: Path,
    run_one: RunOne,
    watcher: Watcher[MatrixRun],
    interrupts: Sequence[int],
) -> None:
    """Run what waits, in its order.

    Args:
        matrix: Its record; written whenever something has changed.
        plan: Whose arms it has.
        folder: Of the matrix.
        run_one: Carries out one run.
        watcher: Is told how it goes.
        interrupts: Grows when the user asks for an end; ``run_one`` knows them as well and ends what is on.

    Raises:
        ResultError: Nothing can be written any more.
    """
    arms = {arm.name: arm for arm in matrix.arms}
    conductor = _Conductor(matrix, plan, folder, run_one, watcher, interrupts)
    pause_s = 0.0
    waiting = deque(run for run in matrix.runs if run.state == "waiting")
    while waiting:
        run = waiting.popleft()
        if arms[run.arm].given_up:
            run.state, run.reason = "skipped", arms[run.arm].given_up
            watcher.ended(run)
            continue
        if _interrupted_within(pause_s, interrupts):
            break
        pause_s = plan.pause_s
        stopped = conductor.run(run)
        if _tried_in_vain(matrix, run.arm) >= TRIES:
            arms[run.arm].given_up = run.reason
        watcher.ended(run)
        if made_once_more(run, plan.void_retries):
            waiting.appendleft(run)
        write_set(matrix, run.arm, folder)
        matrix_record.write(matrix, folder)
        if stopped:
            break
    left = any(run.state == "waiting" for run in matrix.runs)
    matrix.state, matrix.ended_at = "interrupted" if left else "complete", utc_now()
    matrix_record.write(matrix, folder)


class _Conductor:
    """Carries out the runs of one matrix; arguments as of :func:`conduct`."""

    def __init__(
        self,
        matrix: MatrixRecord,
        plan: Plan,
        folder: Path,
        run_one: RunOne,
        watcher: Watcher[MatrixRun],
        interrupts: Sequence[int],
    ) -> None:
        self._matrix = matrix
        self._plan = plan
        self._arms = {arm.name: arm for arm in plan.arms}
        self._folder = folder
        self._run_one = run_one
        self._watcher = watcher
        self._interrupts = interrupts

    def run(self, run: MatrixRun) -> bool:
        """Carry out one run; returns whether the user has stopped it."""
        in_arm = self._folder / run.arm
        run.folder = _folder_name(run, self._folder)
        run.state, run.started_at, run.reason = "running", utc_now(), ""
        matrix_record.write(self._matrix, self._folder)
        self._watcher.begins(run)
        begun_ns = monotonic_ns()
        try:
            outcome = self._carried_out(run)
        except LoadTestError as error:
            _refuse_a_full_disk(self._folder, run, error)
            run.state, run.reason = "failed", error.line
            if not (in_arm / run.folder).exists():
                run.folder = ""
                with suppress(OSError):
                    in_arm.rmdir()  # nothing was ever in it
            return False
        finally:
            run.elapsed_s = (monotonic_ns() - begun_ns) / NS_PER_S
        if outcome is None:
            put_back(run)
            return True
        judged(run, self._folder, cut_short=outcome.interrupted)
        return outcome.interrupted

    def _carried_out(self, run: MatrixRun) -> RunOutcome | None:
        """Run it, after what is to be done before; ``None`` when the user asked for an end before it began.

        Raises:
            LoadTestError: There was no run.
        """
        arm, in_arm = self._arms[run.arm], self._folder / run.arm
        if arm.before:
            log_file = in_arm / f"{run.folder}.before.log"
            if not made_ready(arm, run.repeat, log_file, self._plan.before_timeout_s, self._interrupts):
                return None
        return self._run_one(arm.request.within(in_arm, run.folder, run.seed))


def _refuse_a_full_disk(folder: Path, run: MatrixRun, error: LoadTestError) -> None:
    """A run that failed for want of room says nothing about its arm: it stays as it is, to be run once more.

    Raises:
        ResultError: There is next to no room left.
    """
    with suppress(OSError):
        if shutil.disk_usage(folder).free < _ROOM_BYTES:
            raise ResultError(
                f"{run.arm}, repeat {run.repeat}: {error.message}; no room is left for results",
                hint=f"make some, then go on with: loadtest matrix {folder} --resume",
            ) from error


def _folder_name(run: MatrixRun, folder: Path) -> str:
    """A folder for a run that is not there yet: an attempt that was cut short keeps its own."""
    name = f"{run.arm}-{run.repeat}"
    attempt = 1
    while (folder / run.arm / name).exists():
        attempt += 1
        name = f"{run.arm}-{run.repeat}.{attempt}"
    return name


def _tried_in_vain(matrix: MatrixRecord, arm: str) -> int:
    """How many of an arm's latest runs have failed, one after the other."""
    in_vain = 0
    for run in matrix.runs:
        if run.arm == arm and run.state not in ("waiting", "running"):
            in_vain = in_vain + 1 if run.state == "failed" else 0
    return in_vain


def _interrupted_within(pause_s: float, interrupts: Sequence[int]) -> bool:
    """Wait; returns at once when the user asks for an end, and whether that was so."""
    until_ns = monotonic_ns() + round(pause_s * NS_PER_S)
    while not interrupts and (left_ns := until_ns - monotonic_ns()) > 0:
        time.sleep(min(_LOOK_S, left_ns / NS_PER_S))
    return bool(interrupts)
