"""The reports of a search for capacity: what they say, draw and link to."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.errors import ResultError
from loadtest.measure import capacity_record
from loadtest.measure.capacity_record import (
    CapacityRecord,
    CapacityResult,
    CapacityStep,
    SearchPlan,
    StepLatency,
    StepState,
)
from loadtest.reports import write_capacity_reports
from loadtest.reports.capacity_charts import capacity_charts

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def step(level: int, state: StepState, p99_us: int, attempt: int = 1) -> CapacityStep:
    latency = StepLatency(
        leg="round_trip", count=5000, p50_us=p99_us // 2, p90_us=p99_us, p99_us=p99_us, p999_us=p99_us, max_us=p99_us
    )
    return CapacityStep(
        level=level,
        attempt=attempt,
        seed=attempt,
        state=state,
        limit="" if state == "passed" else "gateway CPU | <b>",
        folder=f"{level}-{attempt}",
        rate_per_s=level / 10,
        latency=[latency],
        cpu_percent={"worker-0/engine-0": 10.0, "worker-0/engine-1": 20.0, "gateway": 30.0, "broker": 5.0},
        cores=4,
    )


def record() -> CapacityRecord:
    plan = SearchPlan(
        scenario="steady",
        scenario_sha256="",
        axis="charge-points",
        unit="charge points",
        phase="steady",
        legs=("round_trip", "uplink"),
        lowest=1000,
        highest=10_000,
        precision_percent=5,
        repeats=3,
        most_runs=40,
        thresholds=("p99 round_trip steady < 500ms",),
    )
    return CapacityRecord(
        name="c",
        made_by="0.1.0",
        state="complete",
        made_at=BEGAN,
        ended_at=BEGAN + dt.timedelta(minutes=5),
        command=["loadtest", "capacity", "steady"],
        host={"cpus": 4},
        plan=plan,
        steps=[
            step(1000, "passed", 2000),
            step(2000, "failed", 900_000),
            step(1500, "passed", 3000),
            step(1500, "limited", 5000, 2),
            CapacityStep(level=1500, attempt=3, seed=3, state="void", reason="There was no broker."),
        ],
        result=CapacityResult(
            answer="interval", passed=1500, failed=2000, limit="gateway CPU", knee=1500, text="Capacity: 1,500."
        ),
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("c")
    capacity_record.write(record(), folder)
    markdown, html = write_capacity_reports(folder)
    return markdown.read_text(), html.read_text()


def test_both_say_the_result_and_link_each_run(pages: tuple[str, str]) -> None:
    markdown, html = pages
    assert markdown.startswith("# ✅ steady: capacity in charge points: found\n")
    for page in pages:
        assert "Capacity: 1,500." in page
        assert "5 runs · 2026-01-31 12:00 to 2026-01-31 12:05 UTC · 5 min 00 s" in page
    assert "| [1,500 (2)](1500-2/report.html) | generator | gateway CPU" in markdown
    assert '<a href="1500-2/report.html">1,500 (2)</a>' in html
    assert "There was no broker." in markdown
    assert "1500-3" not in html, "a run that never was has no report"


def test_steps_are_one_table(pages: tuple[str, str]) -> None:
    markdown, _ = pages
    rows = [line for line in markdown.split("### Steps")[1].split("### Search")[0].splitlines() if line]
    assert len(rows) == 2 + 5
    assert len({re.sub(r"\\\|", "", row).count("|") for row in rows}) == 1
    assert "| 200 | 450 ms | 900 ms | – | – | 30 % | 5 % | 20 % | – |\n" in markdown


def test_words_from_outside_are_text(pages: tuple[str, str]) -> None:
    markdown, html = pages
    assert "gateway CPU \\| <b>" in markdown
    assert "gateway CPU | &lt;b&gt;" in html
    assert "<b>" not in html.split("<script>")[0]


def test_pictures_have_points_by_result_the_edge_and_the_knee() -> None:
    charts: dict[str, Any] = {chart["id"]: chart for chart in capacity_charts(record())}
    (latency,) = charts["latency"]["variants"]
    by_name = {trace["name"]: trace for trace in latency["data"]}
    assert (by_name["p99"]["x"], by_name["p99"]["y"]) == ([1000, 1500, 2000], [2.0, 3.0, 900.0])
    assert {name: trace["x"] for name, trace in by_name.items() if trace["mode"] == "markers"} == {
        "passed": [1000, 1500],
        "failed": [2000],
        "generator": [1500],
    }
    assert [(shape["x0"], shape["x1"]) for shape in latency["layout"]["shapes"]] == [(1500, 2000), (1500, 1500)]
    (cpu,) = charts["cpu"]["variants"]
    assert {trace["name"]: trace["y"] for trace in cpu["data"]} == {
        "engine": [20.0, 20.0, 20.0],
        "gateway": [30.0, 30.0, 30.0],
        "broker": [5.0, 5.0, 5.0],
    }


def test_one_that_has_not_ended_or_never_measured_has_a_page(tmp_path: Path) -> None:
    unfinished = record()
    unfinished.result, unfinished.ended_at, unfinished.steps, unfinished.host = None, None, [], {}
    capacity_record.write(unfinished, tmp_path)
    markdown, html = write_capacity_reports(tmp_path)
    assert "unfinished" in markdown.read_text()
    (charts,) = re.findall(r'id="charts">(.*?)</script>', html.read_text())
    assert json.loads(charts) == []


def test_without_a_search_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"cannot read .*capacity.json"):
        write_capacity_reports(tmp_path)
    (tmp_path / "capacity.json").write_text('{"format": "loadtest-capacity", "version": 99}')
    with pytest.raises(ResultError, match="format version 99"):
        write_capacity_reports(tmp_path)
