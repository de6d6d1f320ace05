from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.errors import ResultError
from loadtest.measure import timeline
from loadtest.measure.connection_states import CONNECTION_STATES
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import IntervalReport, OperationRow
from loadtest.measure.result_files import AppendFile
from loadtest.measure.sources import Source
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
    rows = [TimelineRow(second=0, phase="ramp", connected=3), TimelineRow(second=1, engine_cpu_percent=0.123)]
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
            Tag("steady", "command", "Reset", "intended"): samples(300),
            Tag("steady", "command", "Reset", "service"): samples(30),
        }
    )
    row = TimelineRow(second=0)
    latency.fill(row)
    assert (row.round_trip_intended_p50_us, row.round_trip_intended_p99_us) == (100, 200)
    assert (row.round_trip_service_p99_us, row.uplink_p99_us, row.pacer_p99_us) == (10, 50, 7)
    assert (row.command_p50_us, row.command_p99_us) == (300, 300)


def test_columns_are_what_a_second_has() -> None:
    columns = set(TimelineRow.__struct_fields__)
    assert columns >= {*timeline.COUNTS, *timeline.GAUGES, *CONNECTION_STATES}
    assert columns >= {f"commands_{name}" for name in timeline.COMMAND_COUNTS}


def test_commands_have_columns_of_their_own() -> None:
    """Their fates are counted from what each report adds to the one before."""
    source = Source("w0/subscriber-0", "subscriber", "")
    first = IntervalReport(index=0, commands=[OperationRow("steady", "Reset", offered=3, sent=3, answered=1)])
    more = [OperationRow("steady", "Reset", offered=4, sent=4, answered=2, timed_out=1, call_error=1)]
    assert source.take(first, steady=True)["commands_sent"] == 3
    grown = source.take(IntervalReport(index=1, commands=more), steady=True)
    told = [grown[f"commands_{name}"] for name in ("sent", "answered", "call_error", "timed_out")]
    assert told == [1, 1, 1, 1]
    assert grown["sent"] == 0, "what charge points send is counted apart"
