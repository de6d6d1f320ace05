"""The folder of a matrix: begun, found again, and taken up where it was left."""

from __future__ import annotations

import fcntl
import os
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loadtest import __version__
from loadtest.clock import utc_now
from loadtest.errors import ResultError, UsageError
from loadtest.matrix.order import interleaved
from loadtest.matrix.outcome import judged, made_once_more
from loadtest.measure import matrix_record
from loadtest.measure.matrix_record import MATRIX_JSON, PLAN_TOML, MatrixRecord, MatrixRun
from loadtest.measure.result_files import write_whole
from loadtest.runner.run import make_folder
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from loadtest.matrix.plan import Plan
    from loadtest.measure.matrix_record import MatrixArm


def planned(plan: Plan, name: str, command: list[str]) -> MatrixRecord:
    """The record of a matrix that has not begun."""
    seeds = dict(enumerate(plan.seeds, 1))
    slots = interleaved([arm.name for arm in plan.arms], len(seeds), plan.order_seed)
    return MatrixRecord(
        name=name,
        made_by=__version__,
        made_at=utc_now(),
        command=command,
        plan=plan.record(),
        arms=[arm.record() for arm in plan.arms],
        runs=[MatrixRun(arm=arm, repeat=repeat, block=block, seed=seeds[repeat]) for arm, repeat, block in slots],
    )


def begin(plan: Plan, matrix: MatrixRecord, folder: Path) -> None:
    """Make the folder, with a copy of the plan and a record in which everything waits.

    Raises:
        UsageError: The folder cannot be made.
        ResultError: Nothing can be written into it.
    """
    make_folder(folder)
    try:
        write_whole(folder / PLAN_TOML, masked(plan.text).encode())
    except OSError as error:
        raise ResultError(f"cannot write {folder / PLAN_TOML}: {error.strerror}") from error
    matrix_record.write(matrix, folder)


def unfinished(plan_name: str, results: Path) -> Path:
    """The folder of the newest matrix of a plan that has not come to its end.

    Raises:
        UsageError: There is none.
    """
    found = []
    for path in results.glob(f"*/{MATRIX_JSON}"):
        try:
            matrix = matrix_record.load(path.parent)
        except ResultError:
            continue  # another matrix's damage is not this one's
        if matrix.plan.name == plan_name and matrix.state != "complete":
            found.append((matrix.made_at, path.parent))
    if not found:
        raise UsageError(
            f"--resume: no matrix of the plan {plan_name!r} in {results} was interrupted",
            hint="leave --resume out to begin one, or name the folder: loadtest matrix --resume FOLDER",
        )
    return max(found)[1]


def resume(matrix: MatrixRecord, plan: Plan, folder: Path) -> None:
    """Make ready to go on: what was cut short waits once more, what came to its end unseen is judged.

    Raises:
        UsageError: The plan is not as it was; says what has changed.
    """
    if matrix.state == "complete":
        raise UsageError(f"--resume: {folder} has come to its end: nothing is left to run")
    changes = changed(matrix, plan)
    if changes:
        raise UsageError(
            [f"--resume: {change}" for change in changes],
            hint="runs of two plans cannot be compared: undo the change, or begin anew without --resume",
        )
    for run in matrix.runs:
        if run.state == "running":  # the harness was killed while it was on
            judged(run, folder, cut_short=True)
            made_once_more(run, plan.void_retries)
    matrix.state, matrix.ended_at = "running", None


def changed(matrix: MatrixRecord, plan: Plan) -> list[str]:
    """What is not as it was when the matrix began, in sentences."""
    then, now = matrix.plan, plan.record()
    changes = [
        f"{field}: was {_said(before)}, is {_said(after)}"
        for field in ("scenario", "seeds", "order_seed", "pause_s", "before_timeout_s", "void_retries", "baseline")
        if (before := getattr(then, field)) != (after := getattr(now, field))
    ]
    if then.scenario == now.scenario and then.scenario_sha256 != now.scenario_sha256:
        changes.append(f"scenario: the file of {now.scenario} has changed since")
    if matrix.made_by != __version__:
        changes.append(f"loadtest: was {matrix.made_by}, is {__version__}")
    before_by_name = {arm.name: arm for arm in matrix.arms}
    after_by_name = {arm.name: arm.record() for arm in plan.arms}
    changes += [f"arm {name!r}: is not there any more" for name in before_by_name if name not in after_by_name]
    changes += [f"arm {name!r}: was not there" for name in after_by_name if name not in before_by_name]
    for name, arm in after_by_name.items():
        if name in before_by_name:
            changes += _settings_changed(name, _of_arm(before_by_name[name]), _of_arm(arm))
    return changes


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the folder from others while inside: two that ran one matrix would disturb and overwrite each other.

    Raises:
        UsageError: Another one has it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UsageError(f"--resume: {folder} is being run at this moment", hint="wait until it has ended") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _of_arm(arm: MatrixArm) -> dict[str, Any]:
    return {**arm.resolved, "before": shlex.join(arm.before)}


def _settings_changed(arm: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"arm {arm!r}: {name}: was {_said(before[name])}, is {_said(after[name])}"
        for name in before
        if name in after and before[name] != after[name]
    ]


def _said(value: object) -> str:
    return str(value) if value != "" else "none"
