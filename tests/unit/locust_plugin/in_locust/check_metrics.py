"""What Prometheus fetches over HTTP, read with its own parser, held against record, ledger and samples."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sample_run import SampleRun

from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin.metrics import BOUNDS_US
from loadtest.locust_plugin.metrics_endpoint import serve_metrics
from loadtest.measure import interval_log, ledger, run_record
from loadtest.measure.tags import INTENDED, PACER, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.books import Books

DOCS = Path(__file__).parents[4] / "docs"
RARE = {
    "loadtest_commands_offered_total": {"phase", "action"},
    "loadtest_commands_sent_total": {"phase", "action"},
    "loadtest_commands_total": {"phase", "action", "fate"},
    "loadtest_connection_failures_total": {"cause"},
    "loadtest_fault_active": {"fault"},
}
"""Figures that a run like this one has none of."""
Key = tuple[str, frozenset[tuple[str, str]]]
Figures = dict[Key, float]
SAMPLE = SampleRun(
    steady_s=3, lost_every=90, duplicated_every=50, timed_out_every=70, classes={"Depot": 10, "Kerb": 30}
)


def key(name: str, **labels: str) -> Key:
    return f"loadtest_{name}", frozenset(labels.items())


def scrape(now: Callable[[], Books | None]) -> Figures:
    """All samples."""
    server = serve_metrics("127.0.0.1", 0, now)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        server.stop()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics") / "run"


@pytest.fixture(scope="module")
def figures(folder: Path) -> Figures:
    """Those of a run that is over."""
    processes = SAMPLE.play(folder)
    processes.report_finally()
    processes.finish()
    return scrape(processes.collector.books)


def test_fates_and_arrivals_are_those_of_the_ledger(folder: Path, figures: Figures) -> None:
    books = ledger.load(folder)
    assert sum(row.lost for row in books.legs) == books.lost > 0
    assert books.total.timed_out > books.lost
    for row in books.operations:
        where = {"phase": row.phase, "action": row.action}
        assert figures[key("operations_offered_total", **where)] == row.offered
        assert figures[key("operations_sent_total", **where)] == row.sent
        for fate in ("dropped", "answered", "call_error", "timed_out", "cut_off", "link_cut", "unfinished"):
            assert figures[key("operations_total", **where, fate=fate)] == getattr(row, fate)
    for leg in books.legs:
        where = {"phase": leg.phase, "action": leg.action}
        assert figures[key("uplink_delivered_total", **where)] == leg.delivered
        assert figures[key("uplink_duplicated_total", **where)] == leg.duplicated
        assert figures[key("uplink_missing_messages", **where)] == leg.lost


def test_percentiles_are_those_of_the_record(folder: Path, figures: Figures) -> None:
    record = run_record.load(folder)
    assert len(record.latency) > 20
    for summary in record.latency:
        tag = parse(summary.tag)
        if tag.leg == PACER:
            assert figures[key("release_lateness_seconds_count", phase=tag.phase)] == summary.count
            continue
        kind = "response" if tag.kind == INTENDED else "service"
        series = {"phase": tag.phase, "leg": tag.leg, "action": tag.action}
        for percentile, value_us in (
            *(("50", summary.p50_us), ("90", summary.p90_us), ("99", summary.p99_us)),
            *(("99.9", summary.p999_us), ("100", summary.max_us)),
        ):
            assert figures[key(f"{kind}_time_percentile_seconds", **series, percentile=percentile)] == pytest.approx(
                value_us / 1e6, rel=1e-12
            )
        assert figures[key(f"{kind}_time_seconds_count", **series)] == summary.count


def test_classes_have_the_figures_of_the_record(folder: Path, figures: Figures) -> None:
    parts = run_record.load(folder).classes
    assert [part.name for part in parts] == ["Depot", "Kerb"]

    def total(name: str, **labels: str) -> float:
        wanted = labels.items()
        return sum(
            value for (found, of), value in figures.items() if found == f"loadtest_class_{name}" and wanted <= of
        )

    for part in parts:
        of = {"class": part.name}
        assert total("charge_points_registered_ever", **of) == part.registered == total("charge_points", **of)
        assert total("operations_sent_total", **of) == part.operations.sent
        assert total("operations_total", fate="timed_out", **of) == part.operations.timed_out > 0
        assert total("uplink_delivered_total", **of) == part.deliveries.delivered
        assert total("uplink_missing_messages", **of) == part.deliveries.lost
        series = {"phase": "steady", "leg": "uplink", "percentile": "99"}
        row = next(row for row in part.all_actions if row.tag == "steady.uplink.all.service")
        assert total("service_time_percentile_seconds", **series, **of) == row.p99_us / 1e6


def test_buckets_are_those_of_the_interval_log(folder: Path, figures: Figures) -> None:
    histogram = interval_log.read_totals(folder / run_record.LATENCY_HLOG)["steady.round_trip.Heartbeat.intended"]
    highest_us, counts = histogram.recorded()
    series = {"phase": "steady", "leg": "round_trip", "action": "Heartbeat"}
    for bound_us in BOUNDS_US:
        width_us = 1 << max(0, bound_us.bit_length() - 11)  # of the slot it falls into, which counts in full
        wanted = int(counts[highest_us < bound_us // width_us * width_us + width_us].sum())
        assert figures[key("response_time_seconds_bucket", **series, le=f"{bound_us / 1e6:g}")] == wanted
    assert figures[key("response_time_seconds_bucket", **series, le="+Inf")] == counts.sum()
    assert figures[key("response_time_seconds_sum", **series)] == pytest.approx(
        histogram.mean_us * histogram.total / 1e6
    )


def test_a_run_that_goes_on_says_so_and_one_that_is_over_too(figures: Figures, tmp_path: Path) -> None:
    live = scrape(SAMPLE.play(tmp_path / "run", until_s=5).collector.books)
    assert live[key("run_active")] == 1
    assert live[key("charge_points_registered")] == live[key("charge_points")] == SAMPLE.charge_points
    assert [live[key("verdict", result=result)] for result in ("passed", "failed", "void", "interrupted")] == [0] * 4
    assert live[key("run_elapsed_seconds")] == 5
    assert live[key("part_resident_memory_bytes", part="gateway")] == 120 * 2**20
    assert figures[key("run_active")] == 0
    assert figures[key("verdict", result="failed")] == 1
    assert figures[key("run_elapsed_seconds")] == SAMPLE.length_s
    assert sum(value for (name, _), value in figures.items() if name == "loadtest_phase") == 0


def test_the_dashboard_asks_for_what_there_is(figures: Figures) -> None:
    """Names of metrics and labels; what only some runs have is known by its heading in the documentation."""
    labels: dict[str, set[str]] = {}
    for name, of_sample in figures:
        labels.setdefault(name, set()).update(label for label, _ in of_sample)
    labels |= RARE
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    assert len(asked) > 20
    for expression in asked:
        names = re.findall(r"loadtest_\w+", expression)
        assert names
        known = {"instance", *(label for name in names for label in labels[name])}
        selected = [
            label for block in re.findall(r"{(.*?)}", expression) for label in re.findall(r"(\w+)(?:=|!=)", block)
        ]
        grouped = [label for block in re.findall(r"by \((.*?)\)", expression) for label in block.split(", ")]
        assert set(selected + grouped) <= known, expression
        assert "instance" in selected, "one Prometheus can watch several load tests"
    variables = [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    for name, label in (re.fullmatch(r"label_values\((\w+), (\w+)\)", each).groups() for each in variables):  # type: ignore[union-attr]
        assert label in {"instance", *labels[name]}


def test_every_metric_is_in_the_documentation(figures: Figures) -> None:
    text = (DOCS / "metrics.md").read_text()
    documented = set(re.findall(r"`(loadtest_\w+)`", text))
    found = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in figures}
    assert found | RARE.keys() == documented - {"loadtest_gateway_"}


def test_before_the_first_run_there_is_the_version() -> None:
    assert [name for name, _ in scrape(lambda: None)] == ["loadtest_info"]


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(EnvironmentNotReady, match=f"port {port}: Address already in use") as refused:
            serve_metrics("127.0.0.1", port, lambda: None)
    assert "--metrics-port" in refused.value.hint
