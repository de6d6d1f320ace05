"""A matrix: several arms of one plan, each run several times, in one folder. ``matrix.json`` says what became of it.

The folder of an arm is that of a set (:mod:`loadtest.measure.run_set`) and holds the folders of its runs, so that
whatever reads sets reads arms. Written anew whenever a run begins or ends: what was done survives a kill.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from loadtest.measure.result_documents import read, store

if TYPE_CHECKING:
    from pathlib import Path

MATRIX_FORMAT = "loadtest-matrix"
MATRIX_VERSION = 1
MATRIX_JSON = "matrix.json"
PLAN_TOML = "plan.toml"
"""The plan as it was written, passwords masked."""

MatrixState = Literal["running", "interrupted", "complete"]
RunState = Literal["waiting", "running", "done", "void", "failed", "skipped"]
"""``done``: whole, and it counts, whether it passed or failed its thresholds. ``void``: there are figures that do not
count. ``failed``: there was no run, for want of a broker for example, or the broker died in it. ``skipped``: its arm
was given up before."""


class MatrixPlan(msgspec.Struct, kw_only=True):
    """What was to be done, as resolved.

    Attributes:
        name: Of the plan's file, without its ending.
        description: What the plan is to find out, in its author's words.
        scenario: Name of the scenario, or the path of its file.
        scenario_sha256: Digest of its file.
        seeds: Of each repeat, the same for all arms: repeats with one number had the same load.
        order_seed: Of the order of the runs.
        pause_s: Between two runs.
        before_timeout_s: How long the program before a run may take, until what it has prepared answers.
        void_retries: How often a run that was void is tried again.
        settings: Those that all arms share, as written, passwords masked.
        baseline: Name of the arm that the others are held against; empty when there is none.
    """

    name: str
    description: str = ""
    scenario: str
    scenario_sha256: str
    seeds: list[int]
    order_seed: int
    pause_s: float
    before_timeout_s: float = 0.0
    void_retries: int = 0
    settings: dict[str, str]
    baseline: str = ""


class MatrixArm(msgspec.Struct, kw_only=True):
    """One thing among those compared.

    Attributes:
        name: Also that of its folder beside ``matrix.json``, which holds ``set.json`` as soon as there is a run.
        settings: Those of its own, as written, passwords masked: what makes it differ.
        resolved: Every setting as it was for its runs; without seed, names and folders of single runs.
        given_up: Why no more of its runs were tried; empty when that was not so.
        before: The program that is run before each of its runs, with its arguments, passwords masked; empty: none.
    """

    name: str
    settings: dict[str, str]
    resolved: dict[str, Any]
    given_up: str = ""
    before: list[str] = []


class VoidAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was void and was made once more.

    Attributes:
        folder: Name of its folder in that of its arm.
        reason: Why it was void.
    """

    folder: str
    reason: str


class MatrixRun(msgspec.Struct, kw_only=True):
    """One run of the matrix.

    Attributes:
        arm: Name of its arm.
        repeat: Which of the arm's, from 1; repeats with one number have the same seed in all arms.
        block: Which pair of repeats, from 1; the second half of a block has the order of the first, reversed.
        seed: Of the run.
        state: What became of it.
        result: Its verdict in a word; empty when there is none.
        reason: Why it is void or failed, or what its verdict says; empty when it passed.
        folder: Name of its folder in the arm's; empty when there is none.
        cut_short: Names of folders there of attempts that were interrupted; they do not count.
        void: Attempts before this one that were void; they do not count.
        started_at: When it began, in UTC.
        elapsed_s: How long it took, with starting and stopping everything; 0 when it has not ended.
    """

    arm: str
    repeat: int
    block: int
    seed: int
    state: RunState = "waiting"
    result: str = ""
    reason: str = ""
    folder: str = ""
    cut_short: list[str] = []
    void: list[VoidAttempt] = []
    started_at: dt.datetime | None = None
    elapsed_s: float = 0.0


class MatrixRecord(msgspec.Struct, kw_only=True):
    """The content of ``matrix.json``.

    Attributes:
        name: Of the matrix, and of its folder.
        made_by: The version of loadtest that began it.
        state: ``running`` also when it was killed.
        made_at: When it began, in UTC.
        ended_at: When its last run ended, or when it was interrupted.
        command: What repeats it from the beginning.
        runs: In the order in which they are run.
    """

    format: str = MATRIX_FORMAT
    version: int = MATRIX_VERSION
    name: str
    made_by: str
    state: MatrixState = "running"
    made_at: dt.datetime
    ended_at: dt.datetime | None = None
    command: list[str] = []
    plan: MatrixPlan
    arms: list[MatrixArm]
    runs: list[MatrixRun]

    def runs_of(self, arm: str) -> list[MatrixRun]:
        """The runs of an arm, by repeat."""
        return sorted((run for run in self.runs if run.arm == arm), key=lambda run: run.repeat)


def write(record: MatrixRecord, folder: Path) -> None:
    """Write ``matrix.json`` in one step.

    Raises:
        ResultError: It could not be written; the previous one is still there.
    """
    store(record, folder / MATRIX_JSON)


def load(folder: Path) -> MatrixRecord:
    """Read ``matrix.json``.

    Raises:
        ResultError: There is none, it is damaged, or of a version this one cannot read.
    """
    return read(
        folder / MATRIX_JSON, MatrixRecord, MATRIX_FORMAT, MATRIX_VERSION, hint="a matrix is made by loadtest matrix"
    )
