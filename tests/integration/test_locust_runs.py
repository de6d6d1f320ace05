"""Whole runs through Locust's own command line: every count agrees, whatever the process layout, and nothing is
lost when something is killed or interrupted."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loadtest.measure import run_record
from loadtest.measure.interval_log import read_totals
from loadtest.measure.tags import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

SCENARIO = Path(__file__).parents[2] / "scenarios" / "steady.py"
SMALL = ("--charge-points", "200", "--ramp", "1s", "--duration", "4s")


class LocustRun:
    """Locust in a session of its own, so that signals and left-overs can be told from those of other tests."""

    def __init__(self, results: Path, *options: str) -> None:
        self.results = results
        self.folder = results / "run"
        self.log = results.parent / f"locust-{len(list(results.parent.glob('locust-*')))}.log"
        command = [sys.executable, "-m", "locust", "-f", str(SCENARIO), "--results", str(results), "--run-id", "run"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def part(self, text: str) -> psutil.Process:
        """The process below this run whose command line contains a text."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if text in " ".join(child.cmdline()):
                    return child
        raise AssertionError(f"no process with {text!r}; Locust says:\n{self.log.read_text()}")

    def wait_for_phase(self, phase: str, timeout_s: float = 40) -> None:
        """Until the timeline has a row of a phase."""
        deadline = time.monotonic() + timeout_s
        timeline = self.folder / run_record.TIMELINE_CSV
        while time.monotonic() < deadline and self.process.poll() is None:
            if timeline.exists() and f",{phase}," in timeline.read_text():
                return
            time.sleep(0.1)
        raise AssertionError(f"phase {phase} was not reached; Locust says:\n{self.log.read_text()}")

    def wait(self, timeout_s: float = 60) -> int:
        """Until Locust has ended; its exit status."""
        return self.process.wait(timeout_s)

    def record(self) -> RunRecord:
        return run_record.load(self.folder)

    def left_over(self) -> list[str]:
        """Processes of this run's session that are still there a moment after its end."""
        deadline = time.monotonic() + 5
        while True:
            found = []
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(" ".join(process.cmdline()))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@pytest.fixture
def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LocustRun]]:
    runs: list[LocustRun] = []
    # Where SIGINT is ignored, as in a shell's background job, children would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start_one(*options: str) -> LocustRun:
        runs.append(LocustRun(tmp_path / "results", *options))
        return runs[-1]

    yield start_one
    for run in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait(10)
    signal.signal(signal.SIGINT, before)


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


def test_all_counts_agree_in_one_process(start: Callable[..., LocustRun], tmp_path: Path) -> None:
    run = start("--headless", "--only-summary", *SMALL, "--csv", str(tmp_path / "table"))
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
        "--headless", "--only-summary", "--charge-points", "200", "--ramp", "1s", "--duration", "60s", *processes
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
        ("loadtest.gateway", "failed", 1, "gateway"),
        ("mosquitto", "failed", 1, "mosquitto"),
    ],
)
def test_a_killed_part_is_named_in_the_verdict(
    start: Callable[..., LocustRun], part: str, result: str, exit_code: int, named: str
) -> None:
    run = start(
        "--headless", "--only-summary", "--charge-points", "100", "--ramp", "1s", "--duration", "6s",
        "--broker", "mosquitto", "--drain-timeout", "3s",
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


def test_a_killed_worker_is_named_in_the_verdict(start: Callable[..., LocustRun], free_tcp_port: int) -> None:
    port = str(free_tcp_port)
    master = start(
        "--headless", "--only-summary", "--charge-points", "100", "--ramp", "1s", "--duration", "10s",
        "--drain-timeout", "3s", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
        "--expect-workers", "2",
    )  # fmt: skip
    workers = [start("--worker", "--master-host", "127.0.0.1", "--master-port", port) for _ in range(2)]
    master.wait_for_phase("steady")
    workers[0].process.kill()
    assert master.wait() == 4, master.log.read_text()
    record = master.record()
    assert record.verdict is not None
    assert record.verdict.result == "void"
    assert "worker_lost" in [reason.code for reason in record.verdict.reasons]
    assert record.operations.answered > 0
    assert [run.left_over() for run in (master, *workers)] == [[], [], []]
