"""OCPP-J messages as they travel on the WebSocket: JSON arrays.

``[2, id, action, payload]`` is a CALL, ``[3, id, payload]`` a CALLRESULT, ``[4, id, code, description, details]``
a CALLERROR (OCPP-J 1.6 section 4.2). A real gateway may put several arrays into one text message; reading
accepts that, writing never does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4


class Call(msgspec.Struct, frozen=True):
    """A request. ``payload`` is JSON text, decoded by whoever needs it."""

    message_id: str
    action: str
    payload: msgspec.Raw


class CallResult(msgspec.Struct, frozen=True):
    """A successful answer. ``payload`` is JSON text."""

    message_id: str
    payload: msgspec.Raw


class CallError(msgspec.Struct, frozen=True):
    """A refusal. ``code`` is one of :data:`loadtest.protocol.call_errors.CODES`."""

    message_id: str
    code: str
    description: str
    details: msgspec.Raw = msgspec.Raw(b"{}")


Message = Call | CallResult | CallError

_array = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)


def _message(parts: list[msgspec.Raw]) -> Message:
    kind = bytes(parts[0]) if parts else b""
    try:
        match kind, len(parts):
            case b"2", 4:
                return Call(_text.decode(parts[1]), _text.decode(parts[2]), parts[3].copy())
            case b"3", 3:
                return CallResult(_text.decode(parts[1]), parts[2].copy())
            case b"4", 4 | 5:
                details = parts[4].copy() if len(parts) == 5 else msgspec.Raw(b"{}")
                return CallError(_text.decode(parts[1]), _text.decode(parts[2]), _text.decode(parts[3]), details)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"OCPP-J message with a field of the wrong type: {error}") from error
    raise RemoteProtocolError(f"not an OCPP-J message: type {kind[:12]!r} with {len(parts)} elements")


def decode(text: bytes) -> Message:
    """Read one message.

    Raises:
        RemoteProtocolError: The text is not JSON, not an array, or not a CALL, CALLRESULT or CALLERROR.
    """
    try:
        parts = _array.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"not a JSON array: {error}") from error
    return _message(parts)


def decode_all(text: bytes) -> Iterator[Message]:
    """Read one or several messages written without separator into one text.

    EMQX does so for messages that leave in one batch while its option ``piggyback`` is ``single``, the default.

    Raises:
        RemoteProtocolError: As :func:`decode`, at the message where reading fails.
    """
    try:
        message = decode(text)  # nearly always; reading byte by byte is slow
    except RemoteProtocolError:
        for document in split_documents(text):
            yield decode(document)
    else:
        yield message


def split_documents(text: bytes) -> list[bytes]:
    """Cut a text at the ends of its top-level JSON arrays; text without any is returned whole."""
    documents: list[bytes] = []
    depth = start = 0
    in_string = escaped = False
    for position, byte in enumerate(text):
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if depth == 0:
                documents.append(text[start : position + 1])
                start = position + 1
    rest = text[start:]
    if rest.strip() or not documents:
        documents.append(rest)
    return documents


def encode(kind: int, message_id: str, *fields: Any) -> bytes:
    """Write a message as compact JSON; ``fields`` are what follows the id, in the order of the specification."""
    return msgspec.json.encode([kind, message_id, *fields])
