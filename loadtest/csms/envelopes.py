"""The JSON objects that stand for OCPP messages on MQTT topics, read and written for one message's worth of time.

Key order and white space are not contractual and further keys are ignored; the payload stays JSON text.
"""

from __future__ import annotations

import msgspec

from loadtest.errors import RemoteProtocolError
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT


class Envelope(msgspec.Struct, gc=False):
    """A message from a charge point. ``action``, ``payload`` and ``error_code`` are empty where its type has none."""

    message_type: int = msgspec.field(name="MessageTypeId")
    unique_id: str = msgspec.field(name="UniqueId")
    action: str = msgspec.field(name="Action", default="")
    payload: msgspec.Raw = msgspec.field(name="Payload", default=msgspec.Raw())
    error_code: str = msgspec.field(name="ErrorCode", default="")


_decode = msgspec.json.Decoder(Envelope).decode
_quote = msgspec.json.Encoder().encode


def decode(text: bytes) -> Envelope:
    """Read a message.

    Raises:
        RemoteProtocolError: Not a JSON object, or without the keys its type requires.
    """
    try:
        envelope = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"not an OCPP message: {error}") from error
    kind = envelope.message_type
    if kind == CALL:
        if not envelope.action or not envelope.payload:
            raise RemoteProtocolError("CALL without Action or Payload")
    elif kind not in (CALL_RESULT, CALL_ERROR):
        raise RemoteProtocolError(f"MessageTypeId {kind}")
    return envelope


def call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL; ``payload`` is JSON text."""
    return b'{"MessageTypeId":2,"UniqueId":%b,"Action":%b,"Payload":%b}' % (_quote(unique_id), _quote(action), payload)


def call_result(unique_id: str, payload: bytes) -> bytes:
    """A CALLRESULT; ``payload`` is JSON text."""
    return b'{"MessageTypeId":3,"UniqueId":%b,"Payload":%b}' % (_quote(unique_id), payload)


def call_error(unique_id: str, code: str, description: str) -> bytes:
    """A CALLERROR; ``code`` is one of :data:`loadtest.protocol.call_errors.CODES`."""
    return b'{"MessageTypeId":4,"UniqueId":%b,"ErrorCode":%b,"ErrorDescription":%b,"ErrorDetails":{}}' % (
        _quote(unique_id),
        _quote(code),
        _quote(description),
    )
