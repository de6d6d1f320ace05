"""Random stories of commands, drivers and a bad network: nothing raises, the books balance, everything ends."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import pytest
from virtual_fleet import ACCEPTED, REFUSED, World, check_payload

from loadtest.csms.addressees import Addressee
from loadtest.csms.command_draw import Draw
from loadtest.csms.command_payloads import MAKERS
from loadtest.engine.operations import TRANSACTION_RELATED
from loadtest.engine.sending import CONNECTING, OPEN, REGISTERED, REJECTED
from loadtest.protocol import frames
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.scenario.reconnect import CappedDoubling

if TYPE_CHECKING:
    from virtual_fleet import Wire

    from loadtest.engine.charge_point import ChargePoint

KEYS = {
    "AllowOfflineTxForUnknownId": ("true", "false"),
    "AuthorizeRemoteTxRequests": ("true", "false"),
    "ClockAlignedDataInterval": ("0", "5"),
    "ConnectionTimeOut": ("0", "1", "5"),
    "HeartbeatInterval": ("1", "300"),
    "MeterValueSampleInterval": ("0", "1", "3"),
    "MinimumStatusDuration": ("0", "1"),
    "TransactionMessageAttempts": ("1", "3"),
    "TransactionMessageRetryInterval": ("0", "2"),
    "WebSocketPingInterval": ("0", "2"),
}
RESTARTING = {"Reset", "SignedUpdateFirmware", "UpdateFirmware"}
AT_REST = {b"Available", b"Reserved", b"Unavailable"}
TIMED = {FROM_CHARGE_POINT[action] for action in TRANSACTION_RELATED}


class Story:
    """Two charge points, and all that can happen to them, by a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.connectors = chance.randint(1, 3)
        self.world = World(
            2,
            seed=seed,
            connectors=self.connectors,
            call_timeout_s=5.0,
            transaction_gap_s=chance.choice([5.0, 20.0]),
            transaction_duration_s=chance.choice([3.0, 15.0]),
            meter_interval_s=2.0,
            boot_on_reconnect=chance.random() < 0.5,
            reconnect=CappedDoubling(maximum_s=4),
            reboot_s=chance.choice([0.0, 3.0]),
            download_s=2.0,
            install_s=2.0,
            upload_s=1.0,
            firmware_failure=0.3,
            upload_failure=0.3,
            configuration={"ReserveConnectorZeroSupported": "true"},
        )
        self.commands = 0

    def step(self) -> None:
        what = self.chance.random()
        if what < 0.35:
            self.command()
        elif what < 0.6:
            self.network()
        elif what < 0.98:
            self.advance_s(self.chance.choice([0.05, 0.5, 1.0, 3.0]))
        elif reachable := self.reachable(CONNECTING, OPEN, REJECTED, REGISTERED):
            self.world.wire(self.chance.choice(reachable)).end(ConnectionResetError())

    def peace(self, seconds: int) -> None:
        """Everybody is connected, accepted and answered."""
        for _ in range(seconds):
            for charge_point in self.dialling():
                self.world.open(charge_point)
            for charge_point in self.reachable(OPEN, REJECTED, REGISTERED):
                self.answer(charge_point, "accept", 1_000)
                self.world.wire(charge_point).flush()
            self.advance_s(1.0)

    def advance_s(self, duration_s: float) -> None:
        self.world.advance_s(duration_s)
        for wire in self.wires():
            if wire.ending:
                wire.end()

    def wires(self) -> list[Wire]:
        return [self.world.wire(each) for each in self.world.charge_points if each.transport is not None]

    def dialling(self) -> list[ChargePoint]:
        return [each for each in self.world.charge_points if each.state == CONNECTING and each.transport is None]

    def reachable(self, *states: int) -> list[ChargePoint]:
        there = [each for each in self.world.charge_points if each.state in states and each.transport is not None]
        return [each for each in there if not self.world.wire(each).ending]

    def network(self) -> None:
        for charge_point in self.dialling():
            wire = self.world.reach(charge_point)
            if self.chance.random() < 0.8:
                wire.accept()
            else:
                wire.end(ConnectionResetError())
        for charge_point in self.reachable(OPEN, REJECTED, REGISTERED):
            how = self.chance.choice(["accept"] * 14 + ["refuse", "pending", "error", "garbage"])
            self.answer(charge_point, how, self.chance.choice([1, 2, 20]))

    def answer(self, charge_point: ChargePoint, how: str, most: int) -> None:
        for _ in range(most):
            wire = self.world.wire(charge_point)
            if wire.ending or wire.outstanding is None:
                return
            match wire.outstanding.action, how:
                case _, "error":
                    self.world.answer_error(charge_point)
                    continue
                case _, "garbage":
                    payload: dict[str, Any] = {"idTagInfo": 7, "status": 7}
                case "BootNotification", _:
                    status = {"refuse": "Rejected", "pending": "Pending"}.get(how, "Accepted")
                    payload = {"status": status, "currentTime": "now", "interval": 3}
                case "Authorize" | "StartTransaction", _:
                    payload = (REFUSED if how == "refuse" else ACCEPTED) | {"transactionId": len(self.world.sent)}
                case _:
                    payload = {"status": "Accepted"}
            self.world.answer(payload, charge_point)

    def command(self) -> None:
        """A command, and a valid answer to it."""
        reachable = self.reachable(OPEN, REGISTERED)
        action = self.chance.choice([*MAKERS, *["ChangeAvailability", "ReserveNow", "RemoteStartTransaction"] * 2])
        if not reachable or (action in RESTARTING and self.chance.random() < 0.6):
            return
        self.commands += 1
        charge_point = self.chance.choice(reachable)
        payload = self.payload(charge_point, action)
        check_payload(action, payload)
        before = len(self.world.replies)
        self.world.tell(frames.encode(frames.CALL, f"csms-{self.commands}", action, payload), charge_point)
        (reply,) = self.world.replies[before:]
        assert isinstance(reply, frames.CallResult), (action, payload, reply)

    def payload(self, charge_point: ChargePoint, action: str) -> dict[str, Any]:
        """Few names and numbers, so that commands get in each other's way."""
        chance, clock, fleet = self.chance, self.world.clock, self.world.fleet
        connector, number = chance.randint(0, self.connectors), chance.randint(1, 4)
        id_tag = chance.choice(["A", f"TAG{charge_point.number:07d}"])
        expiry = fleet.timestamp(clock() + chance.choice([1, 5, 30]) * 1_000_000_000).decode()
        running = [each.transaction_id for each in charge_point.transactions] or [-1]
        match action:
            case "ChangeAvailability":
                return {"connectorId": connector, "type": chance.choice(["Operative", "Operative", "Inoperative"])}
            case "ReserveNow":
                return {"connectorId": connector, "expiryDate": expiry, "idTag": id_tag, "reservationId": number}
            case "CancelReservation":
                return {"reservationId": number}
            case "RemoteStartTransaction":
                return {"idTag": id_tag}
            case "RemoteStopTransaction":
                return {"transactionId": chance.choice(running)}
            case "ChangeConfiguration":
                key = chance.choice(list(KEYS))
                return {"key": key, "value": chance.choice(KEYS[key])}
        to = Addressee(charge_point.number, b"ocpp/cs/CP")
        now = dt.datetime.fromisoformat(fleet.timestamp(clock()).decode())
        return MAKERS[action].make(Draw(to, chance, now, self.commands))

    def check(self) -> None:
        self.world.assert_balanced()
        charge_points = self.world.charge_points
        assert self.world.fleet.transactions == sum(len(each.transactions) for each in charge_points)
        for connector in [each for charge_point in charge_points for each in charge_point.connectors_known]:
            free = connector.transaction is None
            assert free == (connector.status in AT_REST)
            assert connector.operative or connector.status != b"Available"
            if connector.number and free:
                assert (connector.reservation is not None) == (connector.status == b"Reserved")

    def check_order(self) -> None:
        """Transaction messages arrive in the order they were made in (OCPP 1.6 section 3.7.1), again or not."""
        for charge_point in self.world.charge_points:
            times = [
                call.payload["meterValue"][0]["timestamp"]
                if call.action == "MeterValues"
                else call.payload["timestamp"]
                for call in self.world.sent
                if call.action in TIMED and call.stamp.charge_point == charge_point.number
            ]
            assert times == sorted(times)

    def check_end(self) -> None:
        fleet = self.world.fleet
        fleet.draining = True
        fleet.retire()
        for wire in self.wires():
            wire.end()
        counters = fleet.books.counters()
        self.world.advance_s(2_000)
        self.world.assert_balanced()
        assert fleet.books.counters() == counters, "nothing comes after the end"
        assert len(self.world.pacer._wheel._slots) <= 1, "only the sweep is left"


@pytest.mark.parametrize("seed", range(12))
def test_nothing_raises_and_everything_ends(seed: int) -> None:
    story = Story(seed)
    with story.world as world:
        # Nobody really dials here, but attempts time out all the same.
        world.fleet.connections.diallers["gateway"].cancel = lambda charge_point: True  # type: ignore[method-assign]
        for _ in range(250):
            story.step()
            story.check()
        story.peace(60)
        story.check()
        story.check_order()
        for charge_point in world.charge_points:
            assert charge_point.state == REGISTERED or charge_point.restart_due_ns
        assert len(world.pacer._wheel._slots) < 100
        story.check_end()
