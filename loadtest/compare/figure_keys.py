"""The figures that runs are held against each other by: what they are called, their units and their order."""

from __future__ import annotations

from typing import NamedTuple

from loadtest.measure import compared_figures as kinds
from loadtest.measure.compared_figures import ALL_ACTIONS, LATENCY, Quantity
from loadtest.measure.tags import CONNECT, REGISTER
from loadtest.protocol.phases import RAMP, STEADY

SHARE_THERE = 99
"""Percent of charge points that must be there for a time to be taken."""

UNITS: dict[Quantity, str] = {
    kinds.LATENCY: "µs",
    kinds.THROUGHPUT: "messages/s",
    kinds.LOSS: "%",
    kinds.TRANSACTION_LOSS: "per 100 transactions",
    kinds.TRANSACTION_DELAY: "per 100 transactions",
    kinds.REGISTERED: "s",
    kinds.BACK: "s",
    kinds.ENGINE_CPU: "µs/message",
    kinds.BROKER_CPU: "µs/message",
    kinds.GATEWAY_CPU: "µs/message",
    kinds.TOGETHER_CPU: "µs/message",
    kinds.BROKER_MEMORY: "bytes",
    kinds.GATEWAY_MEMORY: "bytes",
    kinds.ENGINE_SHARE: "bytes",
    kinds.BROKER_SHARE: "bytes",
    kinds.GATEWAY_SHARE: "bytes",
    kinds.TOGETHER_SHARE: "bytes",
    kinds.SESSION_BYTES: "bytes",
    kinds.CHARGE_POINT_BYTES: "bytes",
}
"""In the order in which figures are shown."""
_NAMES: dict[Quantity, str] = {
    kinds.REGISTERED: f"time to {SHARE_THERE} % registered",
    kinds.BACK: f"time to {SHARE_THERE} % back",
    kinds.TRANSACTION_LOSS: "transaction messages lost",
    kinds.TRANSACTION_DELAY: "transaction messages late",
    kinds.ENGINE_CPU: "engine CPU per message",
    kinds.BROKER_CPU: "broker CPU per message",
    kinds.GATEWAY_CPU: "gateway CPU per message",
    kinds.TOGETHER_CPU: "broker and gateway CPU per message",
    kinds.ENGINE_SHARE: "engine memory per charge point",
    kinds.BROKER_SHARE: "broker memory per charge point",
    kinds.GATEWAY_SHARE: "gateway memory per charge point",
    kinds.TOGETHER_SHARE: "broker and gateway memory per charge point",
    kinds.SESSION_BYTES: "bytes on the wire per connection",
    kinds.CHARGE_POINT_BYTES: "bytes on the wire per charge point",
}
PLACES = {quantity: place for place, quantity in enumerate(UNITS)}


class Key(NamedTuple):
    """Which figure, of the whole fleet or of one class; those of one run sort as they are shown."""

    place: int
    quantity: Quantity
    phase: str = ""
    leg: str = ""
    action: str = ""
    percent: float = 0.0
    fleet_class: str = ""

    def __str__(self) -> str:
        """``uplink Heartbeat p99``, ``uplink p99``, ``loss of Kerb``; the phase where it is not the usual one."""
        return f"{self._figure} of {self.fleet_class}" if self.fleet_class else self._figure

    @property
    def _figure(self) -> str:
        if self.quantity != LATENCY:
            name = _NAMES.get(self.quantity, self.quantity)
            return f"{name} in {self.phase}" if self.quantity == kinds.BACK else name
        action = "" if self.action == ALL_ACTIONS else f" {self.action}"
        usual = RAMP if self.leg in (CONNECT, REGISTER) else STEADY
        phase = "" if self.phase == usual else f" in {self.phase}"
        return f"{self.leg.replace('_', ' ')}{action} p{self.percent:g}{phase}"


def key_of(quantity: Quantity, phase: str = "", fleet_class: str = "") -> Key:
    """The key of anything but a latency."""
    return Key(PLACES[quantity], quantity, phase, fleet_class=fleet_class)
