"""Whole runs through Locust's own command line: every count agrees, whatever the process layout, and nothing is
lost when something is killed or interrupted."""

from __future__ import annotations

import csv
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadtest.measure import run_record
from loadtest.measure.interval_log import read_totals
from loadtest.measure.tags import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust_process import LocustRun


pytestmark = pytest.mark.integration

PAUSED_BROKER = Path(__file__).with_name("paused_broker.py")
SMALL = ("--charge-points", "200", "--ramp", "300ms", "--duration", "1s")


def assert_everything_agrees(run: LocustRun, csv_prefix: Path) -> None:
    """Sum over the interval log == ledger == run record == Locust's rows == what gateway and subscriber counted."""
    record = run.record()
    assert record.verdict is not None
    assert record.verdict.reasons == []
    assert record.registered == record.run.charge_points
    sent = record.operations.sent
    assert sent > 0
    assert record.operations.offered == sent + record.operations.dropped
    assert record.operations.answered == sent
    assert record.deliveries.delivered == sent
    assert (record.deliveries.lost, record.deliveries.duplicated, record.deliveries.reordered) == (0, 0, 0)
    assert {hop.count for hop in record.counted_by} == {sent}
    assert record.counters["gateway.upstream_calls"] == sent
    assert record.counters["csms.calls"] == sent

    logged: dict[tuple[str, str], int] = {}
    for text, histogram in read_totals(run.folder / run_record.LATENCY_HLOG).items():
        tag = parse(text)
        logged[tag.leg, tag.kind] = logged.get((tag.leg, tag.kind), 0) + histogram.total
    for leg in ("uplink", "round_trip"):
        for kind in ("intended", "service"):
            assert logged[leg, kind] == sent, (leg, kind)

    with Path(f"{csv_prefix}_stats.csv").open() as file:
        rows = list(csv.DictReader(file))
    for leg in ("uplink", "round_trip"):
        assert sum(int(row["Request Count"]) for row in rows if row["Type"] == leg) == sent
    aggregated = next(row for row in rows if row["Name"] == "Aggregated")
    assert int(aggregated["Request Count"]) == sent
    assert int(aggregated["Failure Count"]) == 0


def test_all_counts_agree_in_one_process_that_stands_still_for_a_while(
    start: Callable[..., LocustRun], tmp_path: Path
) -> None:
    run = start("--headless", "--only-summary", *SMALL[:-1], "2s", "--csv", str(tmp_path / "table"))
    run.wait_for_phase("ramp")
    run.process.send_signal(signal.SIGSTOP)  # engines measure on, and report when it reads again
    time.sleep(1.5)
    run.process.send_signal(signal.SIGCONT)
    assert run.wait() == 0, run.log.read_text()
    assert_everything_agrees(run, tmp_path / "table")
    assert run.left_over() == []


def test_all_counts_agree_with_forked_workers(start: Callable[..., LocustRun], tmp_path: Path) -> None:
    run = start(
        "--headless", "--only-summary", *SMALL, "--csv", str(tmp_path / "table"),
        "--processes", "2", "--engines", "2", "--gateway-processes", "2", "--subscribers", "2",
    )  # fmt: skip
    assert run.wait() == 0, run.log.read_text()
    assert_everything_agrees(run, tmp_path / "table")
    assert run.left_over() == []


def test_all_counts_agree_with_a_separate_master_and_workers(
    start: Callable[..., LocustRun], tmp_path: Path, free_tcp_port: int
) -> None:
    port = str(free_tcp_port)
    master = start(
        "--headless", "--only-summary", *SMALL, "--csv", str(tmp_path / "table"),
        "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2",
    )  # fmt: skip
    workers = [start("--worker", "--master-host", "127.0.0.1", "--master-port", port) for _ in range(2)]
    assert master.wait() == 0, master.log.read_text()
    assert_everything_agrees(master, tmp_path / "table")
    assert [worker.wait() for worker in workers] == [0, 0]
    assert [run.left_over() for run in (master, *workers)] == [[], [], []]


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["local", "forked"])
def test_ctrl_c_leaves_a_partial_record(start: Callable[..., LocustRun], processes: tuple[str, ...]) -> None:
    run = start(
        "--headless", "--only-summary", "--charge-points", "200", "--ramp", "300ms", "--duration", "60s", *processes
    )
    run.wait_for_phase("steady")
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: everybody gets it
    assert run.wait() == 130, run.log.read_text()
    record = run.record()
    assert record.state == "partial"
    assert record.operations.answered == record.operations.sent == record.deliveries.delivered > 0
    assert record.unbalanced == []
    assert (run.folder / "report.html").exists()
    assert run.left_over() == []


