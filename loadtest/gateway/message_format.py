"""Message format checking: CALLs against the official schemas, as EMQX's option of that name does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.protocol import schemas
from loadtest.protocol.actions import CORE_FROM_CENTRAL_SYSTEM, CORE_FROM_CHARGE_POINT

if TYPE_CHECKING:
    from loadtest.gateway.translation import Translated

CHECKED_ACTIONS = frozenset(CORE_FROM_CHARGE_POINT + CORE_FROM_CENTRAL_SYSTEM)
"""The 28 actions EMQX has schemas for; those of the security extension are unknown to it and so refused."""

_decode_text = msgspec.json.Decoder(str).decode


def format_fault(call: Translated) -> str | None:
    """What is wrong with a CALL in either direction, in one sentence; ``None`` when it is valid."""
    try:
        action = _decode_text(call.action)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "the action is not a string"
    schema = schemas.request(action) if action in CHECKED_ACTIONS else None
    if schema is None:
        return "there is no schema for this action"
    fault = schema.check(call.payload)
    return None if fault is None else fault.text
