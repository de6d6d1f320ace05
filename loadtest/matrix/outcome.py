"""What became of a run of a matrix, from its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.compare.arm import Arm
from loadtest.errors import ExitCode, ResultError
from loadtest.measure import run_record, run_set
from loadtest.measure.matrix_record import VoidAttempt
from loadtest.measure.run_record import RUN_JSON
from loadtest.measure.run_set import RunSet

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.matrix_record import MatrixRecord, MatrixRun

_BROKEN = frozenset({"sut_died", "no_data"})
"""Codes of reasons with which a run has shown that an arm does not work, and not how well it does."""


def judged(run: MatrixRun, folder: Path, *, cut_short: bool) -> None:
    """Say of a run that has ended what became of it: its state, its result and why.

    Whether it counts is what :class:`~loadtest.compare.arm.Arm` says of it, as in every comparison.

    Args:
        run: Whose ``folder`` is its folder's name.
        folder: Of the matrix.
        cut_short: It was stopped before its time, unless its record says otherwise: it waits once more.
    """
    run_dir = folder / run.arm / run.folder
    arm = Arm(run.arm)
    counts = arm.take(run_dir)
    try:
        verdict = run_record.load(run_dir).verdict
    except ResultError:
        verdict = None
    run.result = "" if verdict is None else verdict.result
    reasons = [reason.text for reason in verdict.reasons] if verdict is not None else []
    run.reason = " ".join(reasons)
    if counts:
        broken = verdict is not None and any(reason.code in _BROKEN for reason in verdict.reasons)
        run.state = "failed" if broken else "done"
    elif cut_short and run.result in ("", "interrupted"):
        if run_dir.exists():
            run.cut_short.append(run.folder)
        put_back(run)
    else:
        run.state = "void"
        run.reason = run.reason or arm.left_out[0]


def put_back(run: MatrixRun) -> None:
    """Have a run wait as if it had never begun."""
    run.state, run.result, run.reason, run.folder, run.elapsed_s = "waiting", "", "", "", 0.0
    run.started_at = None


def made_once_more(run: MatrixRun, retries: int) -> bool:
    """Have a run that was void wait once more, unless that was done so often already; returns whether it does.

    Only void ones: they say nothing about the system. To run again what has failed would be to choose by the outcome.
    """
    if run.state != "void" or run.result != "void" or len(run.void) >= retries:
        return False
    run.void.append(VoidAttempt(folder=run.folder, reason=run.reason))
    put_back(run)
    return True


def write_set(matrix: MatrixRecord, arm: str, folder: Path) -> None:
    """Keep the set of an arm's runs, without those made once more; nothing while there is none.

    Raises:
        ResultError: It cannot be written.
    """
    names = [run.folder for run in matrix.runs_of(arm) if run.folder and run.state in ("done", "void", "failed")]
    kept = [name for name in names if (folder / arm / name / RUN_JSON).exists()]
    if kept:
        run_set.write(RunSet(name=arm, made_at=matrix.made_at, runs=kept, source=matrix.name), folder / arm)


def exit_code(matrix: MatrixRecord) -> ExitCode:
    """What a matrix ends with, before anything is compared."""
    if matrix.state != "complete":
        return ExitCode.INTERRUPTED
    with_figures = {run.arm for run in matrix.runs if run.state == "done"}
    if any(arm.name not in with_figures for arm in matrix.arms):
        return ExitCode.VOID
    failed = any(run.result == "failed" for run in matrix.runs)
    return ExitCode.FAILED if failed else ExitCode.PASSED
