"""From a CALL of the central system to its answer, and to what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.engine.commands.answer import CallRefusedError, Handler
from loadtest.errors import LocalProtocolError
from loadtest.protocol import call_errors, frames, schemas

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint

_HANDLERS: dict[str, Handler] = {}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def answer(charge_point: ChargePoint, call: frames.Call, now_ns: int) -> None:
    """Answer a CALL, then do what it asked for."""
    follow_up: Callable[[], None] | None = None
    try:
        payload, follow_up = _handle(charge_point, call, now_ns)
        reply = frames.encode(frames.CALL_RESULT, call.message_id, payload)
    except CallRefusedError as refusal:
        reply = frames.encode(frames.CALL_ERROR, call.message_id, refusal.code, refusal.description[:255], {})
    try:
        charge_point.send_text(reply)
    except LocalProtocolError:  # the gateway has begun to close
        return
    charge_point.fleet.counters.calls_answered += 1
    if follow_up is not None:
        follow_up()
