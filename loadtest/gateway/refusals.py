"""What the gateway says to a charge point itself: CALLERRORs. EMQX says nothing, so each has its switch."""

from __future__ import annotations

import re

import msgspec

from loadtest.protocol.frames import CALL_ERROR

UNREADABLE_ID = b'"-1"'
"""The message id of an answer to a CALL whose own cannot be read: OCPP-J 2.0.1 section 4.2.3; 1.6 has no rule."""

_CALL_HEAD = re.compile(rb'\s*\[\s*2\s*(?:,\s*("(?:[^"\\]|\\.){0,255}")|[,\]]|$)')
_decode_text = msgspec.json.Decoder(str).decode


def call_error(message_id: bytes | msgspec.Raw, code: str, description: str) -> bytes:
    """A CALLERROR frame without details; ``message_id`` is JSON text."""
    return b'[%d,%b,"%b",%b,{}]' % (CALL_ERROR, message_id, code.encode(), msgspec.json.encode(description))


def id_of_malformed_call(frame: bytes) -> bytes | None:
    """The message id, as JSON text, of what begins as a CALL and goes wrong; ``None`` for anything else.

    What is not a CALL is not answered: an answer to a malformed answer could go on for ever, and a message of an
    unknown type is to be ignored (OCPP-J 1.6 section 4.1.3).
    """
    head = _CALL_HEAD.match(frame)
    if head is None:
        return None
    message_id: bytes | None = head[1]
    if message_id is None:
        return UNREADABLE_ID
    try:
        _decode_text(message_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNREADABLE_ID
    return message_id
