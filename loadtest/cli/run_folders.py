"""Which folder is meant by a run's path, its id, or ``latest``; and all there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from loadtest.cli.options import default_of
from loadtest.errors import ResultError
from loadtest.measure import run_set
from loadtest.measure.capacity_record import CAPACITY_JSON
from loadtest.measure.matrix_record import MATRIX_JSON
from loadtest.measure.run_record import LATENCY_HLOG, RUN_JSON
from loadtest.measure.run_set import SET_JSON

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LATEST = "latest"
_MARKS = (RUN_JSON, LATENCY_HLOG, "logs")
"""One of these is in the folder of every run, however early it ended."""


def results_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that says where runs are."""
    return click.option(
        "--results",
        default=lambda: default_of("results"),
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder with the runs; `results` when left out.",
    )(command)


def all_runs(results: Path) -> list[Path]:
    """The folders of runs, those in sets, matrices and searches too, the newest first; empty without such a folder.

    Raises:
        ResultError: It cannot be read.
    """
    try:
        sets = [path for each in results.iterdir() for path in (each.iterdir() if _is_matrix(each) else (each,))]
        within = [path.iterdir() if _holds_runs(path) else (path,) for path in sets]
        folders = [path for paths in within for path in paths if any((path / mark).exists() for mark in _MARKS)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResultError(f"cannot read {results}: {error.strerror}", hint="choose another --results") from None
    return sorted(folders, key=_written_ns, reverse=True)


def find_run(run: str, results: Path) -> Path:
    """The folder of a run given by its path, its id, or ``latest``.

    Raises:
        ResultError: There is none.
    """
    if run == LATEST:
        folders = all_runs(results)
        if not folders:
            raise ResultError(f"there are no runs in {results}", hint="make one: loadtest run steady")
        return folders[0]
    in_sets = (folder for folder in all_runs(results) if folder.name == run)
    for folder in (results / run, Path(run), *in_sets):
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
    for folder in (results / run, Path(run)):
        if (folder / CAPACITY_JSON).exists():
            raise ResultError(f"{run} is a search of several runs, not one", hint="loadtest list shows its runs")
        if _is_matrix(folder):
            raise ResultError(f"{run} is a matrix of runs, not one", hint="loadtest list shows its runs")
        if (folder / SET_JSON).exists():
            names = ", ".join(run_set.load(folder).runs)
            raise ResultError(f"{run} is a set of runs, not one", hint=f"name one of {names}")
    raise ResultError(f"there is no run {run!r}, neither as a path nor in {results}", hint="loadtest list shows all")


def find_run_or_set(name: str, results: Path) -> Path:
    """The folder of a set given by its path or id, or of a run as :func:`find_run` finds it.

    Raises:
        ResultError: There is none.
    """
    sets = (folder for folder in (results / name, Path(name)) if (folder / SET_JSON).exists())
    return next(sets, None) or find_run(name, results)


def complete_run(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of runs, for shells."""
    try:
        names = [LATEST, *(folder.name for folder in all_runs(Path(default_of("results"))))]
    except ResultError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _is_matrix(folder: Path) -> bool:
    return (folder / MATRIX_JSON).exists()


def _holds_runs(folder: Path) -> bool:
    return (folder / SET_JSON).exists() or (folder / CAPACITY_JSON).exists()


def _written_ns(folder: Path) -> int:
    """When something was last written into it; a copy that is not there any more counts as old."""
    try:
        record = folder / RUN_JSON
        return (record if record.exists() else folder).stat().st_mtime_ns
    except OSError:
        return 0
