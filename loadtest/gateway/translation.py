"""OCPP-J frames into MQTT envelopes and back, without decoding what they carry.

Ids, actions and payloads are passed through as JSON text: nothing is type-checked, length-checked, correlated or
encoded again. What EMQX does with them can be told from this only by white space, key order and number formatting,
none of which is contractual.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from loadtest.errors import RemoteProtocolError
from loadtest.protocol import envelope_emqx
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT
from loadtest.transport.websocket_frames import is_utf8

NOT_JSON, NOT_OCPP = "not_json", "not_ocpp"
"""Why a message is dropped: what begins rightly cannot be read; it is none of the three types with its fields."""


class UntranslatableError(RemoteProtocolError):
    """The message is dropped. ``reason`` is :data:`NOT_JSON` or :data:`NOT_OCPP`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Translated(NamedTuple):
    """A message for the other side.

    Attributes:
        kind: CALL, CALL_RESULT or CALL_ERROR.
        text: The envelope or the frame.
        payload: The OCPP payload within it as JSON text, empty for a CALLERROR.
        message_id: The ``UniqueId`` as JSON text.
        action: The action as JSON text, empty for an answer.
    """

    kind: int
    text: bytes
    payload: bytes | msgspec.Raw
    message_id: msgspec.Raw
    action: bytes | msgspec.Raw


class _Envelope(msgspec.Struct, gc=False):
    MessageTypeId: msgspec.Raw = msgspec.Raw()
    UniqueId: msgspec.Raw = msgspec.Raw()
    Action: msgspec.Raw = msgspec.Raw()
    Payload: msgspec.Raw = msgspec.Raw()
    ErrorCode: msgspec.Raw = msgspec.Raw()
    ErrorDescription: msgspec.Raw = msgspec.Raw()


class _Registration(msgspec.Struct, gc=False):
    status: str
    interval: int


_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_registration = msgspec.json.Decoder(_Registration).decode

# Raw values compare by their text, so 2 is a CALL and neither 2.0 nor "2" is.
_CALL, _CALL_RESULT, _CALL_ERROR = (msgspec.Raw(b"%d" % kind) for kind in (CALL, CALL_RESULT, CALL_ERROR))


def upstream(frame: bytes) -> Translated:
    """The envelope for a charge point's frame. A CALLERROR's details are not carried.

    Raises:
        UntranslatableError: It is to be dropped.
    """
    try:
        parts = _decode_array(frame)
    except msgspec.ValidationError:
        raise UntranslatableError(NOT_OCPP) from None
    except (msgspec.DecodeError, RecursionError):  # too deep a nesting is no JSON to us
        raise UntranslatableError(NOT_JSON) from None
    match parts:
        case [kind, unique_id, action, payload] if kind == _CALL:
            text = envelope_emqx.CALL_TEXT % (unique_id, action, payload)
            return Translated(CALL, text, payload, unique_id, action)
        case [kind, unique_id, payload] if kind == _CALL_RESULT:
            text = envelope_emqx.CALL_RESULT_TEXT % (unique_id, payload)
            return Translated(CALL_RESULT, text, payload, unique_id, b"")
        case [kind, unique_id, code, description, _] if kind == _CALL_ERROR:
            text = b'{"MessageTypeId":4,"UniqueId":%b,"ErrorCode":%b,"ErrorDescription":%b}' % (
                unique_id,
                code,
                description,
            )
            return Translated(CALL_ERROR, text, b"", unique_id, b"")
    raise UntranslatableError(NOT_OCPP)


def downstream(envelope: bytes) -> Translated:
    """The frame for a central system's envelope. Further keys are ignored, a CALLERROR's details are emptied.

    Raises:
        UntranslatableError: It is to be dropped.
    """
    if not is_utf8(envelope):
        raise UntranslatableError(NOT_JSON)  # a charge point would have to close the connection over it
    try:
        message = _decode_envelope(envelope)
    except msgspec.ValidationError:
        raise UntranslatableError(NOT_OCPP) from None
    except (msgspec.DecodeError, RecursionError):  # too deep a nesting is no JSON to us
        raise UntranslatableError(NOT_JSON) from None
    kind, unique_id, payload = message.MessageTypeId, message.UniqueId, message.Payload
    if unique_id:
        if kind == _CALL_RESULT and payload:
            return Translated(CALL_RESULT, b"[3,%b,%b]" % (unique_id, payload), payload, unique_id, b"")
        if kind == _CALL and message.Action and payload:
            text = b"[2,%b,%b,%b]" % (unique_id, message.Action, payload)
            return Translated(CALL, text, payload, unique_id, message.Action)
        if kind == _CALL_ERROR and message.ErrorCode and message.ErrorDescription:
            text = b"[4,%b,%b,%b,{}]" % (unique_id, message.ErrorCode, message.ErrorDescription)
            return Translated(CALL_ERROR, text, b"", unique_id, b"")
    raise UntranslatableError(NOT_OCPP)


def heartbeat_interval(result: Translated) -> int | None:
    """The heartbeat interval that a downstream CALLRESULT sets, in seconds; None when it sets none.

    Any CALLRESULT with status Accepted and an interval does, whatever it answers. An interval that is negative or no
    integer crashes EMQX's connection; here it sets nothing.
    """
    if b'"interval"' not in result.text:
        return None
    try:
        registration = _decode_registration(result.payload)
    except msgspec.DecodeError:
        return None
    return registration.interval if registration.status == "Accepted" and registration.interval >= 0 else None
