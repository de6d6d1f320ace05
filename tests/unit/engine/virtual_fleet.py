"""A fleet without a network: real charge points, a clock that is turned by hand, and a gateway played by the test.

The WebSocket on the gateway's side is the sans-I/O protocol of ``websockets``, so every byte is checked by a
stranger. What no charge point may ever do is checked at each message: a second CALL before the first was answered,
given up, or cut off; a message id used twice; a payload the official schema does not allow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from loadtest.engine import (
    calls,
    cohorts,
    connections,
    fault_cuts,
    link,
    link_transport,
    links,
    mqtt_charge_point,
    registration,
    sending,
    sweep,
    websocket_charge_point,
)
from loadtest.engine import fleet as fleets
from loadtest.engine.commands import dispatch
from loadtest.engine.fleet import Fleet
from loadtest.engine.link_transport import LinkTransport
from loadtest.engine.settings import EngineSettings
from loadtest.engine.visit import Visit
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import OperationRow
from loadtest.measure.recorder import Recorder
from loadtest.measure.tags import ROUND_TRIP, parse
from loadtest.pacing.wheel import TimerWheel
from loadtest.protocol import frames, schemas, stamp
from loadtest.protocol.phases import RAMP
from loadtest.scenario.direct_path import DirectPath
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.fleet_classes import ONE_CLASS, FleetClasses
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.settings import DIRECT, GATEWAY
from loadtest.scenario.vehicle import Vehicle
from loadtest.testing.virtual_clock import VirtualClock
from loadtest.transport.mqtt_wire import MqttWire
from loadtest.transport.websocket_connection import WebSocketConnection
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.class_books import ClassBooks
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.engine.transaction import Transaction
    from loadtest.pacing.pacer import Pacer

RUN_TAG = 0x5EED
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
REFUSED = {"idTagInfo": {"status": "Blocked"}}


def check_payload(name: str, payload: object) -> None:
    """Hold a payload against the official schema of a request (``Heartbeat``) or a response (``HeartbeatResponse``)."""
    action = name.removesuffix("Response")
    validator = schemas.request(action) if name == action else schemas.response(action)
    assert validator is not None, name
    fault = validator.check_value(payload)
    assert fault is None, f"{name}: {fault}"


class Sent(NamedTuple):
    """A CALL as the gateway received it."""

    message_id: str
    action: str
    payload: dict[str, Any]
    at_ns: int

    @property
    def stamp(self) -> stamp.Stamp:
        decoded = stamp.decode(self.message_id)
        assert decoded is not None
        return decoded


class VirtualPacer:
    """The pacer's interface, on a clock that is turned by hand."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._wheel = TimerWheel()

    def at(self, due_ns: int, action: Callable[[int], None]) -> int:
        return self._wheel.at(due_ns, action)

    def run_until(self, now_ns: int) -> None:
        """Release everything due until then, each at its instant; later than that only what came too late."""
        while (due_ns := self._wheel.next_due_ns) is not None and due_ns <= now_ns:
            self._clock.advance_ns(max(0, due_ns - self._clock()))
            slot = self._wheel.take_due(due_ns)
            assert slot is not None
            for action in slot[1]:
                action(slot[0])
        self._clock.advance_ns(max(0, now_ns - self._clock()))


class VirtualFleet(Fleet):
    """A fleet whose attempts to connect wait until the test decides about them.

    Attributes:
        dialled: What waits for a connection, by charge point.
    """

    def __init__(self, settings: EngineSettings, pacer: Pacer, recorder: Recorder) -> None:
        super().__init__(settings, pacer, recorder)
        self.dialled: dict[int, asyncio.Protocol] = {}

        def dial(charge_point: RegisteringConnection, protocol: asyncio.Protocol) -> None:
            self.dialled[charge_point.number] = protocol

        self.connections.dial = dial  # type: ignore[method-assign]


