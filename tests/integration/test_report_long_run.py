"""The report of a day: 24 h at 1 s intervals and 60 series stay small and are drawn in a browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from browser import BROWSER, dump
from sample_run import STARTED_AT, SampleRun

from loadtest.measure.histogram import Histogram
from loadtest.measure.interval_log import IntervalLogWriter
from loadtest.measure.result_files import AppendFile
from loadtest.measure.tags import Tag
from loadtest.measure.timeline import TimelineRow, TimelineWriter
from loadtest.reports import write_reports

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400
SERIES = [
    Tag("steady", leg, f"Action{number}", kind)
    for leg in ("round_trip", "uplink", "command")
    for number in range(10)
    for kind in ("intended", "service")
]
PEAK_S = 45_678


@pytest.fixture(name="day", scope="module")
def a_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day as a run would have left it: each second a row, and samples of one series after the other."""
    folder: Path = tmp_path_factory.mktemp("day")
    SampleRun(charge_points=1_000).finished(folder)
    samples = Histogram()
    samples.record_many(range(500, 200_000, 37))  # spread wide: nothing is kept small by lying together
    log = AppendFile(folder / "latency.hlog")
    writer = IntervalLogWriter(log, STARTED_AT)
    head = {SERIES[0]: samples}
    writer.write(0.0, 1.0, head)
    line = (folder / "latency.hlog").read_text().splitlines()[-1]
    blob = line.rpartition(",")[2]
    for start_s in range(1, DAY_S, 12):
        tag = SERIES[start_s // 12 % len(SERIES)]
        log.append(f"Tag={tag},{start_s}.000,1.000,199.982,{blob}\n")
    log.close()
    table = AppendFile(folder / "timeline.csv")
    rows = TimelineWriter(table)
    for second in range(DAY_S):
        busy = second * 7919 % 1_000
        rows.write(
            TimelineRow(
                second=second,
                phase="steady",
                offered=5_000 + busy,
                sent=5_000 + busy,
                answered=4_999 + busy if second != PEAK_S else 1,
                delivered=5_000 + busy,
                commands_sent=busy,
                commands_answered=busy,
                idle=1_000 - busy,
                charging=busy,
                registered=1_000,
                round_trip_intended_p50_us=900 + busy,
                round_trip_intended_p99_us=9_000 + 7 * busy,
                uplink_p99_us=8_000 + 5 * busy,
                pacer_p99_us=100 + busy,
                engine_cpu_percent=busy / 10,
            )
        )
    table.close()
    write_reports(folder)
    return folder


@pytest.mark.integration
def test_it_is_small_keeps_its_one_bad_second_and_every_series(day: Path) -> None:
    page = (day / "report.html").read_text()
    assert len(page.encode()) < 8_000_000
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    charts = {chart["id"]: chart for chart in json.loads(found[1])}
    answered = next(trace for trace in charts["rate"]["variants"][0]["data"] if trace["name"] == "answered")
    assert min(answered["y"]) == 1
    stack = [trace["y"] for trace in charts["connections"]["variants"][0]["data"]]
    assert {sum(column) for column in zip(*stack, strict=True)} == {1_000}
    actions = {tuple(variant["choice"].values()) for variant in charts["percentiles"]["variants"]}
    assert len([action for *_, action in actions if action.startswith("Action")]) == 30
    points = sum(len(trace["x"]) for chart in charts.values() if chart["linked"] for trace in _drawn(chart))
    assert points < 60_000, "what is drawn at once decides how soon the page is there"


def _drawn(chart: dict[str, list[dict[str, list[dict[str, list[float]]]]]]) -> list[dict[str, list[float]]]:
    return [trace for trace in chart["variants"][0]["data"] if "x" in trace]


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium")
def test_a_browser_draws_all_of_it(day: Path, tmp_path: Path) -> None:
    page, complaints = dump(day / "report.html", tmp_path)
    assert complaints == []
    assert re.search(r'data-drawn-ms="\d+"', page), "the last picture is drawn"
