"""The JSON envelopes: read in any key order, written as valid JSON whatever the id, and by each other's rules never."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import RemoteProtocolError
from loadtest.protocol.encodings import encoding
from loadtest.protocol.frames import CALL, CALL_ERROR, CALL_RESULT

if TYPE_CHECKING:
    from random import Random

    from loadtest.protocol.envelope import Encoding

emqx, array, maeve = (encoding(envelope=name) for name in ("emqx", "array", "maeve"))
ALL = pytest.mark.parametrize("each", [emqx, array, maeve], ids=["emqx", "array", "maeve"])

values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
unique_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=36)
actions = st.text("abc", min_size=1)

NAMES: list[tuple[Encoding, dict[str, str]]] = [
    (emqx, {"type": "MessageTypeId", "id": "UniqueId", "action": "Action", "payload": "Payload"}),
    (maeve, {"type": "type", "id": "id", "action": "action", "payload": "request"}),
]


@pytest.mark.parametrize(("each", "names"), NAMES, ids=["emqx", "maeve"])
@given(unique_ids, actions, values, st.randoms(), values)
def test_calls_are_read_in_any_key_order_with_further_keys(
    each: Encoding,
    names: dict[str, str],
    unique_id: str,
    action: str,
    payload: object,
    random: Random,
    further: object,
) -> None:
    content = {"type": 2, "id": unique_id, "action": action, "payload": payload}
    items: list[tuple[str, object]] = [(names[key], value) for key, value in content.items()]
    items.append(("Further", further))
    random.shuffle(items)
    found = each.decode(json.dumps(dict(items)).encode())
    assert (found.message_type, found.unique_id, found.action) == (2, unique_id, action)
    assert json.loads(bytes(found.payload)) == payload


@ALL
@given(unique_ids, actions, values, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_what_is_written_is_read(each: Encoding, unique_id: str, action: str, payload: object, text: str) -> None:
    content = json.dumps(payload).encode()
    call = each.decode(each.call(unique_id, action, content))
    assert (call.message_type, call.unique_id, call.action, bytes(call.payload)) == (CALL, unique_id, action, content)
    result = each.decode(each.call_result(unique_id, action, content))
    assert (result.message_type, result.unique_id, bytes(result.payload)) == (CALL_RESULT, unique_id, content)
    error = each.decode(each.call_error(unique_id, action, "InternalError", text))
    assert (error.message_type, error.unique_id, error.error_code) == (CALL_ERROR, unique_id, "InternalError")
    assert error.error_description == text


def test_each_is_written_with_its_own_keys() -> None:
    assert json.loads(emqx.call("i", "A", b"{}")) == {
        "MessageTypeId": 2,
        "UniqueId": "i",
        "Action": "A",
        "Payload": {},
    }
    assert json.loads(emqx.call_result("i", "A", b"{}")) == {"MessageTypeId": 3, "UniqueId": "i", "Payload": {}}
    assert json.loads(emqx.call_error("i", "A", "InternalError", "x", b'{"y":1}')) == {
        "MessageTypeId": 4,
        "UniqueId": "i",
        "ErrorCode": "InternalError",
        "ErrorDescription": "x",
        "ErrorDetails": {"y": 1},
    }
    assert json.loads(array.call("i", "A", b"{}")) == [2, "i", "A", {}]
    assert json.loads(array.call_result("i", "A", b"{}")) == [3, "i", {}]
    assert json.loads(array.call_error("i", "A", "InternalError", "x")) == [4, "i", "InternalError", "x", {}]
    assert json.loads(maeve.call("i", "A", b"{}")) == {"type": 2, "id": "i", "action": "A", "request": {}}
    assert json.loads(maeve.call_result("i", "A", b"{}")) == {"type": 3, "id": "i", "action": "A", "response": {}}
    assert json.loads(maeve.call_error("i", "A", "InternalError", "x")) == {
        "type": 4,
        "id": "i",
        "action": "A",
        "error_code": "InternalError",
        "error_description": "x",
    }


def test_as_seen_on_a_real_gateway() -> None:
    result = emqx.decode(b'{"UniqueId":"d1","Payload":{"status":"Accepted"},"MessageTypeId":3}')
    assert (result.message_type, result.unique_id, result.action) == (3, "d1", "")
    error = emqx.decode(b'{"UniqueId":"d2","MessageTypeId":4,"ErrorDescription":"x","ErrorCode":"NotSupported"}')
    assert (error.message_type, error.unique_id) == (4, "d2")


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("each", "text"),
    [
        *((each, text) for each in (emqx, array, maeve) for text in (b"", b"nonsense", b"{}", b"[]", b"\xff", b"7")),
        (emqx, b'{"MessageTypeId":2,"UniqueId":"a","Action":"A","Payload":' + DEEP + b"}"),
        (emqx, b'[2,"a","Heartbeat",{}]'),
        (emqx, b'{"MessageTypeId":2,"UniqueId":"a","Action":"Heartbeat"}'),
        (emqx, b'{"MessageTypeId":2,"UniqueId":"a","Payload":{}}'),
        (emqx, b'{"MessageTypeId":2,"Action":"Heartbeat","Payload":{}}'),
        (emqx, b'{"MessageTypeId":"2","UniqueId":"a","Action":"Heartbeat","Payload":{}}'),
        (emqx, b'{"MessageTypeId":2,"UniqueId":1,"Action":"Heartbeat","Payload":{}}'),
        (emqx, b'{"MessageTypeId":5,"UniqueId":"a"}'),
        (emqx, b'{"MessageTypeId":3,"UniqueId":"a"}'),
        (emqx, b'{"MessageTypeId":3,"UniqueId":"\xff"}'),
        (array, b'[2,"a","A",' + DEEP + b"]"),
        (array, b'[2,"a","A"]'),
        (array, b'[2,1,"A",{}]'),
        (array, b'[3,"a",{}][3,"b",{}]'),
        (array, b'{"MessageTypeId":3,"UniqueId":"a","Payload":{}}'),
        (maeve, b'{"type":2,"id":"a","action":"A","request":' + DEEP + b"}"),
        (maeve, b'{"type":2,"id":"a","request":{}}'),
        (maeve, b'{"type":2,"id":"a","action":"A"}'),
        (maeve, b'{"type":3,"id":"a","action":"A","request":{}}'),
        (maeve, b'{"type":"call","id":"a","action":"A","request":{}}'),
        (maeve, b'{"type":6,"id":"a"}'),
    ],
)
def test_anything_else_is_refused(each: Encoding, text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        each.decode(text)
