"""From a CALL of the central system to its answer, and to what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine.commands import (
    availability,
    configuration,
    data_transfer,
    firmware,
    local_list,
    logs,
    remote,
    reservation,
    security,
    smart_charging,
    trigger,
)
from loadtest.engine.commands.answer import Answer, CallRefusedError, Handler
from loadtest.errors import LocalProtocolError
from loadtest.protocol import call_errors, frames, schemas

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint

HANDLERS: dict[str, Handler] = {
    **availability.HANDLERS,
    **configuration.HANDLERS,
    **data_transfer.HANDLERS,
    **firmware.HANDLERS,
    **local_list.HANDLERS,
    **logs.HANDLERS,
    **remote.HANDLERS,
    **reservation.HANDLERS,
    **security.HANDLERS,
    **smart_charging.HANDLERS,
    **trigger.HANDLERS,
}
"""By action, all that a central system can ask."""


def answer(charge_point: ChargePoint, call: frames.Call, now_ns: int) -> None:
    """Answer a CALL, then do what it asked for."""
    fleet = charge_point.fleet
    follow_up: Callable[[], None] | None = None
    refusal: CallRefusedError | None = None
    text = b""
    try:
        payload, follow_up = _handle(charge_point, call, now_ns)
        text = msgspec.json.encode(payload)
        if not charge_point.number + charge_point.books.counters.calls_answered & fleet.checks.mask:
            fleet.checks.note_result(call.action, text)
    except CallRefusedError as error:
        refusal = error
    written_ns = monotonic_ns()
    try:
        if refusal is None:
            charge_point.send_result(call, text)
        else:
            charge_point.send_error(call, refusal.code, refusal.description[:255])
    except LocalProtocolError:  # the peer has begun to close
        return
    charge_point.books.counters.calls_answered += 1
    fleet.commands_received.answered(charge_point.number, call, written_ns)
    if follow_up is not None:
        follow_up()


def _handle(charge_point: ChargePoint, call: frames.Call, now_ns: int) -> Answer:
    handler = HANDLERS.get(call.action)
    validator = schemas.request(call.action)
    if handler is None or validator is None:
        raise CallRefusedError(call_errors.NOT_IMPLEMENTED, f"{call.action[:50]} is not known")
    fault = validator.check(call.payload)
    if fault is not None:
        raise CallRefusedError(fault.code, fault.text)
    request: dict[str, Any] = msgspec.json.decode(call.payload)
    return handler(charge_point, request, now_ns)
