"""Runs that belong together, in one folder: the repeats of a run, or a baseline. ``set.json`` says which.

Of a run, its folder in a set holds at least ``run.json``, and it is enough for comparing.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.result_documents import read, store

if TYPE_CHECKING:
    from pathlib import Path

SET_FORMAT = "loadtest-set"
SET_VERSION = 1
SET_JSON = "set.json"
FEWEST_RUNS = 4
"""That count, for a set to be judged by them, or held against another: with fewer, what runs differ by is not known."""


class RunSet(msgspec.Struct, kw_only=True):
    """The content of ``set.json``.

    Attributes:
        runs: Names of their folders, which stand beside the file.
        void: Of those beside them that were void and were made once more.
        source: Of a baseline: what it was saved from.
    """

    format: str = SET_FORMAT
    version: int = SET_VERSION
    name: str
    made_at: dt.datetime
    runs: list[str] = []
    void: list[str] = []
    source: str = ""


def judged_by(counting: int, made: int) -> bool:
    """Whether the runs of a set that count stand for all: they are enough, or there are no others.

    Args:
        counting: Runs that are neither void nor cut short.
        made: All runs of the set.
    """
    return counting >= min(made, FEWEST_RUNS)


def write(run_set: RunSet, folder: Path) -> None:
    """Write ``set.json``.

    Raises:
        ResultError: It could not be written.
    """
    store(run_set, folder / SET_JSON)


def load(folder: Path) -> RunSet:
    """Read ``set.json``.

    Raises:
        ResultError: There is none, it is damaged, or of a version this one cannot read.
    """
    return read(folder / SET_JSON, RunSet, SET_FORMAT, SET_VERSION)
