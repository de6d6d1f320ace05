"""Charge points and a central system in one process, for hours of virtual time: what remains of it can be counted."""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from msgspec.structs import replace
from virtual_fleet import RUN_TAG, Wire, World

from loadtest.csms import central_system, commander
from loadtest.csms.central_system import Answering, CentralSystem
from loadtest.csms.commander import Commander
from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.csms.settings import CsmsSettings
from loadtest.csms.uplink import Uplink
from loadtest.engine.sending import OPEN, REGISTERED, REJECTED
from loadtest.measure.interval import IntervalReport
from loadtest.measure.recorder import Recorder
from loadtest.protocol import envelope_emqx, frames
from loadtest.protocol.phases import PHASES, STEADY
from loadtest.scenario.link_presets import LTE_GARAGE
from loadtest.scenario.reconnect import LIBOCPP, MICRO_OCPP, OCPP_GO, Mixture

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.scenario.commands import CommandLoad

_NOT_OURS = (type, ModuleType, FunctionType, BuiltinFunctionType, Wire)  # a wire is the peer's side


class Soak(World):
    """Links fail, drivers come and go, commands are sent, charge points restart; everything is reported each second."""

    unacknowledged = backlog_bytes = 0
    properties = b""

    def __init__(self, count: int, commands: CommandLoad) -> None:
        super().__init__(
            count,
            call_timeout_s=10.0,
            transaction_gap_s=144.0,
            transaction_duration_s=60.0,
            connectors=2,
            meter_interval_s=10.0,
            link=replace(LTE_GARAGE, time_scale=60),
            reconnect=Mixture(((3, LIBOCPP), (2, MICRO_OCPP), (1, OCPP_GO))),
            configuration={"WebSocketPingInterval": "10"},
            reboot_s=2.0,
        )
        epoch_ns = self.fleet.epoch_ns
        settings = CsmsSettings(broker_url="mqtt://h", run_tag=RUN_TAG, epoch_ns=epoch_ns, commands=commands)
        self.csms_recorder = Recorder()
        self.uplink = Uplink(self.csms_recorder, run_tag=RUN_TAG, epoch_ns=epoch_ns, phases=PHASES)
        self.central_system = CentralSystem(self.uplink)
        self.central_system.received_ns = self.clock
        registration = Registration(heartbeat_interval_s=15)
        self.central_system.answering = Answering(self, Responses(registration), registration, 1)
        self.invalid: list[str] = []
        self.central_system.commander = self.commander = Commander(
            self,
            settings,
            self.csms_recorder,
            self.pacer,  # type: ignore[arg-type]  # plays a Pacer
            self.invalid.append,
        )
        self.wires: list[Wire] = []
        self.connecting: list[Wire] = []
        self.by_topic: dict[bytes, ChargePoint] = {}

    def __enter__(self) -> Soak:
        super().__enter__()
        self._patch.setattr(commander, "monotonic_ns", self.clock)
        self._patch.setattr(central_system, "monotonic_ns", self.clock)
        self.by_topic = {b"ocpp/cs/" + each.identity.encode(): each for each in self.charge_points}

        def cancel(charge_point: RegisteringConnection) -> bool:
            return self.fleet.dialled.pop(charge_point.number, None) is not None

        self.fleet.connections.diallers[self.path].cancel = cancel  # type: ignore[method-assign]
        self.fleet.enter_phase(STEADY, self.clock())
        self.commander.enter_phase(STEADY, self.clock())
        return self

    # The gateway and the broker ---------------------------------------------------------------------------------

    def take(self, wire: Wire, charge_point: ChargePoint, text: bytes) -> None:
        message = frames.decode(text)
        identity = charge_point.identity.encode()
        if isinstance(message, frames.Call):
            up = envelope_emqx.call(message.message_id, message.action, message.payload)
            self.central_system.on_message(b"ocpp/cp/" + identity, up)
            return
        if isinstance(message, frames.CallResult):
            up = envelope_emqx.call_result(message.message_id, "", message.payload)
        else:
            up = envelope_emqx.call_error(message.message_id, "", message.code, "")
        self.central_system.on_message(b"ocpp/cp/" + identity + b"/Reply", up)

    def publish(self, topic: bytes, payload: bytes, qos: int, properties: bytes = b"") -> None:
        """Pass on what the central system sends, a moment later, if there is a connection then."""
        self.pacer.at(self.clock() + 1_000_000, lambda due_ns: self._deliver(topic, payload))

    def _deliver(self, topic: bytes, payload: bytes) -> None:
        charge_point = self.by_topic[topic]
        link = self.fleet.links.of(charge_point.number)
        connection = link.connection if link is not None else None
        below = connection.below if connection is not None else None
        if charge_point.state not in (OPEN, REJECTED, REGISTERED) or not isinstance(below, Wire) or below.ending:
            return
        message = envelope_emqx.decode(payload)
        raw = bytes(message.payload)
        if message.message_type == frames.CALL:
            text = b'[2,"%b","%b",%b]' % (message.unique_id.encode(), message.action.encode(), raw)
        elif message.message_type == frames.CALL_RESULT:
            text = b'[3,"%b",%b]' % (message.unique_id.encode(), raw)
        else:
            text = frames.encode(frames.CALL_ERROR, message.unique_id, message.error_code, "", {})
        below.tell(text)

    # Time -------------------------------------------------------------------------------------------------------

    def pass_time(self, duration_s: int) -> None:
        """Seconds, with what a process does at the end of each, and its peers in between."""
        for _ in range(duration_s * 2):
            self.advance_s(0.5)
            for wire in [each for each in self.wires if each.ending]:
                self.wires.remove(wire)
                wire.end()
            for number in list(self.fleet.dialled):
                wire = self.reach(self.charge_points[number])
                self.wires.append(wire)
                self.connecting.append(wire)
            for wire in [each for each in self.connecting if each.path or each.ending]:
                self.connecting.remove(wire)
                if not wire.ending:
                    wire.accept()
            self.report()

    def report(self) -> None:
        """Have everything taken that a report takes."""
        fleet = self.fleet
        self.recorder.take_interval()
        fleet.comings.take()
        fleet.transaction_book.take()
        fleet.link_cuts.report(final=False)
        fleet.links.take_regional_outages()
        fleet.commands_received.take_instants()
        fleet.checks.new_faults()
        fleet.connect_failures.take_untold()
        self.csms_recorder.take_interval()
        self.uplink.take_transaction_arrivals()
        self.commander.expire(self.clock())
        self.commander.report(IntervalReport(index=0))


def reachable(*roots: object, without: tuple[object, ...]) -> list[object]:
    """Every object that hangs on these, modules, classes, functions and peers excepted.

    What has no part in the collection of garbage, such as a struct with ``gc=False``, is counted without its contents.
    """
    seen = {id(each) for each in (*without, *roots)}
    found, todo = list(roots), list(roots)
    while todo:
        fresh = []
        for each in gc.get_referents(*todo):
            if id(each) not in seen and not isinstance(each, _NOT_OURS):
                seen.add(id(each))
                fresh.append(each)
        found += fresh
        todo = fresh
    return found
