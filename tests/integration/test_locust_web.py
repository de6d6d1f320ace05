"""Runs started and stopped from Locust's web UI, one after the other in one process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from scenario_copies import unhurried
from servers import free_port

from loadtest.errors import ExitCode
from loadtest.measure import run_record, timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust_process import LocustRun

pytestmark = pytest.mark.integration

ON_STAIRS = Path(__file__).parents[2] / "docs" / "capacity.md"


class WebUi:
    """What a browser sends and reads."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def wait_until_up(self, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.get("/stats/requests")
            except OSError:
                assert time.monotonic() < deadline, "the web UI does not come up"
                time.sleep(0.1)
            else:
                return

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            content: bytes = answer.read()
        return content.decode()

    def start(self, **form: object) -> None:
        data = urllib.parse.urlencode({"spawn_rate": 100, **form}).encode()
        with urllib.request.urlopen(self.url + "/swarm", data=data, timeout=10) as answer:
            assert json.load(answer)["success"] is True

    def stop(self) -> None:
        with urllib.request.urlopen(self.url + "/stop", data=b"", timeout=60) as answer:
            assert json.load(answer)["success"] is True

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = json.loads(self.get("/stats/requests"))
        return stats

    def wait_for_state(self, *states: str, timeout_s: float = 40) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while (stats := self.stats())["state"] not in states:
            assert time.monotonic() < deadline, f"still {stats['state']}, not {states}"
            time.sleep(0.2)
        return stats


def requests_of(stats: dict[str, Any], leg: str) -> int:
    return sum(row["num_requests"] for row in stats["stats"] if row["method"] == leg)


