"""Security events of the charge point ("Improved security for OCPP 1.6-J", edition 3, A04 and section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.engine.operations import SECURITY_EVENT_NOTIFICATION

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_LONGEST_TECH_INFO = 255


def report(charge_point: ChargePoint, event: str, now_ns: int, tech_info: str = "") -> None:
    """Tell the central system of an event.

    The whitepaper wants events of a disconnected charge point kept; here they are dropped and counted, as every
    message is that belongs to no transaction.
    """
    payload = {"type": event, "timestamp": charge_point.fleet.timestamp(now_ns).decode()}
    if tech_info:
        payload["techInfo"] = tech_info[:_LONGEST_TECH_INFO]
    charge_point.offer(SECURITY_EVENT_NOTIFICATION, now_ns, msgspec.json.encode(payload))
