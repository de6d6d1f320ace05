from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_run import SampleRun

from loadtest.measure.connection_states import CONNECTION_STATES
from loadtest.measure.histogram import Histogram
from loadtest.measure.percentiles import percentile_curve
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_record import RunRecord
from loadtest.measure.spans import FaultSpan, PhaseSpan
from loadtest.measure.timeline import TimelineRow
from loadtest.reports import heat_map, thinning
from loadtest.reports.chart import latency_axis
from loadtest.reports.heat_map import BINS_PER_DECADE, HeatMap
from loadtest.reports.percentile_charts import percentile_charts
from loadtest.reports.run_folder import RunFolder, open_run
from loadtest.reports.time_axis import time_axis
from loadtest.reports.time_charts import time_charts

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.reports.chart import Chart, Variant


@pytest.fixture(name="stalled", scope="module")
def stalled_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder: Path = tmp_path_factory.mktemp("stalled")
    SampleRun(steady_s=8, stall_from_s=5, stall_s=2, lost_every=40).finished(folder)
    return open_run(folder)


def drawn(run: RunFolder) -> dict[str, Chart]:
    return {chart["id"]: chart for chart in time_charts(run) + percentile_charts(run)}


def only(chart: Chart) -> Variant:
    (variant,) = chart["variants"]
    return variant


def lines_of(chart: Chart) -> dict[str, list[Any]]:
    return {trace["name"]: trace["y"] for trace in only(chart)["data"]}


def record_of_nothing(**fields: Any) -> RunRecord:
    description = RunDescription(run_id="r", scenario="s", started_at=dt.datetime.now(dt.UTC), charge_points=10)
    return RunRecord(run=description, **fields)


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


def test_every_series_can_be_chosen_response_beside_service_time(stalled: RunFolder) -> None:
    first, beside = percentile_charts(stalled)
    variants = first["variants"]
    assert beside["of"] == first["id"]
    assert variants[first["start"]]["choice"] == {"Leg": "Round trip", "Phase": "steady", "Action": "every action"}
    assert variants[beside["start"]]["choice"] == {"Leg": "Uplink", "Phase": "steady", "Action": "every action"}
    chosen = {tuple(variant["choice"].values()) for variant in variants}
    series = {tag for tag in stalled.totals if tag.leg != "pacer" and tag.kind == "intended"}
    names = {"round_trip": "Round trip", "uplink": "Uplink", "connect": "Connect", "register": "Register"}
    assert {(names[tag.leg], tag.phase, tag.action) for tag in series} <= chosen
    for variant in variants:
        kinds = [trace["line"]["dash"] for trace in variant["data"]]
        assert kinds.count("solid") == kinds.count("dot") > 0
    merged = next(variant for variant in variants if variant["choice"]["Action"] == "all actions")
    response, service = merged["data"]
    assert (response["name"], service["name"]) == ("response time", "service time")
    # Half a second of waiting for the stalled system, of which service time knows nothing.
    assert response["y"][24] > 100 * service["y"][24]


def test_every_chart_names_what_it_shows_and_its_units_and_is_plain_json(stalled: RunFolder) -> None:
    charts = drawn(stalled)
    assert len(charts) == 9
    for chart in charts.values():
        assert chart["title"]
        assert chart["caption"].endswith(".")
        for variant in chart["variants"]:
            assert variant["layout"]["xaxis"]["title"]["text"]
            assert variant["layout"]["yaxis"]["title"]["text"]
        json.dumps(chart, allow_nan=False)


def test_what_is_counted_adds_up_and_stands_in_the_middle_of_its_second(stalled: RunFolder) -> None:
    rate = drawn(stalled)["rate"]
    lines = lines_of(rate)
    assert sum(lines["answered"]) == stalled.record.operations.answered
    assert sum(lines["seen by the subscriber"]) == stalled.record.deliveries.delivered
    assert sum(lines["failed or dropped"]) == stalled.record.operations.timed_out > 0
    assert only(rate)["data"][0]["x"][:3] == [0.5, 1.5, 2.5]
    assert [shape["x0"] for shape in only(rate)["layout"]["shapes"]] == [0.0, 3.0, 11.0]


def test_connection_states_add_up_to_the_fleet_at_every_instant(stalled: RunFolder) -> None:
    chart = drawn(stalled)["connections"]
    lines = lines_of(chart)
    assert {"charging", "registered", "offline"} <= lines.keys()
    assert {sum(column) for column in zip(*lines.values(), strict=True)} == {40}
    assert only(chart)["data"][0]["x"][0] == 1, "gauges stand at the end of a second"
    assert all(trace["stackgroup"] == "fleet" for trace in only(chart)["data"])


def test_charge_points_of_which_no_engine_tells_are_not_forgotten() -> None:
    rows = [TimelineRow(second=0), TimelineRow(second=1, idle=4, charging=3, half_open=1)]
    lines = lines_of(drawn(RunFolder(record_of_nothing(), timeline=rows))["connections"])
    assert lines["not told of"] == [10, 2]
    assert lines["half-open"] == [0, 1]


