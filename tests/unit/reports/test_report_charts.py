from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sample_run import SampleRun

from loadtest.measure.histogram import Histogram
from loadtest.measure.timeline import TimelineRow
from loadtest.reports import time_charts
from loadtest.reports.charts import latency_axis, percentile_charts, percentile_curve
from loadtest.reports.run_folder import RunFolder, open_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="stalled")
def stalled_run(tmp_path: Path) -> RunFolder:
    SampleRun(steady_s=8, stall_from_s=5, stall_s=2, lost_every=40).finished(tmp_path)
    return open_run(tmp_path)


def test_a_percentile_curve_ends_at_the_last_sample_and_never_falls() -> None:
    histogram = Histogram()
    histogram.record_many(range(1, 1001))
    x, y_us = percentile_curve(histogram)
    assert (x[0], y_us[0]) == (1.0, 1)
    assert (x[-1], y_us[-1]) == (1000.0, 999)
    assert x == sorted(x)
    assert y_us == sorted(y_us)
    assert y_us[x.index(10.0)] == 900
    assert y_us[x.index(100.0)] == 990


def test_a_single_sample_is_a_curve_of_one_point() -> None:
    histogram = Histogram()
    histogram.record_many([7])
    assert percentile_curve(histogram) == ([1.0], [7])


def test_percentile_charts_show_response_beside_service_time_for_every_action(stalled: RunFolder) -> None:
    round_trip, uplink = percentile_charts(stalled)
    for chart, leg in ((round_trip, "round_trip"), (uplink, "uplink")):
        actions = {tag.action for tag in stalled.totals if (tag.phase, tag.leg) == ("steady", leg)}
        solid = {trace["name"]: trace for trace in chart["data"] if trace["line"]["dash"] == "solid"}
        dotted = {trace["name"]: trace for trace in chart["data"] if trace["line"]["dash"] == "dot"}
        assert solid.keys() == dotted.keys() == actions | {"all actions"}
        # Half a second of waiting for the stalled system, of which service time knows nothing.
        assert solid["all actions"]["y"][24] > 100 * dotted["all actions"]["y"][24]
        assert "service time" in chart["caption"]
        assert "ms" in chart["layout"]["yaxis"]["title"]["text"]


def test_every_chart_names_what_it_shows_and_its_units_and_is_plain_json(stalled: RunFolder) -> None:
    drawn = percentile_charts(stalled) + time_charts.time_charts(stalled)
    assert len({chart["id"] for chart in drawn}) == len(drawn) == 7
    for chart in drawn:
        assert chart["title"]
        assert chart["caption"].endswith(".")
        assert chart["layout"]["xaxis"]["title"]["text"]
        assert chart["layout"]["yaxis"]["title"]["text"]
        json.dumps(chart, allow_nan=False)


def test_rates_over_time_add_up_to_what_was_answered(stalled: RunFolder) -> None:
    rate = next(chart for chart in time_charts.time_charts(stalled) if chart["id"] == "rate")
    lines = {trace["name"]: trace["y"] for trace in rate["data"]}
    assert sum(lines["answered"]) == stalled.record.operations.answered
    assert sum(lines["seen by the subscriber"]) == stalled.record.deliveries.delivered
    assert sum(lines["failed or dropped"]) == stalled.record.operations.timed_out > 0
    assert [shape["x0"] for shape in rate["layout"]["shapes"]] == [0.0, 3.0, 11.0]


def test_a_second_without_samples_is_a_gap_and_not_a_zero(stalled: RunFolder) -> None:
    latency = next(chart for chart in time_charts.time_charts(stalled) if chart["id"] == "latency-over-time")
    assert all(trace["y"][-1] is None for trace in latency["data"])
    assert 0 not in [value for trace in latency["data"] for value in trace["y"]]


def test_long_runs_are_drawn_in_steps_that_lose_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_charts, "MOST_POINTS", 10)
    rows = [TimelineRow(second=second, answered=second, connected=second) for second in range(95)]
    rows[41].uplink_p99_us = 9_000_000
    steps, step_s = time_charts.condense(rows)
    assert step_s == 10
    assert [row for step in steps for row in step] == rows
    assert len(steps) == 10

    def points(name: str, lines: list[dict[str, Any]]) -> list[float]:
        return next(trace["y"] for trace in lines if trace["name"] == name)

    run = RunFolder(record_of_nothing(), timeline=rows)
    drawn = {chart["id"]: chart for chart in time_charts.time_charts(run)}
    assert points("uplink p99", drawn["latency-over-time"]["data"])[4] == 9000.0
    assert points("answered", drawn["rate"]["data"])[0] == 4.5
    assert points("connected", drawn["charge-points"]["data"])[0] == 9
    assert "Each point stands for 10 s." in drawn["rate"]["caption"]


def record_of_nothing() -> Any:
    import datetime as dt

    from loadtest.measure.run_record import RunDescription, RunRecord

    return RunRecord(run=RunDescription(run_id="r", scenario="s", started_at=dt.datetime.now(dt.UTC)))


def test_a_run_without_data_has_no_charts() -> None:
    run = RunFolder(record_of_nothing())
    assert percentile_charts(run) + time_charts.time_charts(run) == []
    assert latency_axis([None, 0], "x") == {"title": {"text": "x"}}
