"""EMQX's envelope: a JSON object with the keys of its OCPP gateway. The default, and all that goes through a gateway.

Key order and white space are not contractual and further keys are ignored.
"""

from __future__ import annotations

import msgspec

from loadtest.errors import RemoteProtocolError
from loadtest.protocol.envelope import Envelope
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT

CALL_TEXT = b'{"MessageTypeId":2,"UniqueId":%b,"Action":%b,"Payload":%b}'
CALL_RESULT_TEXT = b'{"MessageTypeId":3,"UniqueId":%b,"Payload":%b}'
_CALL_ERROR_TEXT = b'{"MessageTypeId":4,"UniqueId":%b,"ErrorCode":%b,"ErrorDescription":%b,"ErrorDetails":%b}'

_decode = msgspec.json.Decoder(Envelope).decode
_quote = msgspec.json.Encoder().encode


def call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL."""
    return CALL_TEXT % (_quote(unique_id), _quote(action), payload)


def call_result(unique_id: str, action: str, payload: bytes) -> bytes:  # noqa: ARG001 - not in this envelope
    """A CALLRESULT."""
    return CALL_RESULT_TEXT % (_quote(unique_id), payload)


def call_error(unique_id: str, action: str, code: str, description: str, details: bytes = b"{}") -> bytes:  # noqa: ARG001
    """A CALLERROR."""
    return _CALL_ERROR_TEXT % (_quote(unique_id), _quote(code), _quote(description), details)


def decode(data: bytes) -> Envelope:
    """Read a message.

    Raises:
        RemoteProtocolError: Not a JSON object, or without the keys its type requires.
    """
    try:
        envelope = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"not an OCPP message: {error}") from error
    kind = envelope.message_type
    if kind == CALL:
        if not envelope.action or not envelope.payload:
            raise RemoteProtocolError("CALL without Action or Payload")
    elif kind == CALL_RESULT:
        if not envelope.payload:
            raise RemoteProtocolError("CALLRESULT without Payload")
    elif kind != CALL_ERROR:
        raise RemoteProtocolError(f"MessageTypeId {kind}")
    return envelope