def test_a_timeline_without_states_has_no_picture_of_them() -> None:
    rows = [TimelineRow(second=second, connected=5, registered=5) for second in range(3)]
    assert "connections" not in drawn(RunFolder(record_of_nothing(), timeline=rows))


def test_the_heat_map_holds_every_sample_at_its_time_and_latency(stalled: RunFolder) -> None:
    chart = drawn(stalled)["heat-map"]
    chosen = {tuple(variant["choice"].values()): variant for variant in chart["variants"]}
    (trace,) = chosen["Round trip", "response time"]["data"]
    expected = sum(
        samples.total for tag, samples in stalled.totals.items() if (tag.leg, tag.kind) == ("round_trip", "intended")
    )
    assert sum(map(sum, trace["counts"])) == expected
    assert (trace["x0"], trace["dx"]) == (0.5, 1)
    assert ("Uplink", "service time") in chosen


def test_a_heat_map_puts_a_sample_where_it_belongs() -> None:
    heat, samples = HeatMap(), Histogram()
    samples.record_many([1_000, 1_001, 55_000_000])
    heat.add(7.0, samples)
    first_bin, first_column, counts = heat.cropped()
    assert (first_bin, first_column) == (3 * BINS_PER_DECADE, 7)
    assert counts[0].tolist() == [2]
    assert counts[-1].tolist() == [1]
    assert len(counts) == int(BINS_PER_DECADE * 4.74) + 1


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 60_000_000)), max_size=20))
def test_a_heat_map_stays_small_and_loses_no_sample(seen: list[tuple[int, int]]) -> None:
    heat = HeatMap()
    for second, value_us in seen:
        samples = Histogram()
        samples.record_many([value_us])
        heat.add(float(second), samples)
    counts = heat.cropped()[2]
    assert counts.sum() == heat.total == len(seen)
    assert counts.shape[-1] <= heat_map.MOST_COLUMNS
    last = max((second for second, _ in seen), default=0)
    assert heat.column_s == 1 or heat.column_s * heat_map.MOST_COLUMNS <= 2 * last


def test_a_second_without_samples_is_a_gap_and_not_a_zero(stalled: RunFolder) -> None:
    lines = lines_of(drawn(stalled)["latency-over-time"])
    assert all(values[-1] is None for values in lines.values())
    assert all(0 not in values for values in lines.values())


def test_long_runs_keep_every_peak_and_whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "MOST_STEPS", 10)
    rows = [TimelineRow(second=second, answered=50, idle=10) for second in range(1000)]
    rows[411] = TimelineRow(second=411, answered=3, idle=2, half_open=8, uplink_p99_us=9_000_000)
    charts = drawn(RunFolder(record_of_nothing(), timeline=rows))
    assert min(lines_of(charts["rate"])["answered"]) == 3
    assert 9000.0 in lines_of(charts["latency-over-time"])["uplink p99"]
    states = lines_of(charts["connections"])
    assert 8 in states["half-open"]
    assert {sum(column) for column in zip(*states.values(), strict=True)} == {10}
    assert len(states["half-open"]) <= 10 * 2 * len(CONNECTION_STATES)
    assert "lowest and highest seconds" in charts["rate"]["caption"]


@pytest.mark.parametrize(
    ("length_s", "unit", "last"), [(60, "seconds", 60), (1200, "minutes", 20), (86_400, "hours", 24)]
)
def test_the_axis_has_a_unit_that_suits_the_length(length_s: int, unit: str, last: float) -> None:
    axis = time_axis(RunFolder(record_of_nothing(), timeline=[TimelineRow(second=length_s - 1)]))
    assert (axis.unit, axis.at(length_s)) == (unit, last)


def test_faults_are_shaded_until_all_is_back_and_names_of_phases_do_not_overlap() -> None:
    faults = [
        FaultSpan(name="f", what="kill it", planned_begin_s=40, planned_end_s=45, begin_s=40.5, back_s=47.0),
        FaultSpan(name="never", what="not done", planned_begin_s=60, planned_end_s=61),
    ]
    phases = [PhaseSpan("steady", 0, 40), PhaseSpan("fault:gateway", 40, 45), PhaseSpan("recovery:gateway", 45, 99)]
    run = RunFolder(record_of_nothing(faults=faults, phases=phases), timeline=[TimelineRow(second=99)])
    layout = time_axis(run).layout(run)
    bands = [(shape["x0"], shape["x1"]) for shape in layout["shapes"] if shape["type"] == "rect"]
    assert bands == [(40.5, 45), (45, 47)]
    assert [label["yshift"] for label in layout["annotations"]] == [0, 0, 13]


def test_a_killed_run_has_its_phases_from_its_timeline() -> None:
    rows = [TimelineRow(second=second, phase="ramp" if second < 3 else "steady") for second in range(6)]
    run = RunFolder(record_of_nothing(), timeline=rows)
    assert [(label["x"], label["text"]) for label in time_axis(run).layout(run)["annotations"]] == [
        (0, "ramp"),
        (3, "steady"),
    ]


def test_a_run_without_data_has_no_charts() -> None:
    run = RunFolder(record_of_nothing())
    assert percentile_charts(run) + time_charts(run) == []
    assert latency_axis([None, 0], "x") == {"title": {"text": "x"}}
