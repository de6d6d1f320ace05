"""The instrument's truth: engines against a gateway whose delays, stalls and faults are known.

Tolerances come from what is being measured, not from what was seen. The machine may be busy: medians and totals are
asserted, and counts exactly; never a single sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadtest.clock import monotonic_ns
from loadtest.control.messages import AddCohort, Drain, EnterPhase
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import OperationRow
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE
from loadtest.protocol.phases import DRAIN, RAMP, STEADY
from loadtest.testing.controlled_child import ControlledChild
from loadtest.testing.stub_behaviour import Fault, StubBehaviour
from loadtest.testing.stub_gateway import StubCounts, StubGateway
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US, US_PER_S

if TYPE_CHECKING:
    from loadtest.measure.interval import IntervalReport

pytestmark = [pytest.mark.integration, pytest.mark.alone]

HEARTBEAT = "Heartbeat"


@dataclass(frozen=True)
class Outcome:
    """Everything an engine reported, and when its steady phase was."""

    reports: list[IntervalReport]
    steady_ns: tuple[int, int]

    @property
    def final(self) -> IntervalReport:
        return self.reports[-1]

    def steady_seconds(self, leg: str, action: str, kind: str) -> list[Histogram]:
        """The steady samples of one series, by second."""
        seconds = []
        for report in self.reports:
            for series in report.series:
                if series.tag == f"{STEADY}.{leg}.{action}.{kind}":
                    seconds.append(Histogram())
                    seconds[-1].add_series(series)
        return seconds

    def steady(self, leg: str, action: str, kind: str) -> Histogram:
        """All steady samples of one series."""
        merged = Histogram()
        for second in self.steady_seconds(leg, action, kind):
            merged.merge(second)
        return merged

    def operations(self, action: str | None = None) -> OperationRow:
        """The ledger of an action, or of all, over all phases."""
        total = OperationRow(phase="", action=action or "")
        for row in self.final.operations:
            if action in (None, row.action):
                for fate in FATES:
                    setattr(total, fate, getattr(total, fate) + getattr(row, fate))
        return total

    def counter(self, name: str) -> int:
        return self.final.counters[f"engine.{name}"]


FATES = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "link_cut", "unfinished")


class Run:
    """One engine's fleet against a stub, from its ramp to the final report."""

    def __init__(
        self, stub: StubGateway, charge_points: int, *, heartbeat_s: float, call_timeout_s: float = 10.0
    ) -> None:
        self._charge_points = charge_points
        self._reports: list[IntervalReport] = []
        self._child = ControlledChild("loadtest.engine")
        self._settings = {
            "run_tag": 7,
            "epoch_ns": monotonic_ns(),
            "seed": 1,
            "gateway_url": stub.url,
            "engine": 0,
            "charge_points": charge_points,
            "ramp_s": 0.3,
            "call_timeout_s": call_timeout_s,
            "profile": {
                "connectors": 1,
                "default_heartbeat_s": heartbeat_s,
                "reconnect": {"type": "CappedDoubling", "minimum_s": 0.1, "maximum_s": 0.2},
            },
        }

    def __enter__(self) -> Run:
        self._child.configure(self._settings)
        self._child.send(AddCohort(0, self._charge_points))
        self._child.send(EnterPhase(RAMP, monotonic_ns()))
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.__exit__(None, None, None)

    def all_registered(self) -> None:
        self.until(lambda report: report.gauges.get("registered_ever") == self._charge_points)

    def until(self, condition: Callable[[IntervalReport], bool], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            report = self._child.next_report(deadline - time.monotonic())
            self._reports.append(report)
            if condition(report):
                return

    def go_on_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.until(lambda _: True)

    def finish(
        self, steady_s: float, *, enough: Callable[[Outcome], bool] = lambda _: True, at_most_s: float = 0
    ) -> Outcome:
        """A steady phase of ``steady_s``, longer until there is ``enough`` of it; a second more; then the drain."""
        start_ns = monotonic_ns() + 50 * NS_PER_MS
        end_ns = start_ns + round(steady_s * NS_PER_S)
        self._child.send(EnterPhase(STEADY, start_ns))
        if at_most_s:
            longest_ns = start_ns + round(at_most_s * NS_PER_S)
            self.until(lambda _: monotonic_ns() > end_ns, steady_s + 20)
            self.until(
                lambda _: enough(Outcome(self._reports, (start_ns, end_ns))) or monotonic_ns() > longest_ns,
                at_most_s + 20,
            )
            end_ns = monotonic_ns()
        self._child.send(EnterPhase(DRAIN, end_ns))
        self.until(lambda _: monotonic_ns() > end_ns + NS_PER_S, steady_s + 20)
        self._child.send(Drain(monotonic_ns() + 5 * NS_PER_S))
        self.until(lambda report: report.final)
        return Outcome(self._reports, (start_ns, end_ns))


def assert_balanced(outcome: Outcome, stub: StubGateway) -> None:
    """The ledger closes, and what the engine sent is what the stub received."""
    total = outcome.operations()
    assert total.offered == total.dropped + total.sent
    gone = total.cut_off + total.link_cut
    assert total.sent == total.answered + total.call_error + total.timed_out + gone + total.unfinished
    assert total.sent == stub.counts.calls
    assert outcome.operations(HEARTBEAT).sent == stub.counts.calls_by_action[HEARTBEAT]


def lower_quartile_of_quietest_second(outcome: Outcome, kind: str) -> int:
    seconds = outcome.steady_seconds(ROUND_TRIP, HEARTBEAT, kind)
    return min(second.percentile(25) for second in seconds if second.total >= 90)


def test_a_delay_of_50_ms_is_reported_as_50_ms_within_2_percent() -> None:
    """Service and response time alike: no charge point has a CALL waiting, so nothing queues.

    Neighbours on the machine only ever add to a delay. So nothing may be reported as shorter, and the quicker half of
    a quiet second tells what the instrument itself adds; a busy machine is given more seconds.
    """
    delay_us = 50_000

    def quiet_enough(outcome: Outcome) -> bool:
        return lower_quartile_of_quietest_second(outcome, INTENDED) <= delay_us * 1.02

    with StubGateway(StubBehaviour(delay_s=0.05, boot_interval_s=1)) as stub, Run(stub, 100, heartbeat_s=1) as run:
        run.all_registered()
        outcome = run.finish(2, enough=quiet_enough, at_most_s=30)
    assert_balanced(outcome, stub)
    assert np.median(stub.counts.delays_ns) / NS_PER_US == pytest.approx(delay_us, rel=0.1), "the stub's own word"
    for kind in (SERVICE, INTENDED):
        whole = outcome.steady(ROUND_TRIP, HEARTBEAT, kind)
        assert whole.total >= 190
        assert whole.min_us >= delay_us
        assert delay_us <= lower_quartile_of_quietest_second(outcome, kind) <= delay_us * 1.02, kind
        assert whole.percentile(50) == pytest.approx(delay_us, rel=0.1), kind


def expected_waits_us(
    outcome: Outcome, stalls_ns: list[tuple[int, int]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How long operations due at every 0.1 ms of the steady phase wait for a stall to end: 0 outside of stalls."""
    due_ns = np.arange(*outcome.steady_ns, NS_PER_MS // 10)
    waits = np.zeros(due_ns.size)
    for start_ns, end_ns in stalls_ns:
        stalled = (due_ns >= start_ns) & (due_ns < end_ns)
        waits[stalled] = (end_ns - due_ns[stalled]) / NS_PER_US
    return waits


def test_a_stall_shows_in_intended_time_as_computed_and_hides_in_service_time() -> None:
    """A stall of 0.4 s every 2 s, an operation due every 10 ms: a fifth of all operations is due in a stall.

    Of these the charge point sends one and keeps the rest waiting behind it, which is 1 of 200 operations of a
    period: beyond the 99th percentile of service times. In intended time the q-th percentile is the q-th of the
    waits until the stall's end.
    """
    stall_s, beat_s, stalls = 0.4, 0.01, 2
    stalling = StubBehaviour(boot_interval_s=0, stall_s=stall_s, stall_every_s=2)
    with StubGateway(stalling) as stub, Run(stub, 1, heartbeat_s=beat_s) as run:
        run.all_registered()
        outcome = run.finish(2 * stalls)
    assert_balanced(outcome, stub)
    service, intended = (outcome.steady(ROUND_TRIP, HEARTBEAT, kind) for kind in (SERVICE, INTENDED))
    assert service.total == intended.total == pytest.approx(2 * stalls / beat_s, rel=0.01)

    waits_us = expected_waits_us(outcome, stub.counts.stalls_ns)
    # Heartbeats sample the stall at one phase, so a percentile is known to one beat. When the stall ends, what waited
    # is served one after the other, in less than 1 ms each.
    beat_us, flush_us = beat_s * US_PER_S, stall_s / beat_s * 1000
    for percent in (85, 90, 95, 99):
        low_us = np.percentile(waits_us, percent) * 0.98 - beat_us
        high_us = np.percentile(waits_us, percent) * 1.02 + beat_us + flush_us
        assert low_us <= intended.percentile(percent) <= high_us, percent
    assert intended.percentile(50) < 20_000
    assert intended.percentile(90) > 150_000

    assert service.percentile(99) < 20_000, "one operation in 200 does not reach the 99th percentile"
    values_us, counts = service.recorded()
    assert int(counts[values_us > 200_000].sum()) == stalls
    assert service.max_us >= 380_000


# Counts do not depend on the machine's pace, so all of the following happens at once. ------------------------------


def under_fault(fault: Fault) -> tuple[Outcome, StubCounts]:
    """Two seconds in which every seventh heartbeat suffers, then two without a fault."""
    faulty = StubBehaviour(
        boot_interval_s=0, fault=fault, fault_every=7, fault_actions=frozenset({HEARTBEAT}), late_s=1.8
    )
    # An answer is given up within a second of its timeout: a late one comes after both, and before the end.
    with StubGateway(faulty) as stub, Run(stub, 20, heartbeat_s=0.25, call_timeout_s=0.5) as run:
        run.all_registered()
        run.go_on_for(2)
        stub.behaviour = replace(faulty, fault=None)
        answered_before = stub.counts.answered
        outcome = run.finish(1.5)
    assert_balanced(outcome, stub)
    assert stub.counts.answered > answered_before + 100, "the run goes on"
    assert outcome.reports[-2].gauges["registered"] == 20
    return outcome, stub.counts


def with_concatenated_messages() -> tuple[Outcome, StubCounts]:
    behaviour = StubBehaviour(boot_interval_s=0, concatenated=True)
    with StubGateway(behaviour) as stub, Run(stub, 20, heartbeat_s=0.25) as run:
        run.all_registered()
        outcome = run.finish(1)
    assert_balanced(outcome, stub)
    return outcome, stub.counts


def refused_at_first(refusing: StubBehaviour) -> tuple[Outcome, StubCounts]:
    """Handshakes are refused until ten have been; then the gateway is well."""
    with StubGateway(refusing) as stub, Run(stub, 5, heartbeat_s=0.25) as run:
        run.until(lambda report: report.counters["engine.connect_refused"] >= 10)
        stub.behaviour = StubBehaviour(boot_interval_s=0)
        run.all_registered()
        outcome = run.finish(1)
    assert_balanced(outcome, stub)
    return outcome, stub.counts


REFUSALS = {"status 503": StubBehaviour(refuse_status=503), "other subprotocol": StubBehaviour(subprotocol="ocpp2.0.1")}

Ended = Callable[[object], tuple[Outcome, StubCounts]]


@pytest.fixture(scope="module")
def ended() -> Iterator[Ended]:
    """Runs everything at once; returns what became of the run asked for, or raises what it failed with."""
    with ThreadPoolExecutor() as together:
        runs: dict[object, Future[tuple[Outcome, StubCounts]]] = {
            fault: together.submit(under_fault, fault) for fault in Fault
        }
        runs |= {name: together.submit(refused_at_first, behaviour) for name, behaviour in REFUSALS.items()}
        runs["concatenated"] = together.submit(with_concatenated_messages)
        yield lambda name: runs[name].result()


@pytest.mark.parametrize("fault", list(Fault))
def test_faults_are_counted_one_by_one_and_the_run_goes_on(ended: Ended, fault: Fault) -> None:
    """Each fault is found again as exactly one fate or side count."""
    outcome, stub = ended(fault)
    assert stub.faults > 10
    total = outcome.operations()
    fates = {fate: getattr(total, fate) for fate in ("call_error", "timed_out", "cut_off")}
    expected_fate = {
        Fault.NEVER: "timed_out",
        Fault.GARBAGE: "timed_out",
        Fault.LATE: "timed_out",
        Fault.CALL_ERROR: "call_error",
        Fault.CUT: "cut_off",
    }.get(fault)
    assert fates == dict.fromkeys(fates, 0) | ({expected_fate: stub.faults} if expected_fate else {})
    repeated = stub.faults if fault in (Fault.LATE, Fault.DUPLICATE) else 0
    assert outcome.counter("late_or_duplicate_answers") == repeated
    unreadable = stub.faults if fault is Fault.GARBAGE else 0
    assert outcome.counter("malformed") + outcome.counter("unknown_answers") == unreadable
    reconnects = stub.faults if fault is Fault.CUT else 0
    assert outcome.counter("disconnects") == reconnects
    assert stub.connections == outcome.counter("connects") == 20 + reconnects


def test_concatenated_messages_are_all_read(ended: Ended) -> None:
    """Each answer comes behind a CALL of the gateway's in the same text message; both count."""
    outcome, stub = ended("concatenated")
    assert outcome.operations().answered == stub.calls == stub.own_calls
    assert outcome.counter("calls_received") == stub.own_calls
    assert outcome.counter("malformed") == 0
    assert stub.replies == outcome.counter("calls_answered") > 0


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_handshakes_are_counted_and_tried_again(ended: Ended, name: str) -> None:
    outcome, stub = ended(name)
    assert outcome.counter("connect_refused") >= 10
    assert outcome.counter("disconnects") == 0
    assert outcome.operations().answered == outcome.operations().sent > 0
    assert stub.refused == (outcome.counter("connect_refused") if name == "status 503" else 0)
