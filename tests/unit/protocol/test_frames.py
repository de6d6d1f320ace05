"""OCPP-J messages: written and read back, several in one text, and whatever a broken peer sends."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.errors import RemoteProtocolError
from loadtest.protocol import frames
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT, Call, CallError, CallResult

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
PAYLOADS = st.dictionaries(st.text(max_size=8) | st.sampled_from(["][", '"', "\\", "}"]), VALUES, max_size=4)
IDS = st.text(max_size=36)
MESSAGES = (
    st.tuples(st.just(CALL), IDS, st.text(max_size=50), PAYLOADS)
    | st.tuples(st.just(CALL_RESULT), IDS, PAYLOADS)
    | st.tuples(st.just(CALL_ERROR), IDS, st.text(max_size=30), st.text(max_size=30), PAYLOADS)
)


def fields_of(message: frames.Message) -> tuple[object, ...]:
    """What was read, in the form it was written from."""
    match message:
        case Call(message_id, action, payload):
            return CALL, message_id, action, msgspec.json.decode(payload)
        case CallResult(message_id, payload):
            return CALL_RESULT, message_id, msgspec.json.decode(payload)
        case CallError(message_id, code, description, details):
            return CALL_ERROR, message_id, code, description, msgspec.json.decode(details)


@given(MESSAGES)
def test_a_message_written_is_read_back_and_is_plain_json(message: tuple[object, ...]) -> None:
    text = frames.encode(*message)  # type: ignore[arg-type]  # kind, id and the rest, as generated
    assert json.loads(text) == list(message)
    assert fields_of(frames.decode(text)) == message
    assert [fields_of(each) for each in frames.decode_all(text)] == [message]


@given(st.lists(MESSAGES, min_size=1, max_size=5))
def test_messages_without_separator_are_read_one_by_one(messages: list[tuple[object, ...]]) -> None:
    texts = [frames.encode(*message) for message in messages]  # type: ignore[arg-type]
    assert frames.split_documents(b"".join(texts)) == texts
    assert [fields_of(each) for each in frames.decode_all(b"".join(texts))] == messages


@given(st.lists(MESSAGES, min_size=1, max_size=4), st.sampled_from([b"\n", b" ", b"\r\n\t"]))
def test_white_space_between_messages_is_no_harm(messages: list[tuple[object, ...]], blank: bytes) -> None:
    texts = [frames.encode(*message) for message in messages]  # type: ignore[arg-type]
    assert [fields_of(each) for each in frames.decode_all(blank.join(texts) + blank)] == messages


def test_messages_before_the_damage_are_still_read() -> None:
    reader = frames.decode_all(b'[3,"a",{}][3,"b"')
    assert next(reader) == CallResult("a", msgspec.Raw(b"{}"))
    with pytest.raises(RemoteProtocolError):
        next(reader)


def test_a_call_error_may_lack_its_details() -> None:
    """Some central systems leave them out; section 4.2.3 has them."""
    assert fields_of(frames.decode(b'[4,"a","InternalError",""]')) == (CALL_ERROR, "a", "InternalError", "", {})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"[2]",
        b'[2,"id","Heartbeat"]',
        b'[2,"id","Heartbeat",{},{}]',
        b'[2,7,"Heartbeat",{}]',
        b"[3,null,{}]",
        b'[3,"id"]',
        b'["3","id",{}]',
        b'[3.0,"id",{}]',
        b'[5,"id",{}]',
        b'[9,"?",{}]',
        b'[4,"id",1,"",{}]',
        b'[3,"\\ud800",{}]',
        b'[3,"\xff",{}]',
        b'[2,"id","\xc3",{}]',
        b"[" * 100_000,
        b'[3,"id",' + b"[" * 100_000 + b"]" * 100_000 + b"]",
        b"]]][",
    ],
)
def test_anything_else_is_the_other_sides_fault(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        frames.decode(text)
    with pytest.raises(RemoteProtocolError):
        list(frames.decode_all(text))


@given(st.binary(max_size=60) | st.text('[]{}",\\23"4ab \n', max_size=60).map(str.encode))
@example(b'[3,"a",{"b":"\\"][\\\\"}][')
def test_no_input_brings_any_other_error(text: bytes) -> None:
    try:
        messages = list(frames.decode_all(text))
    except RemoteProtocolError:
        return
    assert messages
    for message in messages:
        assert isinstance(message, frames.Message)


@given(st.binary(max_size=80))
def test_splitting_loses_no_byte(text: bytes) -> None:
    documents = frames.split_documents(text)
    assert documents
    assert b"".join(documents).rstrip() == text.rstrip()
