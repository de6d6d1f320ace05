"""Envelopes of the gateway contract: read in any key order, written as valid JSON whatever the id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.csms import envelopes
from loadtest.errors import RemoteProtocolError

if TYPE_CHECKING:
    from random import Random

values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
unique_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=36)


@given(unique_ids, st.text("abc", min_size=1), values, st.randoms(), values)
def test_calls_are_read_in_any_key_order_with_further_keys(
    unique_id: str, action: str, payload: object, random: Random, further: object
) -> None:
    items = list(
        {"MessageTypeId": 2, "UniqueId": unique_id, "Action": action, "Payload": payload, "Further": further}.items()
    )
    random.shuffle(items)
    found = envelopes.decode(json.dumps(dict(items)).encode())
    assert (found.message_type, found.unique_id, found.action) == (2, unique_id, action)
    assert json.loads(bytes(found.payload)) == payload


def test_as_seen_on_a_real_gateway() -> None:
    result = envelopes.decode(b'{"UniqueId":"d1","Payload":{"status":"Accepted"},"MessageTypeId":3}')
    assert (result.message_type, result.unique_id, result.action) == (3, "d1", "")
    error = envelopes.decode(b'{"UniqueId":"d2","MessageTypeId":4,"ErrorDescription":"x","ErrorCode":"NotSupported"}')
    assert (error.message_type, error.unique_id) == (4, "d2")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b'{"MessageTypeId":2,"UniqueId":"a","Action":"A","Payload":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'[2,"a","Heartbeat",{}]',
        b'{"MessageTypeId":2,"UniqueId":"a","Action":"Heartbeat"}',
        b'{"MessageTypeId":2,"UniqueId":"a","Payload":{}}',
        b'{"MessageTypeId":2,"Action":"Heartbeat","Payload":{}}',
        b'{"MessageTypeId":"2","UniqueId":"a","Action":"Heartbeat","Payload":{}}',
        b'{"MessageTypeId":2,"UniqueId":1,"Action":"Heartbeat","Payload":{}}',
        b'{"MessageTypeId":5,"UniqueId":"a"}',
        b'{"MessageTypeId":3,"UniqueId":"\xff"}',
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        envelopes.decode(text)


@given(unique_ids, st.text(max_size=30))
def test_answers_are_valid_json_with_the_contract_s_keys(unique_id: str, description: str) -> None:
    assert json.loads(envelopes.call_result(unique_id, b'{"a":1}')) == {
        "MessageTypeId": 3,
        "UniqueId": unique_id,
        "Payload": {"a": 1},
    }
    assert json.loads(envelopes.call_error(unique_id, "InternalError", description)) == {
        "MessageTypeId": 4,
        "UniqueId": unique_id,
        "ErrorCode": "InternalError",
        "ErrorDescription": description,
        "ErrorDetails": {},
    }
