"""Baselines: runs kept under a name in ``results/baselines/``, to hold others against.

A baseline is a set of which each run has only its ``run.json``: some kilobytes, small enough for a cache, or for git.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from loadtest.clock import utc_now
from loadtest.compare.arm import Arm, members
from loadtest.errors import ResultError, UsageError
from loadtest.measure import run_record, run_set
from loadtest.measure.run_set import RunSet

FOLDER = "baselines"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def save(source: Path, name: str, results: Path, *, replace: bool = False) -> Arm:
    """Keep the runs of a set, or one run, as a baseline; those that do not count are left out.

    Args:
        source: Folder of the set or the run.
        name: What it is to be called.
        results: The folder with the runs.
        replace: Whether it may take the place of one of that name.

    Returns:
        What was kept, and what was left out.

    Raises:
        UsageError: The name cannot be one, or is taken.
        ResultError: There is nothing to keep, or it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"NAME: {name!r} must be letters, digits, dots, dashes and underscores")
    target = results / FOLDER / name
    if target.exists() and not replace:
        raise UsageError(f"NAME: there is a baseline {name!r} already", hint="choose another, or add --replace")
    arm = Arm(name)
    kept = [folder for folder in members(source) if arm.take(folder)]
    if not kept:
        raise ResultError(f"no run of {source} counts: {'; '.join(arm.left_out)}", hint="only runs that are whole do")
    draft = results / FOLDER / f".{name}.draft"
    try:
        shutil.rmtree(draft, ignore_errors=True)
        for folder in kept:
            (draft / folder.name).mkdir(parents=True)
            shutil.copyfile(folder / run_record.RUN_JSON, draft / folder.name / run_record.RUN_JSON)
        names = [folder.name for folder in kept]
        run_set.write(RunSet(name=name, made_at=utc_now(), runs=names, source=source.name), draft)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    except OSError as error:
        raise ResultError(f"cannot write {target}: {error.strerror}") from error
    return arm


def all_baselines(results: Path) -> list[Path]:
    """The folders of all baselines, by name."""
    return sorted(path.parent for path in (results / FOLDER).glob(f"[!.]*/{run_set.SET_JSON}"))


def find(name_or_path: str, results: Path) -> Path:
    """The folder of a baseline given by its name, or of a run or a set given by its path or its name.

    Raises:
        ResultError: There is none; names those there are.
    """
    for folder in (results / FOLDER / name_or_path, results / name_or_path, Path(name_or_path)):
        if (folder / run_set.SET_JSON).exists() or (folder / run_record.RUN_JSON).exists():
            return folder
    names = ", ".join(path.name for path in all_baselines(results))
    raise ResultError(
        f"there is no baseline {name_or_path!r}, neither in {results / FOLDER} nor as the path of a run or a set",
        hint=f"there are {names}" if names else "keep one: loadtest baseline save RUN NAME",
    )
