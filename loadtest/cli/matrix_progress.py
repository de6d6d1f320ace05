"""A matrix while it goes on: on a terminal a picture of the arms above that of the run, elsewhere lines."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadtest.cli.live_view import picture
from loadtest.cli.matrix_tables import about, outcome_table
from loadtest.cli.messages import talk
from loadtest.cli.progress import progress
from loadtest.cli.timeline_tail import TimelineTail
from loadtest.clock import monotonic_ns
from loadtest.matrix.remaining import remaining_s
from loadtest.runner.several import Watcher
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.cli.progress import Progress
    from loadtest.measure.matrix_record import MatrixRecord, MatrixRun
    from loadtest.scenario.settings import RunSettings


class MatrixProgress(Watcher["MatrixRun"], Protocol):
    """How a matrix that goes on is shown."""

    def run(self, settings: RunSettings) -> contextlib.AbstractContextManager[Progress]:
        """What shows the run that is on."""


@contextlib.contextmanager
def matrix_progress(matrix: MatrixRecord, *, quiet: bool, plain: bool) -> Iterator[MatrixProgress]:
    """Gives what shows the matrix.

    Args:
        matrix: As it is at every moment.
        quiet: Nothing but what has to be said.
        plain: Lines one below the other, on a terminal as well.
    """
    console = Console(stderr=True, highlight=False)
    if quiet or plain or not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(matrix, quiet=quiet)
    else:
        with Live(console=console, auto_refresh=False) as live:
            shown = _Picture(live, matrix)
            yield shown
            live.update(Text(""), refresh=True)  # the outcome follows, on standard output


def heading(matrix: MatrixRecord, run: MatrixRun, running_for_s: float) -> str:
    """Where a matrix is."""
    over = sum(each.state not in ("waiting", "running") for each in matrix.runs)
    left = about(remaining_s(matrix, running_for_s))
    repeat = f"repeat {run.repeat} of {len(matrix.plan.seeds)}{', once more' if run.void else ''}"
    return f"run {over + 1} of {len(matrix.runs)}: {run.arm}, {repeat}, {left} left"


class _Lines:
    def __init__(self, matrix: MatrixRecord, *, quiet: bool) -> None:
        self._matrix = matrix
        self._quiet = quiet

    def begins(self, run: MatrixRun) -> None:
        if not self._quiet:
            talk().print(heading(self._matrix, run, 0.0), markup=False)

    def ended(self, run: MatrixRun) -> None:
        if not self._quiet:
            talk().print(said(run), markup=False)

    @contextlib.contextmanager
    def run(self, settings: RunSettings) -> Iterator[Progress]:
        with progress(settings, quiet=self._quiet, plain=True) as live:
            yield live


class _Picture:
    """The arms with what became of their runs so far, above the picture of the run that is on."""

    def __init__(self, live: Live, matrix: MatrixRecord) -> None:
        self._live = live
        self._matrix = matrix
        self._on: MatrixRun | None = None
        self._begun_ns = 0
        self._tail = TimelineTail()
        self._settings: RunSettings | None = None
        self._shown = (-1, 0)

    def begins(self, run: MatrixRun) -> None:
        self._on, self._begun_ns = run, monotonic_ns()

    def ended(self, run: MatrixRun) -> None:
        if run.state in ("void", "failed") or run.cut_short:
            self.say(said(run))

    @contextlib.contextmanager
    def run(self, settings: RunSettings) -> Iterator[Progress]:
        self._tail, self._settings, self._shown = TimelineTail(), settings, (-1, 0)
        yield self

    def show(self, run_dir: Path) -> None:
        self._tail.read(run_dir)
        now = ((monotonic_ns() - self._begun_ns) // NS_PER_S, self._live.console.width)
        if now == self._shown or self._on is None or self._settings is None:
            return
        self._shown = now
        above = Text(heading(self._matrix, self._on, now[0]), style="bold", no_wrap=True, overflow="ellipsis")
        of_run = picture(self._tail, self._settings)
        self._live.update(Group(above, outcome_table(self._matrix), Text(), of_run), refresh=True)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, soft_wrap=True)


def said(run: MatrixRun) -> str:
    """What became of a run, in a line."""
    what = {"done": run.result, "waiting": "cut short, to be run once more"}.get(run.state, run.state)
    took = f" in {run.elapsed_s:.0f} s" if run.elapsed_s else ""
    return f"{run.arm}, repeat {run.repeat}: {what}{took}{f': {run.reason}' if run.reason else ''}"
