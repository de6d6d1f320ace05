"""MaEVe's envelope: the JSON object its gateway and its manager exchange, which names the action in answers as well.

Keys are ``type`` (2, 3, 4 as in OCPP-J), ``action``, ``id``, ``request`` or ``response``, and ``error_code`` and
``error_description`` without details. MaEVe's gateway adds the request to an answer to a command, and both carry a
``state``: neither is written here, and as further keys they are ignored.
"""

from __future__ import annotations

import msgspec

from loadtest.errors import RemoteProtocolError
from loadtest.protocol.envelope import Envelope
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT


class _Message(msgspec.Struct, gc=False):
    type: int
    id: str
    action: str = ""
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    error_code: str = ""
    error_description: str = ""


_decode = msgspec.json.Decoder(_Message).decode
_quote = msgspec.json.Encoder().encode


def call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL."""
    return b'{"type":2,"action":%b,"id":%b,"request":%b}' % (_quote(action), _quote(unique_id), payload)


def call_result(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALLRESULT."""
    return b'{"type":3,"action":%b,"id":%b,"response":%b}' % (_quote(action), _quote(unique_id), payload)


def call_error(unique_id: str, action: str, code: str, description: str, details: bytes = b"{}") -> bytes:  # noqa: ARG001
    """A CALLERROR; its details are not carried."""
    return b'{"type":4,"action":%b,"id":%b,"error_code":%b,"error_description":%b}' % (
        _quote(action),
        _quote(unique_id),
        _quote(code),
        _quote(description),
    )


def decode(data: bytes) -> Envelope:
    """Read a message.

    Raises:
        RemoteProtocolError: Not a JSON object, or without the keys its type requires.
    """
    try:
        message = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"not an OCPP message: {error}") from error
    kind = message.type
    if kind == CALL:
        if not message.action or not message.request:
            raise RemoteProtocolError("CALL without action or request")
        return Envelope(CALL, message.id, message.action, message.request)
    if kind == CALL_RESULT:
        if not message.response:
            raise RemoteProtocolError("CALLRESULT without response")
        return Envelope(CALL_RESULT, message.id, message.action, message.response)
    if kind == CALL_ERROR:
        return Envelope(
            CALL_ERROR, message.id, message.action, msgspec.Raw(), message.error_code, message.error_description
        )
    raise RemoteProtocolError(f"type {kind}")