def totals(text: str) -> dict[str, float]:
    """What was scraped, added up over all labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_two_runs_from_the_web_ui(start: Callable[..., LocustRun], free_tcp_port: int) -> None:
    """Each run has its own folder and its own counts, with the values of the form it was started with."""
    options = ("--charge-points", "100", "--metrics-port", str(free_port()))
    run = start("--web-host", "127.0.0.1", "--web-port", str(free_tcp_port), *options)
    ui, metrics = WebUi(free_tcp_port), WebUi(int(options[-1]))
    ui.wait_until_up()
    assert totals(metrics.get("/metrics")) == {"loadtest_info": 1}
    for folder, charge_points in (("run", 120), ("run-2", 60)):
        ui.start(user_count=3, charge_points=charge_points, duration="1s", ramp="300ms", seed=7)
        ui.wait_for_state("running", "spawning")
        stats = ui.wait_for_state("stopped")
        record = run_record.load(run.results / folder)
        assert record.verdict is not None
        assert record.verdict.result == "passed", record.verdict
        assert (record.registered, record.run.settings["seed"]) == (charge_points, 7)
        assert requests_of(stats, "round_trip") == requests_of(stats, "uplink") == record.operations.answered > 0
        scraped = totals(metrics.get("/metrics"))
        assert scraped["loadtest_operations_sent_total"] == record.operations.sent
        assert scraped["loadtest_uplink_delivered_total"] == record.deliveries.delivered
        assert scraped["loadtest_response_time_seconds_count"] == sum(
            summary.count for summary in record.latency if summary.tag.endswith(".intended")
        )
        assert (scraped["loadtest_charge_points"], scraped["loadtest_run_active"]) == (charge_points, 0)
        shown = json.loads(ui.get("/live/data?run=the-one-before&since=3"))
        assert shown["run"]["operations"] == msgspec.to_builtins(record.operations)
        rows = timeline.read(run.results / folder / run_record.TIMELINE_CSV)
        assert [row[0] for row in shown["run"]["rows"]] == [row.second for row in rows], "none of them is had yet"
        assert shown["ended"][0]["run_id"] == folder
    command = [sys.executable, "-m", "loadtest", "run", "steady", "--results", str(run.results), *options]
    refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert refused.returncode == ExitCode.USAGE
    assert f"metrics cannot be served on 127.0.0.1 port {options[-1]}" in refused.stderr
    assert "--metrics-port" in refused.stderr
    assert sorted(path.name for path in run.results.iterdir()) == ["run", "run-2"]


def test_a_run_is_stopped_from_the_web_ui(start: Callable[..., LocustRun], free_tcp_port: int) -> None:
    run = start("--web-host", "127.0.0.1", "--web-port", str(free_tcp_port))
    ui = WebUi(free_tcp_port)
    ui.wait_until_up()
    ui.start(user_count=2, charge_points=50, duration="60s", ramp="300ms", seed=1)
    run.wait_for_phase("steady")
    ui.stop()
    ui.wait_for_state("stopped")
    record = run.record()
    assert record.verdict is not None
    assert (record.state, record.verdict.result) == ("partial", "interrupted"), record.verdict
    (stopped,) = [event for event in record.events if event.kind == "interrupted"]
    assert stopped.at_s <= record.phases[-1].start_s + 0.001, "when it was stopped, not when it had drained"
    assert record.operations.answered == record.deliveries.delivered > 0
    assert record.unbalanced == []
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 0, "the run was over before"


def test_a_form_that_cannot_be_run_says_why_and_stops(start: Callable[..., LocustRun], free_tcp_port: int) -> None:
    run = start("--web-host", "127.0.0.1", "--web-port", str(free_tcp_port))
    ui = WebUi(free_tcp_port)
    ui.wait_until_up()
    ui.start(user_count=2, charge_points="many", duration="-1s", ramp="300ms", seed=1)
    ui.wait_for_state("stopped", "ready")
    log = run.log.read_text()
    assert "error: --charge-points: 'many' is not a whole number" in log
    assert "error: --duration:" in log
    assert "Traceback" not in log
    assert "'many' is not a whole number" in json.loads(ui.get("/live/data"))["refused"]


def documented_stairs(steps: int) -> str:
    """The shape in the document, with fewer and shorter steps."""
    (found,) = re.finditer(r"^```python\n(.*?)^```", ON_STAIRS.read_text(), re.MULTILINE | re.DOTALL)
    block = found[1]
    for field, value in (("steps", steps), ("step_s", 2), ("settle_s", 1)):
        block, count = re.subn(rf"^(    {field} = )\S+", rf"\g<1>{value}", block, flags=re.MULTILINE)
        assert count == 1
    return block


def test_a_step_that_misses_a_threshold_ends_the_climb(
    start: Callable[..., LocustRun], free_tcp_port: int, tmp_path: Path
) -> None:
    """The second of three is held against what it cannot keep to: each of its charge points beats twice a second."""
    options = ("--charge-points", "30", "--ramp", "300ms", "--heartbeat-interval", "500ms")
    held = ("--threshold", "p99 uplink < 60s", "--threshold", "offered rate < 30/s")
    scenario = unhurried(tmp_path, "steady", documented_stairs(3))
    run = start("--web-host", "127.0.0.1", "--web-port", str(free_tcp_port), *options, *held, scenario=scenario)
    ui = WebUi(free_tcp_port)
    ui.wait_until_up()
    ui.start()
    ui.wait_for_state("running", "spawning")
    ui.wait_for_state("stopped", timeout_s=80)
    record = run_record.load(run.folder)
    assert record.verdict is not None
    assert [reason.code for reason in record.verdict.reasons] == ["threshold"], record.verdict
    assert [span.name for span in record.phases] == [
        *("ramp", "warmup", "step:01", "warmup", "step:02", "warmup", "drain"),
    ]
    assert record.registered == 20
    outcomes = {outcome.text.partition(" <")[0]: outcome.passed for outcome in record.thresholds}
    assert outcomes == {
        "p99 uplink step:01": True,
        "p99 uplink step:02": True,
        "p99 uplink step:03": None,
        "offered rate step:01": True,
        "offered rate step:02": False,
        "offered rate step:03": None,
    }
    shown = json.loads(ui.get("/live/data"))["run"]
    assert [event["text"] for event in shown["events"] if event["kind"] == "step"] == [
        "step:01: 10 charge points",
        "step:02: 20 charge points",
    ]
    assert {row["phase"] for row in shown["legs"]} >= {"step:01", "step:02"}
