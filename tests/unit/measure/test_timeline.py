from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.errors import ResultError
from loadtest.measure import timeline
from loadtest.measure.histogram import Histogram
from loadtest.measure.result_files import AppendFile
from loadtest.measure.tags import Tag
from loadtest.measure.timeline import SecondLatency, TimelineRow, TimelineWriter

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *rows: TimelineRow) -> None:
    file = AppendFile(path)
    writer = TimelineWriter(file)
    for row in rows:
        writer.write(row)
    file.close()


def test_rows_are_read_back(tmp_path: Path) -> None:
    rows = [TimelineRow(second=0, phase="ramp", connected=3), TimelineRow(second=1, engine_cpu_percent=12.5)]
    write(tmp_path / "t.csv", *rows)
    assert timeline.read(tmp_path / "t.csv") == rows


def test_a_last_row_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write(path, TimelineRow(second=0), TimelineRow(second=1))
    path.write_text(path.read_text()[:-5])
    assert [row.second for row in timeline.read(path)] == [0]


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write(path, TimelineRow(second=0))
    path.write_text(path.read_text() + "hello\n")
    with pytest.raises(ResultError, match="line 3 is damaged"):
        timeline.read(path)
    with pytest.raises(ResultError, match="cannot read"):
        timeline.read(tmp_path / "nothing.csv")


def test_percentiles_of_a_second_go_over_all_actions_of_their_own_leg_and_kind() -> None:
    def samples(value_us: int) -> Histogram:
        histogram = Histogram()
        histogram.record_many([value_us])
        return histogram

    latency = SecondLatency(
        {
            Tag("steady", "round_trip", "Heartbeat", "intended"): samples(100),
            Tag("drain", "round_trip", "MeterValues", "intended"): samples(200),
            Tag("steady", "round_trip", "Heartbeat", "service"): samples(10),
            Tag("steady", "uplink", "Heartbeat", "intended"): samples(50),
            Tag("steady", "uplink", "Heartbeat", "service"): samples(5),
            Tag("steady", "pacer", "release", "service"): samples(7),
            Tag("ramp", "connect", "WebSocket", "intended"): samples(9999),
        }
    )
    row = TimelineRow(second=0)
    latency.fill(row)
    assert (row.round_trip_intended_p50_us, row.round_trip_intended_p99_us) == (100, 200)
    assert (row.round_trip_service_p99_us, row.uplink_p99_us, row.pacer_p99_us) == (10, 50, 7)
