"""Which malformed frames can be answered, and how."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.gateway.refusals import call_error, id_of_malformed_call


@pytest.mark.parametrize(
    ("frame", "message_id"),
    [
        (b'[2,"1"', b'"1"'),
        (b' [ 2 , "a\\"b" , "Heartbeat"]', b'"a\\"b"'),
        (b"[2,17,", b'"-1"'),
        (b"[2", b'"-1"'),
        (b"[2]", b'"-1"'),
        (b'[2,"\x01"', b'"-1"'),
        (b'[2,"' + b"x" * 300 + b'"', b'"-1"'),
        (b'[25,"1","A",{}]', None),
        (b'[3,"1"]', None),
        (b'[4,"1","Code"]', None),
        (b'{"a":1}', None),
        (b"", None),
    ],
)
def test_only_what_begins_as_a_call_is_answered(frame: bytes, message_id: bytes | None) -> None:
    assert id_of_malformed_call(frame) == message_id


@given(st.text(max_size=80), st.text(max_size=200))
def test_a_call_error_is_always_json(message_id: str, description: str) -> None:
    encoded = json.dumps(message_id).encode()
    assert json.loads(call_error(encoded, "FormationViolation", description)) == [
        4,
        message_id,
        "FormationViolation",
        description,
        {},
    ]


@given(st.binary(max_size=60).map(lambda tail: b"[2," + tail))
def test_any_bytes_give_an_answer_that_can_be_read(frame: bytes) -> None:
    message_id = id_of_malformed_call(frame)
    if message_id is not None:
        assert json.loads(call_error(message_id, "FormationViolation", "no"))[0] == 4
