"""Frames to envelopes and back: the contract's key sets, and what is dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.gateway import translation
from loadtest.gateway.translation import (
    NOT_JSON,
    NOT_OCPP,
    UntranslatableError,
    downstream,
    heartbeat_interval,
    upstream,
)

scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
payloads = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=10), scalars | st.lists(scalars, max_size=3), max_size=4
)
ids = st.text(st.characters(codec="utf-8"), max_size=200) | st.integers()


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@given(ids, st.text(st.characters(codec="utf-8")), payloads)
def test_call_up_has_exactly_the_contract_s_keys_and_any_values(unique_id: Any, action: str, payload: Any) -> None:
    message = upstream(compact([2, unique_id, action, payload]))
    assert message.kind == 2
    assert json.loads(message.text) == {
        "MessageTypeId": 2,
        "UniqueId": unique_id,
        "Action": action,
        "Payload": payload,
    }


@given(ids, payloads)
def test_result_up_has_no_action(unique_id: Any, payload: Any) -> None:
    message = upstream(compact([3, unique_id, payload]))
    assert message.kind == 3
    assert json.loads(message.text) == {"MessageTypeId": 3, "UniqueId": unique_id, "Payload": payload}


@given(ids, st.text(st.characters(codec="utf-8")), payloads)
def test_error_up_loses_its_details(unique_id: Any, description: str, details: Any) -> None:
    message = upstream(compact([4, unique_id, "NotSupported", description, details]))
    assert message.kind == 4
    assert json.loads(message.text) == {
        "MessageTypeId": 4,
        "UniqueId": unique_id,
        "ErrorCode": "NotSupported",
        "ErrorDescription": description,
    }


@given(ids, st.text(st.characters(codec="utf-8")), payloads)
def test_call_down_ignores_further_keys(unique_id: Any, action: str, payload: Any) -> None:
    envelope = {"x": 1, "Payload": payload, "UniqueId": unique_id, "Action": action, "MessageTypeId": 2}
    assert json.loads(downstream(compact(envelope)).text) == [2, unique_id, action, payload]


@given(ids, payloads)
def test_result_down_ignores_an_action(unique_id: Any, payload: Any) -> None:
    envelope = {"MessageTypeId": 3, "UniqueId": unique_id, "Action": "Heartbeat", "Payload": payload}
    assert json.loads(downstream(compact(envelope)).text) == [3, unique_id, payload]


def test_error_down_has_its_details_emptied() -> None:
    envelope = {"MessageTypeId": 4, "UniqueId": "h1", "ErrorCode": "InternalError", "ErrorDescription": "boom"}
    assert downstream(compact(envelope | {"ErrorDetails": {"a": 1}})).text == b'[4,"h1","InternalError","boom",{}]'


def test_numbers_keep_their_spelling() -> None:
    assert b"1.10" in upstream(b'[2,"1","A",{"v":1.10}]').text
    assert b"123456789012345678901234567890" in upstream(b'[2,"1","A",[123456789012345678901234567890]]').text


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"[", NOT_JSON),
        (b"hello", NOT_JSON),
        (b'[2,"1","A",{}] x', NOT_JSON),
        (b'[2,"1","A",{"a":}]', NOT_JSON),
        (b'[2,"1","A",' + b"[" * 10_000 + b"]" * 10_000 + b"]", NOT_JSON),
        (b"{}", NOT_OCPP),
        (b"17", NOT_OCPP),
        (b"null", NOT_OCPP),
        (b"[]", NOT_OCPP),
        (b'[5,"1","A",{}]', NOT_OCPP),
        (b'["2","1","A",{}]', NOT_OCPP),
        (b'[2.0,"1","A",{}]', NOT_OCPP),
        (b'[2,"1","A"]', NOT_OCPP),
        (b'[2,"1","A",{},{}]', NOT_OCPP),
        (b'[3,"1"]', NOT_OCPP),
        (b'[4,"1","Code","text"]', NOT_OCPP),
    ],
)
def test_frames_that_are_dropped(frame: bytes, reason: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        upstream(frame)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        (b"not json", NOT_JSON),
        (b"", NOT_JSON),
        (b'{"MessageTypeId":3,"UniqueId":"1","Payload":' + b"[" * 10_000 + b"]" * 10_000 + b"}", NOT_JSON),
        (b'{"MessageTypeId":3,"UniqueId":"\xff","Payload":{}}', NOT_JSON),
        (b"[]", NOT_OCPP),
        (b"{}", NOT_OCPP),
        (b'{"MessageTypeId":3,"UniqueId":"1"}', NOT_OCPP),
        (b'{"MessageTypeId":3,"Payload":{}}', NOT_OCPP),
        (b'{"MessageTypeId":"3","UniqueId":"1","Payload":{}}', NOT_OCPP),
        (b'{"MessageTypeId":3.0,"UniqueId":"1","Payload":{}}', NOT_OCPP),
        (b'{"MessageTypeId":2,"UniqueId":"1","Payload":{}}', NOT_OCPP),
        (b'{"MessageTypeId":4,"UniqueId":"1","ErrorCode":"x"}', NOT_OCPP),
        (b'{"MessageTypeId":9,"UniqueId":"1","Payload":{}}', NOT_OCPP),
    ],
)
def test_envelopes_that_are_dropped(envelope: bytes, reason: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        downstream(envelope)
    assert caught.value.reason == reason


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[", b"{", b'"']).flatmap(lambda head: st.binary(max_size=20).map(head.__add__))
)
def test_no_bytes_at_all_raise_anything_else(text: bytes) -> None:
    for translate in (upstream, downstream):
        try:
            json.loads(translate(text).text)
        except UntranslatableError as fault:
            assert fault.reason in {NOT_JSON, NOT_OCPP}  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(
    ("payload", "interval_s"),
    [
        ({"status": "Accepted", "interval": 300, "currentTime": "2026-01-31T12:00:00Z"}, 300),
        ({"status": "Accepted", "interval": 0}, 0),
        ({"status": "Pending", "interval": 300}, None),
        ({"status": "Accepted"}, None),
        ({"status": "Accepted", "interval": -1}, None),
        ({"status": "Accepted", "interval": "300"}, None),
        ({"status": "Accepted", "interval": 1.5}, None),
        ({"interval": 5}, None),
        ([1, "interval"], None),
    ],
)
def test_only_accepted_with_a_whole_interval_sets_the_heartbeat(payload: Any, interval_s: int | None) -> None:
    message = downstream(compact({"MessageTypeId": 3, "UniqueId": "b1", "Payload": payload}))
    assert heartbeat_interval(message) == interval_s


def test_reasons_are_the_reported_names() -> None:
    assert (translation.NOT_JSON, translation.NOT_OCPP) == ("not_json", "not_ocpp")
