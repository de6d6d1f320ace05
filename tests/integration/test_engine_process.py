"""The engine as a process, over its control channel, against a real WebSocket server."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import few_source_ports
import pytest

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.control.child import CONTROL_FD
from loadtest.control.messages import AddCohort, Drain, EnterPhase, RemoveCohort
from loadtest.errors import UsageError
from loadtest.measure.histogram import Histogram
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE
from loadtest.measure.validity import SHARE, Validity
from loadtest.protocol.phases import DRAIN, RAMP, STEADY
from loadtest.testing.controlled_child import ControlledChild
from loadtest.testing.stub_behaviour import Fault, StubBehaviour
from loadtest.testing.stub_gateway import StubGateway
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.interval import IntervalReport, OperationRow

pytestmark = pytest.mark.integration

CHARGE_POINTS = 100
FEW_DESCRIPTORS = 60


def settings_for(url: str, charge_points: int, profile: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_tag": 7,
        "epoch_ns": monotonic_ns(),
        "seed": 1,
        "gateway_url": url,
        "engine": 0,
        "charge_points": charge_points,
        "ramp_s": 0.3,
        "call_timeout_s": 2.0,
        "profile": {
            "connectors": 2,
            "drivers": {
                "per_day": 86_400,
                "stay_s": {"mean": 1.0},
                "energy_wh": {"mean": 10_000},
                "vehicle_power_w": 11_000,
                "battery_wh": 60_000,
            },
            "meter_interval_s": 0.3,
            "reconnect": {"type": "CappedDoubling", "minimum_s": 0.1, "maximum_s": 0.3},
        }
        | profile,
    }


class Engine:
    """An engine with its fleet, every report kept."""

    def __init__(self, url: str, charge_points: int = CHARGE_POINTS, **profile: Any) -> None:
        self.child = ControlledChild("loadtest.engine")
        self.reports: list[IntervalReport] = []
        self.charge_points = charge_points
        self.settings = settings_for(url, charge_points, profile)

    def __enter__(self) -> Engine:
        self.facts = self.child.configure(self.settings)
        half = self.charge_points // 2
        self.child.send(AddCohort(0, half))
        self.child.send(AddCohort(half, self.charge_points - half))
        self.child.send(EnterPhase(RAMP, monotonic_ns()))
        return self

    def __exit__(self, *exception: object) -> None:
        self.child.__exit__(None, None, None)

    def until(self, condition: Callable[[IntervalReport], bool], timeout_s: float = 15.0) -> IntervalReport:
        deadline = time.monotonic() + timeout_s
        while True:
            self.reports.append(self.child.next_report(deadline - time.monotonic()))
            if condition(self.reports[-1]):
                return self.reports[-1]

    def registered(self, count: int) -> IntervalReport:
        return self.until(lambda report: report.gauges["registered"] == count)

    def finish(self) -> IntervalReport:
        self.child.send(EnterPhase(DRAIN, monotonic_ns()))
        self.child.send(Drain(monotonic_ns() + 3 * NS_PER_S))
        return self.until(lambda report: report.final)

    def samples(self) -> dict[str, int]:
        """Samples by series, over all reports."""
        merged: dict[str, Histogram] = {}
        for report in self.reports:
            for series in report.series:
                merged.setdefault(series.tag, Histogram()).add_series(series)
        return {tag: histogram.total for tag, histogram in merged.items()}


def total(rows: list[OperationRow], name: str, action: str | None = None) -> int:
    return sum(getattr(row, name) for row in rows if action in (None, row.action))


def assert_accounts_close(engine: Engine, stub: StubGateway) -> None:
    """Fates, samples, charge points' own counts and the stub's agree, to the last message."""
    final = engine.reports[-1]
    assert final.final
    samples = engine.samples()
    for row in final.operations:
        assert row.offered == row.dropped + row.sent, row
        gone = row.cut_off + row.link_cut
        assert row.sent == row.answered + row.call_error + row.timed_out + gone + row.unfinished, row
        for kind in (INTENDED, SERVICE):
            tag = f"{row.phase}.{ROUND_TRIP}.{row.action}.{kind}"
            assert samples.get(tag, 0) == row.answered + row.call_error + row.timed_out, tag
    counts = [
        int.from_bytes(cohort.counts[at : at + 4], "little")
        for cohort in final.sent
        for at in range(0, len(cohort.counts), 4)
    ]
    assert sum(counts) == total(final.operations, "sent") == stub.counts.calls
    indexes = [report.index for report in engine.reports]
    assert indexes == sorted(set(indexes)), "each second is reported once, in order"


def test_a_fleet_registers_charges_and_every_account_closes() -> None:
    with StubGateway(StubBehaviour(boot_interval_s=1)) as stub, Engine(stub.url) as engine:
        engine.registered(CHARGE_POINTS)
        engine.child.send(EnterPhase(STEADY, monotonic_ns()))
        for _ in range(3):
            engine.until(lambda _: True)
        final = engine.finish()
    assert_accounts_close(engine, stub)
    assert engine.child.events == []
    assert final.gauges["registered_ever"] == CHARGE_POINTS
    assert total(final.operations, "answered") == total(final.operations, "sent")
    sent = {action: total(final.operations, "sent", action) for action in stub.counts.calls_by_action}
    assert sent == dict(stub.counts.calls_by_action)
    assert sent["BootNotification"] == CHARGE_POINTS
    assert sent["StatusNotification"] >= 3 * CHARGE_POINTS
    assert sent["StopTransaction"] > CHARGE_POINTS
    assert sent["Authorize"] >= sent["StartTransaction"] >= sent["StopTransaction"]
    sampled = Validity.of(final.counters)
    assert (sampled.invalid, sampled.answers_invalid, sampled.unchecked) == (0, 0, 0)
    sent_in_all = total(final.operations, "sent")
    # Each charge point's share begins elsewhere, so the sum is off by less than one message for each of them.
    assert abs(sampled.checked - sent_in_all / SHARE) <= CHARGE_POINTS
    assert 0 < sampled.answers_checked <= sampled.checked
    phases = {row.phase for row in final.operations if row.sent}
    assert phases - {DRAIN} == {RAMP, STEADY}  # what was due just before the drain may be sent in it
    samples = engine.samples()
    assert samples["ramp.register.BootNotification.intended"] == CHARGE_POINTS
    assert samples["ramp.connect.WebSocket.service"] == CHARGE_POINTS
    assert samples["steady.pacer.release.service"] > 100
    assert {report.health.rss_bytes > 0 for report in engine.reports} == {True}


class CarelessGateway(StubGateway):
    """Its central system forgets the time in its answers to BootNotifications."""

    def _payload(self, action: str) -> dict[str, Any]:
        return {"status": "Accepted", "interval": 60} if action == "BootNotification" else super()._payload(action)


def test_answers_that_are_not_valid_are_counted_and_told_once() -> None:
    with CarelessGateway() as stub, Engine(stub.url) as engine:
        engine.registered(CHARGE_POINTS)
        final = engine.finish()
    sampled = Validity.of(final.counters)
    assert 0 < sampled.answers_invalid <= sampled.answers_checked
    assert sampled.invalid == 0
    told = [(event.kind, event.text) for event in engine.child.events]
    assert told == [("invalid_answer", "BootNotificationResponse: payload lacks the field currentTime")]


def test_cut_connections_are_made_again_and_accounted_for() -> None:
    with StubGateway() as stub, Engine(stub.url) as engine:
        engine.registered(CHARGE_POINTS)
        stub.behaviour = StubBehaviour(
            fault=Fault.CUT, fault_every=7, fault_actions=frozenset({"MeterValues", "StatusNotification"})
        )
        for _ in range(2):
            engine.until(lambda _: True)
        stub.behaviour = StubBehaviour()
        engine.registered(CHARGE_POINTS)
        final = engine.finish()
    assert_accounts_close(engine, stub)
    assert engine.child.events == []
    cut = total(final.operations, "cut_off")
    assert cut == stub.counts.faults > 0
    assert final.counters["engine.disconnects"] == cut
    assert final.counters["engine.connects"] == stub.counts.connections == CHARGE_POINTS + cut
    assert final.counters["engine.registrations"] > CHARGE_POINTS
    assert final.gauges["registered_ever"] == CHARGE_POINTS


def test_refused_handshakes_are_counted_and_the_first_reason_is_told() -> None:
    with StubGateway(StubBehaviour(refuse_status=404)) as stub, Engine(stub.url, 20) as engine:
        engine.until(lambda report: report.counters["engine.connect_refused"] >= 40)
        stub.behaviour = StubBehaviour()
        engine.registered(20)
        final = engine.finish()
    assert_accounts_close(engine, stub)
    assert final.counters["engine.connect_refused"] == stub.counts.refused == final.counters["engine.connect_in_vain"]
    (event,) = engine.child.events
    assert event.kind == "first_connect_fault"
    assert "refused with 404" in event.text


def test_a_gateway_that_is_not_there_is_a_failed_attempt() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with Engine(f"ws://127.0.0.1:{reserved.getsockname()[1]}", 5) as engine:
            engine.until(lambda report: report.counters["engine.connect_failed"] >= 5)
            final = engine.finish()
    assert final.gauges["connected"] == 0
    counters = final.counters
    under_way_at_the_end = counters["engine.connect_attempts"] - counters["engine.connect_failed"]
    assert 0 <= under_way_at_the_end <= 5
    (event,) = engine.child.events
    assert "cp-00000" in event.text


def test_running_out_of_file_descriptors_is_its_own_fault() -> None:
    with StubGateway() as stub:
        engine = Engine(stub.url)
        pid = engine.child.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, FEW_DESCRIPTORS))
        with engine:
            report = engine.until(lambda report: "engine.connect_failures.no_descriptors" in report.counters)
            assert 0 < report.counters["engine.connects"] < CHARGE_POINTS
            engine.until(lambda _: bool(engine.child.events))
            assert "no file descriptor left" in engine.child.events[0].text


def test_a_gateway_that_never_answers_the_handshake_is_given_up_and_tried_again() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        with Engine(f"ws://127.0.0.1:{silent.getsockname()[1]}", 5) as engine:
            engine.until(lambda report: report.counters["engine.connect_timed_out"] >= 5)
            engine.until(lambda report: report.counters["engine.connect_attempts"] >= 10)
            final = engine.finish()
    assert final.counters["engine.connects"] == 0
    assert final.counters["engine.connect_failed"] == 0
    assert engine.child.events == []


def test_source_ports_that_run_out_are_counted_and_told_as_the_generators_own_limit() -> None:
    narrow = "ip link set lo up && echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range"  # two
    tried = subprocess.run(f"unshare --net sh -c '{narrow}'", shell=True, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network of one's own here: {tried.stderr.strip()}")
    script = ["sh", "-c", f'{narrow} && exec "$0" "$1"', sys.executable, few_source_ports.__file__]
    ran = subprocess.run(["unshare", "--net", *script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    counters, connected = told["counters"], 2 * few_source_ports.SOURCE_ADDRESSES
    failed = counters["engine.connect_failures.no_source_port"]
    assert counters["engine.connects"] == connected
    assert counters["engine.connect_failed"] == failed >= few_source_ports.CHARGE_POINTS - connected
    (first,) = told["events"]
    assert re.search(r"^cp-\d+: no source port left: ", first)


def test_cohorts_come_and_go_during_the_run() -> None:
    with StubGateway(StubBehaviour(boot_interval_s=1)) as stub, Engine(stub.url) as engine:
        engine.registered(CHARGE_POINTS)
        engine.child.send(RemoveCohort(0))
        engine.registered(CHARGE_POINTS // 2)
        engine.child.send(AddCohort(1000, 30, {"id_prefix": "late-"}))
        engine.registered(CHARGE_POINTS // 2 + 30)
        final = engine.finish()
    assert_accounts_close(engine, stub)
    assert engine.child.events == []
    assert final.gauges["charge_points"] == CHARGE_POINTS // 2 + 30
    assert sorted(cohort.first for cohort in final.sent) == [0, CHARGE_POINTS // 2, 1000]
    assert stub.counts.connections == CHARGE_POINTS + 30
    assert final.counters["engine.disconnects"] == 0, "what we close ourselves is no disturbance"


def test_a_configuration_it_cannot_work_with_is_refused_with_every_fault() -> None:
    with ControlledChild("loadtest.engine") as child, pytest.raises(UsageError) as refused:
        child.configure(settings_for("http://host", 0, {"connectors": 0}) | {"run_tag": -1})
    assert len(refused.value.faults) == 4


# Its end ------------------------------------------------------------------------------------------------------------


def start_engine(url: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """An engine under load, with the parent's end of its channel in hand."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.engine"],
            env={**os.environ, CONTROL_FD: str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
        )
    for command in (messages.Configure(settings_for(url, 50, {})), AddCohort(0, 50), EnterPhase(RAMP, monotonic_ns())):
        ours.sendall(messages.encode(command))
    return process, ours


def wait_for_connections(stub: StubGateway, count: int) -> None:
    deadline = time.monotonic() + 10
    while stub.counts.connections < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("ending", ["channel closed", "stop"])
def test_it_is_gone_two_seconds_after_its_parent(ending: str) -> None:
    with StubGateway() as stub:
        process, channel = start_engine(stub.url)
        with channel, process:
            wait_for_connections(stub, 50)
            if ending == "stop":
                channel.sendall(messages.encode(messages.Stop()))
            else:
                channel.close()
            assert process.wait(20) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""


def test_an_interrupt_of_the_terminal_is_the_parents_business() -> None:
    with StubGateway() as stub:
        process, channel = start_engine(stub.url)
        with channel, process:
            wait_for_connections(stub, 50)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert process.poll() is None
            channel.close()
            assert process.wait(20) == 0


def test_started_by_hand_it_says_what_to_use() -> None:
    environment = {name: value for name, value in os.environ.items() if name != CONTROL_FD}
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.engine"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("error: ")
    assert "loadtest run" in done.stderr
    assert "Traceback" not in done.stderr
