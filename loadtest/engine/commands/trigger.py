"""TriggerMessage and ExtendedTriggerMessage (OCPP 1.6 section 5.17; security whitepaper, section 5.5).

The answer comes first, then the message. What is asked for may be sent while the registration is *Pending* as well
(OCPP 1.6 section 4.2), one message after the other; only MeterValues, which travel in the order of all transaction
messages, are not to be had then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from loadtest.engine import payloads
from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.engine.commands.security import signing_request
from loadtest.engine.firmware_update import signed_notification, unsigned_notification
from loadtest.engine.maintenance import maintenance_or_none, progress
from loadtest.engine.operations import (
    DIAGNOSTICS_STATUS_NOTIFICATION,
    FIRMWARE_STATUS_NOTIFICATION,
    HEARTBEAT,
    LOG_STATUS_NOTIFICATION,
    SIGN_CERTIFICATE,
    SIGNED_FIRMWARE_STATUS_NOTIFICATION,
    STATUS_NOTIFICATION,
)
from loadtest.engine.upload import IDLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.maintenance import Maintenance

Message = tuple[int, bytes]
"""An action, and its payload."""


def trigger_message(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """TriggerMessage."""
    return _trigger(charge_point, request, now_ns, signed=False)


def extended_trigger_message(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """ExtendedTriggerMessage: its FirmwareStatusNotification is that of signed updates."""
    return _trigger(charge_point, request, now_ns, signed=True)


HANDLERS: dict[str, Handler] = {
    "ExtendedTriggerMessage": extended_trigger_message,
    "TriggerMessage": trigger_message,
}


def _trigger(charge_point: ChargePoint, request: dict[str, Any], now_ns: int, *, signed: bool) -> Answer:
    if not (charge_point.is_registered or charge_point.is_pending):
        return status("Rejected")
    requested = request["requestedMessage"]
    if requested == "BootNotification":
        return status("Accepted", lambda: charge_point.boot(now_ns))
    connectors = _connectors(charge_point, request.get("connectorId"))
    if requested == "MeterValues":
        return _meter_values(charge_point, connectors, now_ns)
    if requested == "StatusNotification" and not connectors:
        return status("Rejected")
    if requested == "SignChargePointCertificate" and not charge_point.configuration.text("CpoName"):
        return status("Rejected")  # a request needs it (A02, prerequisites)

    def send() -> None:
        _send(charge_point, _messages(charge_point, requested, connectors, now_ns, signed=signed), now_ns)

    return status("Accepted", send)


def _connectors(charge_point: ChargePoint, wanted: int | None) -> Sequence[int]:
    """The connector asked for, which is above 0, or all of them and the charge point itself; empty: no such one."""
    connectors = range(charge_point.profile.connectors + 1)
    if wanted is None:
        return connectors
    return (int(wanted),) if wanted in connectors[1:] else ()


def _meter_values(charge_point: ChargePoint, connectors: Sequence[int], now_ns: int) -> Answer:
    if not connectors or not charge_point.is_registered or not charge_point.configuration.sampled:
        return status("Rejected")

    def send() -> None:
        for number in connectors:
            charge_point.meter_values_now(number, now_ns)

    return status("Accepted", send)


def _messages(
    charge_point: ChargePoint, requested: str, connectors: Sequence[int], now_ns: int, *, signed: bool
) -> list[Message]:
    match requested:
        case "StatusNotification":
            timestamp = charge_point.fleet.timestamp(now_ns)
            states = [(number, charge_point.connector_status(number)) for number in connectors]
            return [
                (STATUS_NOTIFICATION, payloads.status_notification(number, state, timestamp))
                for number, state in states
            ]
        case "Heartbeat":
            return [(HEARTBEAT, payloads.HEARTBEAT)]
        case "SignChargePointCertificate":
            return [(SIGN_CERTIFICATE, signing_request(charge_point))]
        case _:
            return [_progress(maintenance_or_none(charge_point), requested, signed=signed)]


def _progress(maintenance: Maintenance | None, requested: str, *, signed: bool) -> Message:
    """How an update or upload stands; it is *Idle* only here, where it was asked for."""
    match requested:
        case "DiagnosticsStatusNotification":
            upload = maintenance.diagnostics if maintenance is not None else None
            return DIAGNOSTICS_STATUS_NOTIFICATION, progress(IDLE) if upload is None else upload.notification
        case "LogStatusNotification":
            upload = maintenance.log if maintenance is not None else None
            return LOG_STATUS_NOTIFICATION, progress(IDLE) if upload is None else upload.notification
    update = maintenance.update if maintenance is not None else None
    if signed:
        return SIGNED_FIRMWARE_STATUS_NOTIFICATION, signed_notification(update)
    return FIRMWARE_STATUS_NOTIFICATION, unsigned_notification(update)


def _send(charge_point: ChargePoint, messages: list[Message], now_ns: int) -> None:
    if charge_point.is_registered:
        for action, payload in messages:
            charge_point.offer(action, now_ns, payload)
    else:
        _OneByOne(charge_point, messages).send_next(now_ns)


class _OneByOne:
    """Messages sent without a registration, where nothing waits in a queue: each when the one before was answered."""

    __slots__ = ("_charge_point", "_messages")

    def __init__(self, charge_point: ChargePoint, messages: list[Message]) -> None:
        self._charge_point = charge_point
        self._messages = deque(messages)

    def send_next(self, now_ns: int) -> None:
        if not self._messages:
            return
        self._charge_point.offer_unregistered(*self._take(now_ns), self)

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        self.send_next(now_ns)

    def on_failure(self, action: int, now_ns: int) -> None:
        """The others go the way of messages that cannot be sent: dropped and counted."""
        while self._messages:
            self._charge_point.offer(*self._take(now_ns))

    def _take(self, now_ns: int) -> tuple[int, int, bytes]:
        action, payload = self._messages.popleft()
        return action, now_ns, payload
