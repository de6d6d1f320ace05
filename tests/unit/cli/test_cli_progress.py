"""Progress is read from the end of a table that grows."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loadtest.cli.live_view import picture
from loadtest.cli.progress import line, progress
from loadtest.cli.timeline_tail import TimelineTail
from loadtest.measure.result_files import AppendFile
from loadtest.measure.timeline import TimelineRow, TimelineWriter
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    import pytest


def write_rows(run_dir: Path, count: int) -> Path:
    file = AppendFile(run_dir / "timeline.csv")
    writer = TimelineWriter(file)
    for second in range(count):
        writer.write(TimelineRow(second=second, phase="steady", registered=count, sent=second * 10))
    file.close()
    return run_dir / "timeline.csv"


def test_rows_are_read_once_and_added_up(tmp_path: Path) -> None:
    table = write_rows(tmp_path, 50)
    content = table.read_bytes()
    tail = TimelineTail()
    for end in (10, 400, len(content) // 2, len(content) - 3):  # cut anywhere, as a reader may find it
        table.write_bytes(content[:end])
        tail.read(tmp_path)
    assert tail.row is not None
    assert (tail.row.second, tail.counted["sent"]) == (48, sum(second * 10 for second in range(49)))
    table.write_bytes(content)
    tail.read(tmp_path)
    tail.read(tmp_path)
    assert (tail.row.second, tail.row.sent, tail.phases) == (49, 490, ["steady"])
    assert tail.counted["sent"] == sum(second * 10 for second in range(50))


def test_nothing_before_the_first_row(tmp_path: Path) -> None:
    tail = TimelineTail()
    tail.read(tmp_path)
    write_rows(tmp_path, 0)
    tail.read(tmp_path)
    assert tail.row is None
    assert "starting" in drawn(tail)


def drawn(tail: TimelineTail, width: int = 80, **settings: str) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", no_color=True)
    with console.capture() as captured:
        console.print(picture(tail, resolve(settings)))
    return re.sub(r"\x1b\[[0-9;]*m", "", captured.get())


def filled(*rows: TimelineRow) -> TimelineTail:
    with tempfile.TemporaryDirectory() as folder:
        file = AppendFile(Path(folder) / "timeline.csv")
        writer = TimelineWriter(file)
        for row in rows:
            writer.write(row)
        file.close()
        tail = TimelineTail()
        tail.read(Path(folder))
    return tail


def test_the_picture_tells_of_phases_charge_points_rates_latencies_and_failures() -> None:
    tail = filled(
        TimelineRow(second=9, phase="ramp", sent=1000, delivered=990, timed_out=3),
        TimelineRow(second=10, phase="steady", sent=7, delivered=7),
        TimelineRow(
            second=11,
            phase="fault:broker",
            registered=1900,
            connected=1950,
            sent=20,
            delivered=4,
            cut_off=2,
            link_cut=5,
            round_trip_intended_p50_us=1500,
            uplink_p99_us=250_000,
        ),
    )
    text = drawn(tail)
    for told in (
        *("12 s of 40 s", "ramp › steady › [fault:broker] › drain", "1,900 of 2,000 registered  1,950 connected"),
        *("20/s sent  4/s delivered  1,027 so far", "p50      1.5  p99        - ms", "p99    250.0 ms"),
        *("26 under way", "3 timed out  0 errors  2 cut off  0 dropped", "link cut       5"),
    ):
        assert told in text
    assert "command" not in text


@given(st.integers(20, 200), st.integers(0, 10**6))
def test_the_picture_fits_any_window(width: int, most: int) -> None:
    """As many lines at every width, none of them wider: what changes in place must not grow."""
    names = [name for name in TimelineRow.__struct_fields__ if name != "phase"]
    tail = filled(TimelineRow(phase="fault:a-name-that-is-rather-long", **dict.fromkeys(names, most)))
    lines = drawn(tail, width).rstrip("\n").split("\n")
    assert len(lines) == (10 if most else 9), "commands have a line when there are any"
    assert max(map(len, lines)) <= width


def test_the_picture_stays_on_a_terminal_and_needs_no_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn once for each second; what is said stands above; the cursor is given back even when it ends badly."""
    for name, value in (("TERM", "xterm"), ("NO_COLOR", "1"), ("FORCE_COLOR", "1"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    screen = io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    write_rows(tmp_path, 3)
    with contextlib.suppress(KeyboardInterrupt), progress(resolve({}), quiet=False) as live:
        live.show(tmp_path)
        first = len(screen.getvalue())
        live.show(tmp_path)
        assert len(screen.getvalue()) == first, "nothing is new"
        live.say("[Stopping]")
        raise KeyboardInterrupt
    text = screen.getvalue()
    assert text.index("[Stopping]") < text.rindex("[steady]") < text.rindex("30 sent  0 delivered")
    assert text.rstrip().endswith("\x1b[?25h"), "the cursor is shown again"
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])m", text), "a colour"


def test_lines_are_to_be_had_on_a_terminal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    write_rows(tmp_path, 2)
    for term, plain in (("xterm", True), ("dumb", False)):
        monkeypatch.setenv("TERM", term)
        with progress(resolve({}), quiet=False, plain=plain) as live:
            live.show(tmp_path)
        assert "registered" in (text := capsys.readouterr().err)
        assert "\x1b[?25" not in text


def test_a_line_counts_charge_points_against_those_wanted() -> None:
    row = TimelineRow(second=12, phase="ramp", registered=1500, sent=300, round_trip_intended_p99_us=2500)
    assert "1,500/2,000 registered" in line(row, resolve({}))
    assert "p99 2.5 ms" in line(row, resolve({}))


def test_without_a_terminal_a_row_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path, 2)
    with progress(resolve({}), quiet=False) as live:
        live.show(tmp_path)
        live.show(tmp_path)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("steady") == 1


def test_the_drain_counts_nobody_who_has_left() -> None:
    row = TimelineRow(second=12, phase="drain", registered=0)
    assert "0/" not in line(row, resolve({}))


def test_what_is_said_is_said_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        with progress(resolve({}), quiet=quiet) as live:
            live.say("[Stopping]")
    assert capsys.readouterr().err == "[Stopping]\n" * 2


def test_quiet_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path, 2)
    with progress(resolve({}), quiet=True) as live:
        live.say("fleet: 40 PublicAc in 1 cohort")
        live.show(tmp_path)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
