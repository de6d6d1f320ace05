"""What Protobuf cannot hold fails clearly, what is no message is the sender's fault, the bytes are the library's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import protobuf_encoding as protobuf
from loadtest.protocol.protobuf_types import message_class
from loadtest.protocol.protobuf_wire import delimited, key, varint

NOW = "2026-01-31T12:00:00.000Z"
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": NOW}
METER_VALUE = {"timestamp": NOW, "sampledValue": [{"value": "1"}]}
Message = message_class("Message")


def written(action: str, payload: object) -> bytes:
    return protobuf.call("id", action, json.dumps(payload, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("action", "payload", "told"),
    [
        ("Fly", {}, "'Fly' is no action of OCPP 1.6"),
        ("StatusNotification", STATUS | {"status": "Secret"}, "status: has a value OCPP does not know"),
        ("StatusNotification", STATUS | {"status": ["Secret"]}, "status: has a value OCPP does not know"),
        ("StatusNotification", STATUS | {"status": "STATUS_AVAILABLE"}, "status: has a value OCPP does not know"),
        ("StatusNotification", STATUS | {"status": 2}, "status: has a value OCPP does not know"),
        ("StatusNotification", STATUS | {"connectorId": True}, "connectorId: is not an integer"),
        ("StatusNotification", STATUS | {"connectorId": "Secret"}, "connectorId: is not an integer"),
        ("StatusNotification", STATUS | {"connectorId": 2**63}, "connectorId: is not an integer of 64 bits"),
        ("StatusNotification", STATUS | {"timestamp": 7}, "timestamp: is not a text"),
        ("StatusNotification", STATUS | {"vendorId": None}, "vendorId is null"),
        ("StatusNotification", STATUS | {"colour": "red"}, "colour"),
        ("StatusNotification", [], "is not an object"),
        ("Authorize", {"idTag": 7}, "idTag: is not a text"),
        ("GetConfiguration", {"key": "Secret"}, "key: is not a list"),
        ("GetConfiguration", {"key": [7]}, "key: is not a text"),
        ("GetConfiguration", {"keyIsEmpty": True}, "keyIsEmpty: is no field of OCPP's"),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [{"value": "1", "unit": "Secret"}]}]},
            "meterValue: sampledValue: unit: has a value OCPP does not know",
        ),
        ("MeterValues", {"connectorId": 2**63, "meterValue": [METER_VALUE]}, "out of range"),
        (
            "RemoteStartTransaction",
            {"idTag": "a", "chargingProfile": {"chargingSchedule": {"minChargingRate": 2**53 + 1}}},
            "minChargingRate: is not a number that a double holds",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_never_shown(action: str, payload: object, told: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        written(action, payload)
    assert told in caught.value.message
    assert "Secret" not in caught.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"nothing", b'{"idTag":"\xff"}'])
def test_what_is_no_json_does_not_fit(text: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        protobuf.call("id", "Authorize", text)


def test_answers_have_messages_of_their_own() -> None:
    payload = b'{"status":"Accepted"}'
    assert bytes(protobuf.decode(protobuf.call_result("id", "Reset", payload)).payload) == payload
    with pytest.raises(LocalProtocolError, match="no action"):
        protobuf.call_result("id", "Fly", payload)


def body(**fields: Any) -> bytes:
    return Message(version=1, uniqueId="id", **fields).SerializeToString()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "schema version 0"),
        (b"\xff\xff\xff", "not an OCPP message"),
        (b'[2,"id","Heartbeat",{}]', "not an OCPP message"),
        (b'{"MessageTypeId":2,"UniqueId":"a","Action":"Heartbeat","Payload":{}}', "not an OCPP message"),
        (Message(version=2, uniqueId="id", heartbeatRequest={}).SerializeToString(), "schema version 2, not 1"),
        (body(), "without a body"),
        (body() + delimited(key(4000), b""), "without a body"),  # an action of a schema to come
        (body() + delimited(key(14), delimited(key(1), b"\xff")), "not an OCPP message"),  # an id tag that is no text
        (body(callError={"code": "InternalError", "details": "{"}), "not an OCPP message"),
        (body(callError={"code": "InternalError", "details": "[" * 9999 + "]" * 9999}), "not an OCPP message"),
        (body(resetRequest={"type": 0}), "type has no value 0"),
        (body(resetRequest={"type": 99}), "type has no value 99"),
        (body(statusNotificationRequest={"timestamp": {}}), "an instant is empty"),
        (body(statusNotificationRequest={"timestamp": {"seconds": 2**60}}), "an instant is out of range"),
        (body(statusNotificationRequest={"timestamp": {"milliseconds": -(2**62)}}), "an instant is out of range"),
        (
            body(remoteStartTransactionRequest={"chargingProfile": {"chargingSchedule": {"minChargingRate": 1e999}}}),
            "a number is not finite",
        ),
    ],
)
def test_what_is_no_message_is_the_sender_s_fault(data: bytes, told: str) -> None:
    with pytest.raises(RemoteProtocolError, match=told):
        protobuf.decode(data)


def test_further_fields_are_ignored_as_further_keys_are() -> None:
    data = body(heartbeatRequest={}) + delimited(key(4000), b"of a later schema")
    assert protobuf.decode(data).action == "Heartbeat"


def test_the_bytes_are_those_the_library_makes() -> None:
    instant = {"milliseconds": 1_769_860_800_000}
    request = {"connectorId": 1, "errorCode": 7, "status": 1, "timestamp": instant}
    assert written("StatusNotification", STATUS) == body(statusNotificationRequest=request)
    sampled = {"value": "12", "unit": "W", "phase": "L1-N"}
    values = {"timestamp": NOW, "sampledValue": [sampled, {"value": "x" * 200}]}
    for element in (values, values | {"sampledValue": [sampled]}, values | {"sampledValue": [sampled] * 40}):
        fields = [each | ({"unit": 5, "phase": 5} if "unit" in each else {}) for each in element["sampledValue"]]  # type: ignore[operator]
        expected = body(
            meterValuesRequest={"connectorId": 1, "meterValue": [{"timestamp": instant, "sampledValue": fields}]}
        )
        text = json.dumps({"connectorId": 1, "meterValue": [element]}, separators=(",", ":")).encode()
        assert protobuf.call("id", "MeterValues", text) == expected


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_152])
def test_lengths_are_the_library_s(length: int) -> None:
    text = b"x" * length
    assert delimited(key(2), text) == (Message(uniqueId=text.decode()).SerializeToString() or b"\x12\x00")
    assert varint(length) == Message(version=length).SerializeToString()[1:] or length == 0


@pytest.mark.parametrize("length", [0, 35, 36, 37, 200])
def test_meter_values_are_read_whatever_the_length_of_the_id(length: int) -> None:
    text = json.dumps({"connectorId": 1, "meterValue": [METER_VALUE]}, separators=(",", ":")).encode()
    data = protobuf.call("B" * length, "MeterValues", text)
    found = protobuf.decode(data)
    assert (found.unique_id, found.action, bytes(found.payload)) == ("B" * length, "MeterValues", text)
    with pytest.raises(RemoteProtocolError):
        protobuf.decode(data[:-1])


def test_a_transaction_id_of_minus_one_is_kept() -> None:
    """OCPP-J 1.6 errata 3.18: that of a transaction whose start was never answered."""
    payload = b'{"transactionId":-1,"meterStop":0,"timestamp":"%b"}' % NOW.encode()
    assert json.loads(bytes(protobuf.decode(protobuf.call("id", "StopTransaction", payload)).payload)) == json.loads(
        payload
    )
