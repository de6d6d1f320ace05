"""A run while it goes on: one live line on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import msgspec
from rich.live import Live
from rich.text import Text

from loadtest.cli.messages import talk
from loadtest.measure.run_record import TIMELINE_CSV
from loadtest.measure.timeline import TimelineRow
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loadtest.scenario.settings import RunSettings

PLAIN_EVERY_S = 5.0
_TAIL_BYTES = 4096
_BAR_WIDTH = 12


@contextlib.contextmanager
def progress(settings: RunSettings, *, quiet: bool) -> Iterator[Callable[[Path], None]]:
    """Gives what is to be called with the run's folder now and then."""
    console = talk()
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        view = Text("starting")
        with Live(view, console=console, auto_refresh=False, transient=True) as live:
            yield lambda run_dir: live.update(_live_line(latest_row(run_dir), settings), refresh=True)
    else:
        yield _PlainLines(settings)


class _PlainLines:
    """A line every :data:`PLAIN_EVERY_S`, and one for each phase entered."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._next = 0.0
        self._phase = ""

    def __call__(self, run_dir: Path) -> None:
        row = latest_row(run_dir)
        if row is None or (time.monotonic() < self._next and row.phase == self._phase):
            return
        self._next, self._phase = time.monotonic() + PLAIN_EVERY_S, row.phase
        talk().print(line(row, self._settings), markup=False)


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
    """One second in words."""
    return (
        f"{row.second:4d} s  {row.phase:<6}  {row.registered:,}/{settings.charge_points:,} registered  "
        f"{row.sent:,} msg/s  p50 {_ms(row.round_trip_intended_p50_us)} "
        f"p99 {_ms(row.round_trip_intended_p99_us)} ms round trip"
    )


def _live_line(row: TimelineRow | None, settings: RunSettings) -> Text:
    if row is None:
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