class Wire(asyncio.Transport):
    """One TCP connection between a charge point and the gateway."""

    def __init__(self, world: World, charge_point: ChargePoint, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._world = world
        self._charge_point = charge_point
        self._protocol = protocol
        self.gateway = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])
        self.path = ""
        self.outstanding: Sent | None = None
        self.accepted = self.ending = False

    def write(self, data: Any) -> None:
        self.gateway.receive_data(bytes(data))
        for event in self.gateway.events_received():
            if isinstance(event, Request):
                self.path = event.path
                self.request = event
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._world.take(self, self._charge_point, bytes(event.data))
        self.ending |= self.gateway.close_expected()

    def accept(self) -> None:
        self.accepted = True
        self.gateway.send_response(self.gateway.accept(self.request))
        self.flush()

    def refuse(self, status: int, text: str) -> None:
        self.gateway.send_response(self.gateway.reject(status, text))
        self.flush()

    def tell(self, text: bytes) -> None:
        """Send a text message."""
        self.gateway.send_text(text)
        self.flush()

    def flush(self) -> None:
        for data in self.gateway.data_to_send():
            if data:
                self._protocol.data_received(data)

    def close(self) -> None:
        self.ending = True

    def abort(self) -> None:
        self.ending = True

    def end(self, error: Exception | None = None) -> None:
        """TCP is over."""
        self.ending = True
        self._protocol.connection_lost(error)


