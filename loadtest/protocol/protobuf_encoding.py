"""OCPP messages as Protocol Buffers: ``ocpp16.proto``, one ``Message`` in each MQTT message.

Payloads are JSON text on this side of it, as everywhere in the harness; from JSON to Protobuf and back nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import protobuf_meter_values, protobuf_types, stamp
from loadtest.protocol.envelope import Envelope
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT
from loadtest.protocol.protobuf_types import FAULTS, VERSION
from loadtest.protocol.protobuf_wire import delimited, key, read_content
from loadtest.protocol.schemas import ACTIONS

if TYPE_CHECKING:
    from loadtest.protocol.protobuf_types import MessageClass, Shape

_message = protobuf_types.message_class("Message")
_read = _message.FromString
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOTHING = msgspec.Raw()


_NUMBERS = protobuf_types.field_numbers("Message")
_HEAD = _message(version=VERSION).SerializeToString() + key(_NUMBERS["uniqueId"])


class _Body(NamedTuple):
    """What one field of the message's body stands for.

    Attributes:
        kind: CALL or CALL_RESULT.
        action: Whose request or response it is.
        field: Its name.
        key: How it begins in a serialised message.
        make: The class of its message.
        shape: The fields of that.
    """

    kind: int
    action: str
    field: str
    key: bytes
    make: MessageClass
    shape: Shape


def _bodies(kind: int, suffix: str) -> dict[str, _Body]:
    bodies = {}
    for action in ACTIONS:
        field, name = f"{action[0].lower()}{action[1:]}{suffix}", f"{action}{suffix}"
        make, shape = protobuf_types.message_class(name), protobuf_types.shape(name)
        bodies[action] = _Body(kind, action, field, key(_NUMBERS[field]), make, shape)
    return bodies


_REQUESTS, _RESPONSES = _bodies(CALL, "Request"), _bodies(CALL_RESULT, "Response")
_BODY = len(_HEAD) + 1 + stamp.STAMP_LENGTH
"""Where the body begins behind an id as long as the harness's own."""

_METER_VALUES = _REQUESTS["MeterValues"]
_make_error = protobuf_types.message_class("CallError")
_CALL_ERROR = key(_NUMBERS["callError"])
_BODIES = {body.field: body for body in (*_REQUESTS.values(), *_RESPONSES.values())}


def call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL.

    Raises:
        LocalProtocolError: No action of OCPP 1.6, or not the payload of one.
    """
    return _written(unique_id, _REQUESTS.get(action), action, payload)


def call_result(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALLRESULT.

    Raises:
        LocalProtocolError: No action of OCPP 1.6, or not the payload of its answer.
    """
    return _written(unique_id, _RESPONSES.get(action), action, payload)


def call_error(unique_id: str, action: str, code: str, description: str, details: bytes = b"{}") -> bytes:  # noqa: ARG001 - not in this envelope
    """A CALLERROR."""
    error = {"code": code, "description": description}
    if details != b"{}":
        error["details"] = details.decode()
    return _spliced(unique_id, _CALL_ERROR, _make_error(**error).SerializeToString())


def decode(data: bytes) -> Envelope:
    """Read a message.

    Raises:
        RemoteProtocolError: Not a message, one of another version, or with values OCPP 1.6 does not have.
    """
    if data[_BODY : _BODY + 1] == _METER_VALUES.key and (usual := _meter_values(data)) is not None:
        return usual
    try:
        message: Any = _read(data)
        if message.version != VERSION:
            raise RemoteProtocolError(f"schema version {message.version}, not {VERSION}")
        field = message.WhichOneof("body")
        if field is None:
            raise RemoteProtocolError("a message without a body that is known")
        body = _BODIES.get(field)
        if body is None:
            return _call_error(message.uniqueId, message.callError)
        payload = msgspec.Raw(_encode(body.shape.payload(getattr(message, field))))
    except FAULTS as error:
        raise RemoteProtocolError(f"not an OCPP message: {error}") from error
    return Envelope(body.kind, message.uniqueId, body.action, payload)


def _meter_values(data: bytes) -> Envelope | None:
    """MeterValues in the form they are written here; None: something else, or in another form."""
    if not data.startswith(_HEAD):
        return None
    try:
        unique_id, position = read_content(data, len(_HEAD))
        if position != _BODY:
            return None
        content, end = read_content(data, position + 1)
        payload = protobuf_meter_values.text(content)
        if payload is None or end != len(data):
            return None
        return Envelope(CALL, unique_id.decode(), _METER_VALUES.action, msgspec.Raw(payload))
    except (IndexError, ValueError):
        return None


def _written(unique_id: str, body: _Body | None, action: str, payload: bytes) -> bytes:
    if body is None:
        raise LocalProtocolError(f"{action!r} is no action of OCPP 1.6, and Protobuf has no message for it")
    if payload == b"{}":
        return _spliced(unique_id, body.key, b"")
    try:
        content = protobuf_meter_values.spliced(payload) if body is _METER_VALUES else None
        if content is None:
            content = body.make(**body.shape.fields(_decode(payload))).SerializeToString()
    except FAULTS as error:
        raise LocalProtocolError(f"the payload of {action} does not fit its Protobuf message: {error}") from error
    return _spliced(unique_id, body.key, content)


def _spliced(unique_id: str, body_key: bytes, content: bytes) -> bytes:
    return delimited(_HEAD, unique_id.encode()) + delimited(body_key, content)


def _call_error(unique_id: str, error: Any) -> Envelope:
    details = error.details.encode() or b"{}"
    _decode(details)  # it must be JSON
    return Envelope(CALL_ERROR, unique_id, "", _NOTHING, error.code, error.description, msgspec.Raw(details))
