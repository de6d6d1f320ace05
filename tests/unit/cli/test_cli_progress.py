"""Progress is read from the end of a table that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.cli.progress import latest_row, line, progress
from loadtest.measure.result_files import AppendFile
from loadtest.measure.timeline import TimelineRow, TimelineWriter
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def write_rows(run_dir: Path, count: int) -> Path:
    file = AppendFile(run_dir / "timeline.csv")
    writer = TimelineWriter(file)
    for second in range(count):
        writer.write(TimelineRow(second=second, phase="steady", registered=count, sent=second * 10))
    file.close()
    return run_dir / "timeline.csv"


def test_the_last_row_of_a_long_table(tmp_path: Path) -> None:
    write_rows(tmp_path, 500)
    row = latest_row(tmp_path)
    assert row is not None
    assert (row.second, row.sent, row.phase) == (499, 4990, "steady")


def test_a_row_half_written_is_not_shown(tmp_path: Path) -> None:
    table = write_rows(tmp_path, 3)
    with table.open("a") as file:
        file.write("3,stea")
    row = latest_row(tmp_path)
    assert row is not None
    assert row.second == 2


def test_nothing_before_the_first_row(tmp_path: Path) -> None:
    assert latest_row(tmp_path) is None
    write_rows(tmp_path, 0)
    assert latest_row(tmp_path) is None


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
        live.show(tmp_path)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
