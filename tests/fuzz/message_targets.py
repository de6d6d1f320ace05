"""OCPP messages: OCPP-J frames, the gateway's translation both ways, envelopes, and the official schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from loadtest.errors import RemoteProtocolError
from loadtest.gateway import translation
from loadtest.protocol import (
    call_errors,
    envelope_array,
    envelope_emqx,
    envelope_maeve,
    frames,
    protobuf_encoding,
    schemas,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODINGS = (envelope_emqx, envelope_array, envelope_maeve, protobuf_encoding)
_ACTIONS = sorted(schemas.ACTIONS)


def ocpp_frames(data: bytes) -> None:
    """Messages or the other side's fault; what is read can be written and read again."""
    try:
        found = list(frames.decode_all(data))
    except RemoteProtocolError:
        return
    assert found
    for message in found:
        again = frames.decode(_frame(message))
        assert type(again) is type(message)
        assert again.message_id == message.message_id


def _frame(message: frames.Message) -> bytes:
    match message:
        case frames.Call(unique_id, action, payload):
            return frames.encode(frames.CALL, unique_id, action, payload)
        case frames.CallResult(unique_id, payload):
            return frames.encode(frames.CALL_RESULT, unique_id, payload)
        case frames.CallError(unique_id, code, description, details):
            return frames.encode(frames.CALL_ERROR, unique_id, code, description, details)


def translate_up(data: bytes) -> None:
    """A frame that is taken becomes an envelope with exactly its values; the text of a frame is valid UTF-8."""
    if not _is_utf8(data):
        return
    message = _translated(translation.upstream, data)
    if message is None:
        return
    envelope, frame = _read(message.text), _read(data)
    assert list(envelope.values())[: len(frame)] == frame[: len(envelope)]
    assert frame[0] == message.kind


def translate_down(data: bytes) -> None:
    """An envelope that is taken becomes a text frame with exactly its values."""
    message = _translated(translation.downstream, data)
    if message is None:
        return
    frame, envelope = _read(message.text), _read(data)
    assert frame[0] == envelope["MessageTypeId"] == message.kind
    assert frame[1] == envelope["UniqueId"]
    interval_s = translation.heartbeat_interval(message)
    assert interval_s is None or interval_s >= 0


def csms_envelopes(data: bytes) -> None:
    """An envelope, or the charge point's fault, in every encoding; an answer to it can be read whatever its id."""
    for encoding in ENCODINGS:
        try:
            envelope = encoding.decode(data)
        except RemoteProtocolError:
            continue
        assert envelope.message_type in {frames.CALL, frames.CALL_RESULT, frames.CALL_ERROR}
        for answer in (
            encoding.call_result(envelope.unique_id, "Heartbeat", b'{"currentTime":"2026-01-31T12:00:00Z"}'),
            encoding.call_error(envelope.unique_id, "Heartbeat", "InternalError", "x"),
        ):
            assert encoding.decode(answer).unique_id == envelope.unique_id


def schema_check(data: bytes) -> None:
    """One short fault with an official code, or none; the first byte chooses the action."""
    action = _ACTIONS[data[0] % len(_ACTIONS)] if data else "Heartbeat"
    for validator in (schemas.request(action), schemas.response(action)):
        assert validator is not None
        fault = validator.check(data[1:])
        if fault is not None:
            assert fault.code in call_errors.CODES
            assert len(fault.text) <= schemas.MAX_TEXT


def _translated(translate: Callable[[bytes], translation.Translated], data: bytes) -> translation.Translated | None:
    try:
        return translate(data)
    except translation.UntranslatableError as fault:
        reason = fault.reason
    assert reason in {translation.NOT_JSON, translation.NOT_OCPP}
    return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(text: bytes) -> Any:
    """As Python's own decoder reads it, which is none of ours; numbers as written, for floats would round them."""

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text.decode(), parse_float=str, parse_int=_number, parse_constant=no_constant)


def _number(text: str) -> int | str:
    return int(text) if len(text) < 20 else text
