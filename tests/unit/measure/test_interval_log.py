from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadtest.errors import ResultError
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval_log import IntervalLogReader, IntervalLogWriter, read_totals
from loadtest.measure.result_files import AppendFile
from loadtest.measure.tags import Tag

UPLINK = Tag("steady", "uplink", "Heartbeat", "intended")
ROUND_TRIP = Tag("steady", "round_trip", "MeterValues", "service")
VECTOR = Path(__file__).parent / "vectors" / "latency.hlog"
STARTED_AT = dt.datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=dt.UTC)


def write_log(path: Path) -> None:
    """Three intervals; ``vectors/latency.hlog`` is this log."""
    file = AppendFile(path)
    writer = IntervalLogWriter(file, STARTED_AT)
    for second in range(3):
        uplink, round_trip = Histogram(), Histogram()
        uplink.record_many([100 * k + second for k in range(1, 1001)])
        round_trip.record_many([k * k for k in range(1, 501)])
        writer.write(float(second), 1.0, {UPLINK: uplink, ROUND_TRIP: round_trip})
    file.close()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    reader = IntervalLogReader(path)
    lines = list(reader)
    assert [(line.tag, line.start_s, line.length_s) for line in lines[:3]] == [
        (str(UPLINK), 0.0, 1.0),
        (str(ROUND_TRIP), 0.0, 1.0),
        (str(UPLINK), 1.0, 1.0),
    ]
    assert reader.started_at_s == STARTED_AT.timestamp()
    assert reader.truncated_line == 0
    totals = read_totals(path)
    assert {tag: histogram.total for tag, histogram in totals.items()} == {str(UPLINK): 3000, str(ROUND_TRIP): 1500}


def test_the_packages_own_reader_finds_the_same_samples(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    reader = HistogramLogReader(str(path), HdrHistogram(1, 60_000_000, 3))
    found: dict[str, HdrHistogram] = {}
    starts = []
    while (interval := reader.get_next_interval_histogram()) is not None:
        starts.append(interval.get_start_time_stamp())
        found.setdefault(interval.get_tag(), HdrHistogram(1, 60_000_000, 3)).add(interval)
    reader.close()
    assert starts[0] == pytest.approx(STARTED_AT.timestamp() * 1000)
    totals = read_totals(path)
    assert found.keys() == totals.keys()
    for tag, histogram in totals.items():
        assert found[tag].get_total_count() == histogram.total
        for percent in (0, 50, 99, 99.9, 100):
            assert found[tag].get_value_at_percentile(percent) == histogram.percentile(percent)


def test_the_figures_other_tools_find_in_a_log_of_ours() -> None:
    """``vectors/latency.hlog`` is a log of :func:`write_log`; the figures are what two other implementations say.

    hdr-histogram-js 3.0.1, all of them; Java's HistogramLogProcessor 2.2.2 (``-tag NAME``), the totals and maxima.
    """
    totals = read_totals(VECTOR)
    percents = (50, 90, 99, 99.9, 100)
    uplink, round_trip = totals[str(UPLINK)], totals[str(ROUND_TRIP)]
    assert (uplink.total, round_trip.total) == (3000, 1500)
    assert uplink.percentiles(percents) == [50_015, 90_047, 99_007, 99_903, 100_031]
    assert round_trip.percentiles(percents) == [62_527, 202_623, 245_119, 250_111, 250_111]


def test_a_log_written_today_holds_the_same_as_the_one_other_tools_read(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    assert path.read_text().splitlines()[:6] == VECTOR.read_text().splitlines()[:6]
    written, read = read_totals(path), read_totals(VECTOR)
    assert {tag: h.to_series(tag) for tag, h in written.items()} == {tag: h.to_series(tag) for tag, h in read.items()}


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 40, 200])
def test_a_last_line_cut_off_anywhere_costs_only_itself(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: -1 - cut])
    reader = IntervalLogReader(path)
    assert len(list(reader)) == 5
    assert reader.truncated_line == 12


def test_a_whole_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    reader = IntervalLogReader(path)
    assert len(list(reader)) == 6
    assert reader.truncated_line == 0


def test_damage_elsewhere_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    write_log(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:8], lines[8][:73] + "\n", *lines[9:]]))
    with pytest.raises(ResultError, match="line 9 is damaged: histogram cut off"):
        list(IntervalLogReader(path))
    path.write_text("".join([*lines[:8], "hello\n", *lines[9:]]))
    with pytest.raises(ResultError, match="line 9 is damaged: not an interval line"):
        list(IntervalLogReader(path))
    swapped = lines[8][:-20] + lines[8][-20:-1].swapcase() + "\n"
    path.write_text("".join([*lines[:8], swapped, *lines[9:]]))
    with pytest.raises(ResultError, match="line 9"):
        read_totals(path)


def test_a_missing_log_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"cannot read .*nothing\.hlog: No such file"):
        read_totals(tmp_path / "nothing.hlog")
