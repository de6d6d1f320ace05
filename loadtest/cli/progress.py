"""A run while it goes on: a picture that changes on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.live import Live

from loadtest.cli.live_view import milliseconds, picture
from loadtest.cli.messages import talk
from loadtest.cli.timeline_tail import TimelineTail
from loadtest.protocol import phases
from loadtest.runner.locust_process import FLEET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.measure.timeline import TimelineRow
    from loadtest.scenario.settings import RunSettings

PLAIN_EVERY_S = 5.0


class Progress(Protocol):
    """How a run that goes on is shown."""

    def show(self, run_dir: Path) -> None:
        """Look into its folder; called now and then."""

    def say(self, text: str) -> None:
        """Something that has happened, in a line that stays."""


@contextlib.contextmanager
def progress(settings: RunSettings, *, quiet: bool, plain: bool = False) -> Iterator[Progress]:
    """Gives what shows the run.

    Args:
        settings: Of the run.
        quiet: Nothing but what has to be said.
        plain: Lines one below the other, on a terminal as well.
    """
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield _Quiet()
    elif plain or not console.is_terminal or console.is_dumb_terminal:
        yield _PlainLines(settings)
    else:
        tail = TimelineTail()
        # Drawn when something is new and never in between, so that it does not flicker. The last picture stays.
        with Live(picture(tail, settings), console=console, auto_refresh=False) as live:
            try:
                yield _LivePicture(live, tail, settings)
            finally:
                live.transient = tail.row is None  # of a run that never was nothing is left
                live.update(picture(tail, settings, over=True), refresh=True)


class _Quiet:
    def show(self, run_dir: Path) -> None:
        """Nothing is shown."""

    def say(self, text: str) -> None:
        if not text.startswith(FLEET):
            talk().print(text, markup=False)


class _LivePicture:
    """A picture that changes in place, below what is said."""

    def __init__(self, live: Live, tail: TimelineTail, settings: RunSettings) -> None:
        self._live = live
        self._tail = tail
        self._settings = settings
        self._shown: tuple[int, int] | None = None
        self._phases_told = 0

    def show(self, run_dir: Path) -> None:
        tail = self._tail
        tail.read(run_dir)
        for phase in tail.phases[self._phases_told :]:
            if tail.row is not None and phase.startswith((phases.FAULT, phases.RECOVERY)):
                self.say(f"{tail.row.second:4d} s  {phase}")
        self._phases_told = len(tail.phases)
        now = (tail.row.second if tail.row is not None else -1, self._live.console.width)
        if now != self._shown:
            self._shown = now
            self._live.update(picture(tail, self._settings), refresh=True)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, soft_wrap=True)


class _PlainLines:
    """A line every :data:`PLAIN_EVERY_S`, and one for each phase entered."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._tail = TimelineTail()
        self._next = 0.0
        self._phase = ""

    def show(self, run_dir: Path) -> None:
        self._tail.read(run_dir)
        row = self._tail.row
        if row is None or not row.phase or (time.monotonic() < self._next and row.phase == self._phase):
            return
        self._next, self._phase = time.monotonic() + PLAIN_EVERY_S, row.phase
        self.say(line(row, self._settings))

    def say(self, text: str) -> None:
        talk().print(text, markup=False)


def line(row: TimelineRow, settings: RunSettings) -> str:
    """One second in words. In the drain charge points leave: how many are registered says nothing any more."""
    if row.phase == phases.DRAIN:
        return f"{row.second:4d} s  {row.phase:<6}  waiting for what is under way"
    return (
        f"{row.second:4d} s  {row.phase:<6}  {row.registered:,}/{settings.charge_points:,} registered  "
        f"{row.sent:,} msg/s  p50 {milliseconds(row.round_trip_intended_p50_us)} "
        f"p99 {milliseconds(row.round_trip_intended_p99_us)} ms round trip"
    )