def test_ctrl_c_in_the_drain_waits_for_the_record(start: Callable[..., LocustRun]) -> None:
    run = start(
        "--headless", "--only-summary", "--charge-points", "50", "--ramp", "300ms", "--duration", "4s",
        "--drain-timeout", "60s",
    )  # fmt: skip
    run.wait_for_phase("steady")
    engine = run.part("loadtest.engine")
    engine.suspend()  # so that the drain lasts
    run.wait_for_phase("drain")
    run.process.send_signal(signal.SIGINT)
    engine.resume()
    assert run.wait() == 130, run.log.read_text()
    assert run.record().state == "partial"
    verdict = run.record().verdict
    assert verdict is not None
    assert verdict.result == "interrupted"
    assert (run.folder / "report.html").exists()
    assert run.left_over() == []


def test_sigterm_in_the_ramp_leaves_a_partial_record(start: Callable[..., LocustRun]) -> None:
    run = start("--headless", "--only-summary", "--charge-points", "200", "--ramp", "30s", "--duration", "60s")
    run.wait_for_phase("ramp")
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 130, run.log.read_text()
    record = run.record()
    assert record.state == "partial"
    assert record.unbalanced == []
    assert run.left_over() == []


@pytest.mark.parametrize(
    ("part", "result", "exit_code", "named"),
    [
        ("loadtest.engine", "void", 4, "engine-0"),
        ("loadtest.csms", "void", 4, "subscriber-0"),
        ("loadtest.runner.stand", "void", 4, "broker and gateway"),
        ("loadtest.gateway", "failed", 1, "gateway"),
        ("mosquitto", "failed", 1, "mosquitto"),
    ],
)
def test_a_killed_part_is_named_in_the_verdict(
    start: Callable[..., LocustRun], part: str, result: str, exit_code: int, named: str
) -> None:
    run = start(
        "--headless", "--only-summary", "--charge-points", "100", "--ramp", "300ms", "--duration", "4s",
        "--broker", "mosquitto", "--drain-timeout", "1s",
    )  # fmt: skip
    run.wait_for_phase("steady")
    run.part(part).kill()
    assert run.wait() == exit_code, run.log.read_text()
    record = run.record()
    assert record.verdict is not None
    assert record.verdict.result == result
    reasons = [reason for reason in record.verdict.reasons if reason.code in ("part_died", "sut_died")]
    assert any(named in reason.text for reason in reasons), record.verdict
    assert record.deliveries.delivered > 0
    assert run.left_over() == []


def test_workers_killed_or_stopped_while_a_fault_is_on_are_named_in_the_verdict(
    start: Callable[..., LocustRun], free_tcp_port: int
) -> None:
    port = str(free_tcp_port)
    master = start(
        "--headless", "--only-summary", "--charge-points", "100", "--ramp", "300ms", "--duration", "5s",
        "--drain-timeout", "1s", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
        "--expect-workers", "3", scenario=PAUSED_BROKER,
    )  # fmt: skip
    connection = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    workers = [start(*connection, scenario=PAUSED_BROKER) for _ in range(3)]
    master.wait_for_phase("fault:pause")
    workers[0].process.kill()
    workers[1].process.send_signal(signal.SIGSTOP)
    assert master.wait() == 4, master.log.read_text()
    record = master.record()
    assert record.state == "complete"
    assert record.verdict is not None
    assert record.verdict.result == "void"
    assert [reason.code for reason in record.verdict.reasons].count("worker_lost") == 2
    workers[1].process.kill()
    assert record.faults[0].back_s is not None, "what was broken is back all the same"
    assert [span.name for span in record.phases][-2:] == ["steady", "drain"]
    assert record.operations.answered > 0
    assert (master.folder / "report.html").exists()
    assert [run.left_over() for run in (master, *workers)] == [[]] * 4


def test_a_run_ends_when_its_last_worker_is_killed(start: Callable[..., LocustRun], free_tcp_port: int) -> None:
    port = str(free_tcp_port)
    master = start(
        "--headless", "--only-summary", "--charge-points", "20", "--ramp", "300ms", "--duration", "5m",
        "--drain-timeout", "1s", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
        "--expect-workers", "1",
    )  # fmt: skip
    worker = start("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    master.wait_for_phase("steady")
    worker.process.kill()
    assert master.wait() == 4, master.log.read_text()
    verdict = master.record().verdict
    assert verdict is not None
    assert "worker_lost" in [reason.code for reason in verdict.reasons]
    assert [run.left_over() for run in (master, worker)] == [[], []]


def test_workers_that_do_not_come_in_time_are_no_missed_threshold(
    start: Callable[..., LocustRun], free_tcp_port: int
) -> None:
    master = start(
        "--headless", "--only-summary", "--master", "--master-bind-host", "127.0.0.1",
        "--master-bind-port", str(free_tcp_port), "--expect-workers", "2", "--expect-workers-max-wait", "1",
    )  # fmt: skip
    assert master.wait() == 2, master.log.read_text()
    assert "error: --expect-workers: 0 of 2 workers have come within 1 s" in master.log.read_text()
    assert master.left_over() == []
