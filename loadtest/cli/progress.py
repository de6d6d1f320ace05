"""A run while it goes on: one live line on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Protocol

import msgspec
from rich.live import Live
from rich.text import Text

from loadtest.cli.messages import talk
from loadtest.measure.run_record import TIMELINE_CSV
from loadtest.measure.timeline import TimelineRow
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.scenario.settings import RunSettings

PLAIN_EVERY_S = 5.0
_TAIL_BYTES = 4096
_BAR_WIDTH = 12


class Progress(Protocol):
    """How a run that goes on is shown."""

    def show(self, run_dir: Path) -> None:
        """Look into its folder; called now and then."""

    def say(self, text: str) -> None:
        """Something that has happened, in a line that stays."""


@contextlib.contextmanager
def progress(settings: RunSettings, *, quiet: bool) -> Iterator[Progress]:
    """Gives what shows the run: a live line on a terminal, plain lines elsewhere, neither when ``quiet``."""
    console = talk()
    if quiet:
        yield _Quiet()
    elif console.is_terminal:
        with Live(Text("starting"), console=console, auto_refresh=False, transient=True) as live:
            yield _LiveLine(live, settings)
    else:
        yield _PlainLines(settings)


class _Quiet:
    def show(self, run_dir: Path) -> None:
        """Nothing is shown."""

    def say(self, text: str) -> None:
        talk().print(text, markup=False)


class _LiveLine:
    """One line that changes in place, below what is said."""

    def __init__(self, live: Live, settings: RunSettings) -> None:
        self._live = live
        self._settings = settings

    def show(self, run_dir: Path) -> None:
        self._live.update(_live_line(latest_row(run_dir), self._settings), refresh=True)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False)


class _PlainLines(_Quiet):
    """A line every :data:`PLAIN_EVERY_S`, and one for each phase entered."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._next = 0.0
        self._phase = ""

    def show(self, run_dir: Path) -> None:
        row = latest_row(run_dir)
        if row is None or not row.phase or (time.monotonic() < self._next and row.phase == self._phase):
            return
        self._next, self._phase = time.monotonic() + PLAIN_EVERY_S, row.phase
        self.say(line(row, self._settings))


def latest_row(run_dir: Path) -> TimelineRow | None:
    """The last whole second of the run so far; ``None`` when there is none yet. Reads the table's ends only."""
    try:
        with (run_dir / TIMELINE_CSV).open("rb") as file:
            heading = file.readline()
            file.seek(max(len(heading), os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return None
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    if not lines:
        return None
    names, values = heading.decode().strip().split(","), lines[-1].decode().split(",")
    try:
        return msgspec.convert(dict(zip(names, values, strict=True)), TimelineRow, strict=False)
    except (ValueError, msgspec.ValidationError):
        return None


def line(row: TimelineRow, settings: RunSettings) -> str:
    """One second in words. In the drain charge points leave: how many are registered says nothing any more."""
    if row.phase == phases.DRAIN:
        return f"{row.second:4d} s  {row.phase:<6}  waiting for what is under way"
    return (
        f"{row.second:4d} s  {row.phase:<6}  {row.registered:,}/{settings.charge_points:,} registered  "
        f"{row.sent:,} msg/s  p50 {_ms(row.round_trip_intended_p50_us)} "
        f"p99 {_ms(row.round_trip_intended_p99_us)} ms round trip"
    )


def _live_line(row: TimelineRow | None, settings: RunSettings) -> Text:
    if row is None or not row.phase:
        return Text("starting the system under test …", style="dim")
    text = Text()
    filled = round(_BAR_WIDTH * _share_done(row, settings))
    text.append("━" * filled, style="green")
    text.append("━" * (_BAR_WIDTH - filled), style="bright_black")
    text.append("  " + line(row, settings))
    return text


def _share_done(row: TimelineRow, settings: RunSettings) -> float:
    """How much of the planned time is over; the drain counts as the end."""
    if row.phase == phases.DRAIN:
        return 1.0
    return min(1.0, row.second / (settings.ramp_s + settings.warmup_s + settings.duration_s))


def _ms(value_us: int) -> str:
    return f"{value_us / 1000:.1f}" if value_us else "-"
