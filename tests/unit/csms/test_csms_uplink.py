"""Uplink latency runs from the intended instant, and each message counts once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.csms.uplink import OTHER_ACTION, Uplink
from loadtest.measure.interval import DeliveryRow
from loadtest.measure.recorder import Recorder
from loadtest.measure.tags import Tag
from loadtest.protocol import stamp
from loadtest.protocol.phases import PHASES
from loadtest.scenario.fleet_classes import BEYOND_FLEET, told_apart

EPOCH_NS = 10**15
STEADY = PHASES.index("steady")


def uplink(recorder: Recorder | None = None) -> Uplink:
    return Uplink(recorder or Recorder(), run_tag=7, epoch_ns=EPOCH_NS, phases=PHASES)


def stamped(
    sequence: int,
    *,
    run_tag: int = 7,
    phase: int = STEADY,
    charge_point: int = 3,
    intended_us: int = 1_000_000,
    send_delay_us: int = 0,
) -> str:
    return stamp.encode(run_tag, phase, charge_point, sequence, intended_us, send_delay_us).decode()


@given(st.integers(0, 2**43), st.integers(0, 10**9), st.integers(-(10**9), 10**10))
def test_both_latencies_are_exact(intended_us: int, send_delay_us: int, took_ns: int) -> None:
    recorder = Recorder()
    arrived_ns = EPOCH_NS + intended_us * 1000 + took_ns
    uplink(recorder).observe(stamped(0, intended_us=intended_us, send_delay_us=send_delay_us), "Heartbeat", arrived_ns)
    assert recorder.handle(Tag("steady", "uplink", "Heartbeat", "intended")) == [took_ns // 1000]
    assert recorder.handle(Tag("steady", "uplink", "Heartbeat", "service")) == [took_ns // 1000 - send_delay_us]


def test_the_ledger_counts_each_message_once_by_phase_and_action() -> None:
    recorder = Recorder()
    measured = uplink(recorder)
    for sequence in (0, 2, 1, 2, 2):
        measured.observe(stamped(sequence), "Heartbeat", EPOCH_NS)
    measured.observe(stamped(3, phase=0), "MeterValues", EPOCH_NS)
    assert measured.rows() == [
        DeliveryRow("steady", "Heartbeat", delivered=3, duplicated=2, reordered=1),
        DeliveryRow("ramp", "MeterValues", delivered=1),
    ]
    assert measured.arrivals == 6
    assert len(recorder.handle(Tag("steady", "uplink", "Heartbeat", "intended"))) == 3
    (window,) = measured.windows()
    assert (window.charge_point, window.base) == (3, 4)


def test_messages_of_others_are_counted_apart() -> None:
    measured = uplink()
    measured.observe(stamped(0, run_tag=8), "Heartbeat", EPOCH_NS)
    measured.observe(stamped(0, phase=15), "Heartbeat", EPOCH_NS)
    measured.observe("a1b2", "Heartbeat", EPOCH_NS)
    measured.observe("0d9b4e1c-93a5-4c7a-8d0e-3f6f2f0b7a11", "Heartbeat", EPOCH_NS)
    assert (measured.foreign, measured.unstamped, measured.arrivals) == (2, 2, 0)
    assert measured.rows() == []


def test_actions_unknown_to_ocpp_share_one_row() -> None:
    measured = uplink()
    for sequence in range(100):
        measured.observe(stamped(sequence), f"Made.Up{sequence}", EPOCH_NS)
    assert measured.rows() == [DeliveryRow("steady", OTHER_ACTION, delivered=100)]


def test_classes_are_told_apart_and_add_up() -> None:
    recorder = Recorder()
    classes = told_apart([("Kerb", 3), ("Depot", 2)])
    measured = Uplink(recorder, run_tag=7, epoch_ns=EPOCH_NS, phases=PHASES, classes=classes)
    for charge_point in (0, 2, 3, 3, 5):
        measured.observe(stamped(0, charge_point=charge_point), "Heartbeat", EPOCH_NS + 1_002_000_000)
    assert measured.rows() == [DeliveryRow("steady", "Heartbeat", delivered=4, duplicated=1)]
    told = measured.report()
    assert {name: (part.deliveries[0].delivered, part.deliveries[0].duplicated) for name, part in told.items()} == {
        "Kerb": (2, 0),
        "Depot": (1, 1),
        BEYOND_FLEET: (1, 0),
    }
    assert [series.max_us for series in told["Kerb"].series] == [2_000, 2_000]
    assert recorder.take_interval() == [], "what is of a class is told there alone"
    assert measured.report()["Kerb"].series == []


def test_one_class_is_not_told_apart() -> None:
    measured = uplink()
    measured.observe(stamped(0), "Heartbeat", EPOCH_NS)
    assert measured.report() == {}
