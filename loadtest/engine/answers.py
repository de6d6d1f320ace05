"""What a charge point answers to the central system's CALLs.

Each answer states what this charge point really does: what it does not support it says so (OCPP-J 1.6 table 7:
*NotImplemented* for an action nobody knows, *NotSupported* for one it knows but lacks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine import payloads
from loadtest.engine.operations import HEARTBEAT, STATUS_NOTIFICATION
from loadtest.engine.transaction import UNKNOWN_TRANSACTION
from loadtest.errors import LocalProtocolError
from loadtest.protocol import call_errors, frames
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint

    Answer = tuple[dict[str, Any], Callable[[], None] | None]
    """The payload, and what follows once it has been sent."""

HIGHEST_ID_TAG_LENGTH = 20


def answer(charge_point: ChargePoint, call: frames.Call, now_ns: int) -> None:
    """Answer a CALL, then do what it asked for."""
    handler = _HANDLERS.get(call.action)
    follow_up: Callable[[], None] | None = None
    if handler is None:
        known = call.action in FROM_CENTRAL_SYSTEM
        code = call_errors.NOT_SUPPORTED if known else call_errors.NOT_IMPLEMENTED
        reply = frames.encode(frames.CALL_ERROR, call.message_id, code, f"{call.action[:50]} is not available", {})
    else:
        try:
            request = msgspec.json.decode(call.payload, type=dict[str, Any])
            payload, follow_up = handler(charge_point, request, now_ns)
            reply = frames.encode(frames.CALL_RESULT, call.message_id, payload)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            reply = frames.encode(
                frames.CALL_ERROR, call.message_id, call_errors.FORMATION_VIOLATION, str(error)[:255], {}
            )
    written_ns = monotonic_ns()
    try:
        charge_point.send_text(reply)
    except LocalProtocolError:  # the gateway has begun to close
        return
    charge_point.fleet.counters.calls_answered += 1
    charge_point.fleet.commands_received.answered(charge_point.number, call, written_ns)
    if follow_up is not None:
        follow_up()


def _text(request: dict[str, Any], name: str) -> str:
    """A field that must be there and be text.

    Raises:
        KeyError: It is not there.
        TypeError: It is not text.
    """
    value = request[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return value


def _get_configuration(charge_point: ChargePoint, request: dict[str, Any], _: int) -> Answer:
    profile = charge_point.profile
    values = {
        "HeartbeatInterval": (False, charge_point.heartbeat_ns // NS_PER_S),
        "MeterValueSampleInterval": (True, int(profile.meter_interval_s)),
        "NumberOfConnectors": (True, profile.connectors),
        "SupportedFeatureProfiles": (True, "Core"),
    }
    wanted = request.get("key") or list(values)
    if not isinstance(wanted, list):
        raise TypeError("key is not a list")
    known = [{"key": key, "readonly": values[key][0], "value": str(values[key][1])} for key in wanted if key in values]
    unknown = [key for key in wanted if key not in values]
    return {"configurationKey": known} | ({"unknownKey": unknown} if unknown else {}), None


def _change_configuration(charge_point: ChargePoint, request: dict[str, Any], _: int) -> Answer:
    key, value = _text(request, "key"), _text(request, "value")
    if key != "HeartbeatInterval":
        readonly = key in ("MeterValueSampleInterval", "NumberOfConnectors", "SupportedFeatureProfiles")
        return {"status": "Rejected" if readonly else "NotSupported"}, None
    if not value.isdecimal() or int(value) < 1:
        return {"status": "Rejected"}, None
    charge_point.heartbeat_ns = int(value) * NS_PER_S
    return {"status": "Accepted"}, None


def _remote_start(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    connector, id_tag = int(request.get("connectorId", 1)), _text(request, "idTag")
    possible = (
        charge_point.is_registered  # remote starts are forbidden before (OCPP 1.6 section 4.2.1)
        and charge_point.transaction is None
        and 1 <= connector <= charge_point.profile.connectors
        and 0 < len(id_tag) <= HIGHEST_ID_TAG_LENGTH
        and id_tag.isascii()
        and id_tag.isalnum()
    )
    if not possible:
        return {"status": "Rejected"}, None
    return {"status": "Accepted"}, lambda: charge_point.begin_transaction(connector, id_tag.encode(), now_ns)


def _remote_stop(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    transaction = charge_point.transaction
    wanted = request["transactionId"]
    if transaction is None or wanted == UNKNOWN_TRANSACTION or transaction.transaction_id != wanted:
        return {"status": "Rejected"}, None
    return {"status": "Accepted"}, lambda: transaction.stop_remotely(now_ns)


def _trigger_message(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    fleet = charge_point.fleet
    match _text(request, "requestedMessage"):
        case "BootNotification":
            return {"status": "Accepted"}, lambda: charge_point.boot(now_ns)
        case "Heartbeat" | "StatusNotification" if not charge_point.is_registered:
            return {"status": "Rejected"}, None  # it could not be sent
        case "Heartbeat":
            action, payload = HEARTBEAT, payloads.HEARTBEAT
        case "StatusNotification":
            connector = int(request.get("connectorId", 0))
            if not 0 <= connector <= charge_point.profile.connectors:
                return {"status": "Rejected"}, None
            action = STATUS_NOTIFICATION
            payload = payloads.status_notification(
                connector, charge_point.connector_status(connector), fleet.timestamp(now_ns)
            )
        case _:
            return {"status": "NotImplemented"}, None
    return {"status": "Accepted"}, lambda: charge_point.offer(action, now_ns, payload)


def _data_transfer(_charge_point: ChargePoint, request: dict[str, Any], _: int) -> Answer:
    return {"status": "UnknownVendorId" if _text(request, "vendorId") else "Rejected"}, None


def _get_local_list_version(_charge_point: ChargePoint, _request: dict[str, Any], _: int) -> Answer:
    return {"listVersion": -1}, None  # OCPP 1.6 section 5.10: -1 says there is no local list


def _clear_cache(_charge_point: ChargePoint, _request: dict[str, Any], _: int) -> Answer:
    return {"status": "Rejected"}, None  # OCPP 1.6 section 5.4: there is no cache to clear


_HANDLERS: dict[str, Callable[[ChargePoint, dict[str, Any], int], Answer]] = {
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "GetConfiguration": _get_configuration,
    "GetLocalListVersion": _get_local_list_version,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "TriggerMessage": _trigger_message,
}