class World:
    """One or several charge points, their fleet and the gateway; use as a context manager.

    Args:
        count: How many charge points.
        first: The number of the first.
        call_timeout_s: As in the engine's settings.
        seed: As in the engine's settings.
        transaction_gap_s: Mean time between arrivals; 0 when nobody comes.
        transaction_duration_s: Mean time a car stays.
        classes: What they are told apart by.
        direct: They are on the direct path, with these fields of it; the gateway is the broker then.
        profile: What differs from a profile with one connector and no transactions.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        first: int = 0,
        call_timeout_s: float = 30.0,
        seed: int = 1,
        transaction_gap_s: float = 0.0,
        transaction_duration_s: float = 20.0,
        classes: FleetClasses = ONE_CLASS,
        direct: dict[str, Any] | None = None,
        **profile: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.drivers = Drivers(
            per_day=86_400 / transaction_gap_s if transaction_gap_s else 0,
            stay_s=exponential(transaction_duration_s),
            energy_wh=constant(50_000),
            vehicle_power_w=50_000,
            battery_wh=1_000_000,
        )
        fields: dict[str, Any] = {"connectors": 1, "drivers": self.drivers} | profile
        self.profile = ChargePointProfile(**fields)
        settings = EngineSettings(
            run_tag=RUN_TAG,
            epoch_ns=self.clock() - 5 * NS_PER_S,
            seed=seed,
            gateway_url="ws://127.0.0.1:9/ocpp/",
            direct=None if direct is None else DirectPath(broker_url="mqtt://127.0.0.1:9", **direct),
            engine=0,
            charge_points=count,
            ramp_s=0,
            classes=classes,
            call_timeout_s=call_timeout_s,
            profile=self.profile,
        )
        self.pacer = VirtualPacer(self.clock)
        self.recorder = Recorder()
        self.fleet = VirtualFleet(settings, self.pacer, self.recorder)  # type: ignore[arg-type]  # plays a Pacer
        self.samples: dict[str, Histogram] = {}
        self.sent: list[Sent] = []
        self.replies: list[frames.CallResult | frames.CallError] = []
        self._ids: set[str] = set()
        self._call_timeout_ns = settings.call_timeout_s * NS_PER_S
        self._first, self._count = first, count
        self.path = GATEWAY if direct is None else DIRECT
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> World:
        on_messages = (calls, sending, websocket_charge_point, mqtt_charge_point, dispatch)
        on_connections = (registration, connections, fault_cuts, cohorts, sweep, fleets, link, links, link_transport)
        for module in (*on_messages, *on_connections):
            self._patch.setattr(module, "monotonic_ns", self.clock)
        for kind in (WebSocketConnection, MqttWire):
            self._patch.setattr(kind, "_cut_later", lambda connection: None)  # needs a loop
        self.fleet.cohorts.add(self._first, self._count, self.profile, self.path)
        self.charge_points = list(self.fleet.cohorts.charge_points.values())
        self.fleet.enter_phase(RAMP, self.clock())
        self.advance_s(0.001)
        return self

    def __exit__(self, *exception: object) -> None:
        self._patch.undo()

    # Time ------------------------------------------------------------------------------------------------------

    def advance_s(self, duration_s: float) -> None:
        self.pacer.run_until(self.clock() + round(duration_s * NS_PER_S))

    # The gateway -----------------------------------------------------------------------------------------------

    @property
    def books(self) -> ClassBooks:
        return self.fleet.books.whole

    @property
    def one(self) -> ChargePoint:
        return self.charge_points[0]

    def wire(self, charge_point: ChargePoint | None = None) -> Wire:
        wire = (charge_point or self.one).transport
        if isinstance(wire, LinkTransport):
            wire = wire.below
        assert isinstance(wire, Wire)
        return wire

    def reach(self, charge_point: ChargePoint | None = None) -> Wire:
        """TCP connects; the handshake's request is there."""
        charge_point = charge_point or self.one
        protocol = self.fleet.dialled.pop(charge_point.number, charge_point)
        wire = self._new_wire(charge_point, protocol)
        protocol.connection_made(wire)
        return wire

    def _new_wire(self, charge_point: ChargePoint, protocol: asyncio.Protocol) -> Wire:
        if self.path == GATEWAY:
            return Wire(self, charge_point, protocol)
        from broker_wire import Broker5Wire, BrokerWire

        direct = self.fleet.settings.direct
        kind = Broker5Wire if direct is not None and direct.mqtt_version == "5" else BrokerWire
        return kind(self, charge_point, protocol)

    def open(self, charge_point: ChargePoint | None = None) -> Wire:
        """TCP connects and the handshake succeeds."""
        wire = self.reach(charge_point)
        wire.accept()
        return wire

    def register(self, interval_s: int = 300) -> None:
        """Connect, accept the BootNotification, answer the StatusNotifications."""
        self.open()
        self.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": interval_s})
        self.answer_all()

    def take(self, wire: Wire, charge_point: ChargePoint, text: bytes) -> None:
        message = frames.decode(text)
        if not isinstance(message, frames.Call):
            self.replies.append(message)
            return
        call = Sent(message.message_id, message.action, msgspec.json.decode(message.payload), self.clock())
        check_payload(call.action, call.payload)
        before = wire.outstanding
        assert before is None or call.at_ns - before.at_ns >= self._call_timeout_ns, "one CALL at a time"
        assert call.message_id not in self._ids, "a message id is used once"
        self._ids.add(call.message_id)
        assert call.stamp[:1] + call.stamp[2:3] == (RUN_TAG, charge_point.number)
        intended_us = (call.at_ns - self.fleet.epoch_ns) // 1000 - call.stamp.send_delay_us
        on_the_way_us = intended_us - call.stamp.intended_us
        delayed = self.profile.link is not None and self.profile.link.delays
        assert on_the_way_us >= -1, "intended instant and delay make the real send"
        assert on_the_way_us <= 1 or delayed, "intended instant and delay make the real send"
        wire.outstanding = call
        self.sent.append(call)

    def tell(self, text: bytes, charge_point: ChargePoint | None = None) -> None:
        """Send a text message to a charge point."""
        wire = self.wire(charge_point)
        wire.tell(text)

    def answer(self, payload: object, charge_point: ChargePoint | None = None) -> Sent:
        """Answer the outstanding CALL; returns it."""
        call = self.answered_by(charge_point)
        self.tell(frames.encode(frames.CALL_RESULT, call.message_id, payload), charge_point)
        return call

    def answer_error(self, charge_point: ChargePoint | None = None) -> Sent:
        """Answer the outstanding CALL by a CALLERROR; returns it."""
        call = self.answered_by(charge_point)
        self.tell(frames.encode(frames.CALL_ERROR, call.message_id, "InternalError", "", {}), charge_point)
        return call

    def answered_by(self, charge_point: ChargePoint | None = None) -> Sent:
        wire = self.wire(charge_point)
        call, wire.outstanding = wire.outstanding, None
        assert call is not None, "no CALL is outstanding"
        return call

    def answer_all(self, charge_point: ChargePoint | None = None) -> list[Sent]:
        """Answer until nothing is outstanding, transactions being accepted."""
        answered: list[Sent] = []
        while (call := self.wire(charge_point).outstanding) is not None:
            payload: dict[str, Any] = {}
            if call.action == "Authorize":
                payload = ACCEPTED
            elif call.action == "StartTransaction":
                payload = ACCEPTED | {"transactionId": 4711 + len(self.sent)}
            answered.append(self.answer(payload, charge_point))
        return answered

    def ask(self, action: str, payload: object, message_id: str = "csms-1") -> frames.CallResult | frames.CallError:
        """A CALL of the central system; returns the answer."""
        before = len(self.replies)
        self.tell(frames.encode(frames.CALL, message_id, action, payload))
        (reply,) = self.replies[before:]
        assert reply.message_id == message_id
        return reply

    def command(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """A CALL of the central system, valid by its schema, and its CALLRESULT, which must be so too."""
        check_payload(action, payload)
        reply = self.ask(action, payload)
        assert isinstance(reply, frames.CallResult), reply
        result: dict[str, Any] = msgspec.json.decode(reply.payload)
        check_payload(f"{action}Response", result)
        return result

    def charge(self, duration_s: float = 1e6, connector: int = 1) -> Transaction:
        """A driver charges with a car that is never full; the transaction's id is 77."""
        visit = Visit(connector, round(duration_s * NS_PER_S), 0, Vehicle(1e9, 50_000, 0.0))
        transaction = self.one.welcome(visit, b"TAG", self.clock(), remote=False)
        while (call := self.wire().outstanding) is not None:
            self.answer({} if call.action == "StatusNotification" else ACCEPTED | {"transactionId": 77})
        assert transaction.started_ns
        return transaction

    def run_for(self, duration_s: float) -> None:
        """Let time pass with a gateway that answers at once."""
        self.answer_all()
        for _ in range(round(duration_s * 10)):
            self.advance_s(0.1)
            self.answer_all()

    def payloads_of(self, action: str) -> list[dict[str, Any]]:
        """The payloads of all CALLs of an action, in order."""
        return [call.payload for call in self.sent if call.action == action]

    def statuses(self, connector: int = 1) -> list[str]:
        """The states reported of a connector, in order."""
        reports = self.payloads_of("StatusNotification")
        return [each["status"] for each in reports if each["connectorId"] == connector]

    def new(self) -> list[str]:
        """Actions of the CALLs received since the last time."""
        actions = [call.action for call in self.sent[self._seen :]]
        self._seen = len(self.sent)
        return actions

    _seen = 0

    # The books -------------------------------------------------------------------------------------------------

    def row(self, action: str | None = None) -> OperationRow:
        """The ledger of an action, or of all, over all phases."""
        total = OperationRow("", action or "")
        for row in self.books.operations.rows():
            if action in (None, row.action):
                for name in OperationRow.__struct_fields__[2:]:
                    setattr(total, name, getattr(total, name) + getattr(row, name))
        return total

    def assert_balanced(self) -> None:
        """Every operation has exactly one fate, or is still under way; samples and counts tell the same."""
        waiting = sum(each.waiting for each in self.charge_points)
        outstanding = sum(each.call_id is not None for each in self.charge_points)
        total = self.row()
        assert total.offered == total.dropped + total.sent + waiting
        assert total.sent == len(self.sent) == sum(each.sequence for each in self.charge_points)
        gone = total.cut_off + total.link_cut
        assert total.sent == total.answered + total.call_error + total.timed_out + gone + total.unfinished + outstanding
        for row in self.books.operations.rows():
            expected = row.answered + row.call_error + row.timed_out
            for kind in ("intended", "service"):
                assert self.samples_of(f"{row.phase}.{ROUND_TRIP}.{row.action}.{kind}").total == expected
        counters = self.books.counters
        dropped = counters.dropped_offline + counters.dropped_queue_full + counters.dropped_at_end
        assert total.dropped == dropped

    def samples_of(self, tag: str) -> Histogram:
        for series in self.recorder.take_interval():
            assert parse(series.tag)
            self.samples.setdefault(series.tag, Histogram()).add_series(series)
        return self.samples.get(tag, Histogram())
