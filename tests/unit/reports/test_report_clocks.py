"""Runs on hosts with clocks of their own: what is near the error is marked, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sample_run import SampleRun

from loadtest.measure import run_record
from loadtest.measure.host_clock import HostClock
from loadtest.reports.one_way import time_text
from loadtest.reports.run_folder import open_run
from loadtest.reports.view import view

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.reports.view import View


def seen_from_another_host(run_dir: Path, error_us: float) -> View:
    """A run whose subscriber was elsewhere; its uplink takes about 0.9 ms."""
    record = SampleRun().finished(run_dir)
    record.clocks = [
        HostClock(
            worker="w1",
            host="host-b",
            clock="boot",
            offset_ns=-5_000_000_123_000,
            bound_us=20.0,
            error_us=error_us,
            drift_ppm=-12.5,
            readings=7,
        )
    ]
    for health in record.health:
        health.source = health.source.replace("w0/subscriber", "w1/subscriber")
    run_record.write(record, run_dir)
    return view(open_run(run_dir))


def test_one_way_times_near_the_error_are_marked_and_round_trips_never(tmp_path: Path) -> None:
    shown = seen_from_another_host(tmp_path, 400.0)
    tables = {table.title.partition(":")[0]: table for table in shown.latency}
    assert all(row[3].startswith("≈ ") for row in tables["Uplink"].rows)
    assert tables["Uplink"].note == (
        "Measured between hosts with clocks of their own: give or take 400 µs. What is below 4.00 ms is marked ≈."
    )
    assert "≈" not in str(tables["Round trip"])
    headlines = {headline.label: headline.value for headline in shown.headlines}
    assert headlines["Uplink p99"].startswith("≈ ")
    assert not headlines["Round trip p99"].startswith("≈")


def test_times_far_above_the_error_stand_as_they_are(tmp_path: Path) -> None:
    shown = seen_from_another_host(tmp_path, 5.0)
    assert "≈ " not in str([table.rows for table in shown.latency])
    (clocks,) = (table for table in shown.tested if table.title == "Clocks")
    assert clocks.rows == (("w1", "host-b", "-5,000.000123 s", "20 µs", "5 µs", "-12.5 ppm", "7"),)


def test_the_mark_begins_at_ten_times_the_error() -> None:
    assert time_text(999, "uplink", 100.0) == "≈ 999 µs"
    assert time_text(1000, "uplink", 100.0) == "1.00 ms"
    assert time_text(1, "round_trip", 100.0) == "1 µs"


def test_with_one_clock_there_is_nothing_to_tell(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path)
    shown = view(open_run(tmp_path))
    assert "Clocks" not in [table.title for table in shown.tested]
    assert [table.note for table in shown.latency] == [""] * len(shown.latency)
