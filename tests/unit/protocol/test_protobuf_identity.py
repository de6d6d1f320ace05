"""JSON to Protobuf and back is the identity, for every action, whatever its schema allows."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.protocol import proto_schema, protobuf_meter_values, schemas
from loadtest.protocol.encodings import encoding
from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.protocol.protobuf_types import message_class, shape

protobuf = encoding("protobuf")

OFFSETS = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=2)), dt.timezone(-dt.timedelta(hours=9, minutes=30))])
INSTANTS = st.builds(
    lambda moment, precision, zulu: moment.isoformat(timespec=precision).replace(*zulu),
    st.datetimes(timezones=OFFSETS),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
    st.sampled_from([("+00:00", "Z"), ("", "")]),
)
ODD_INSTANTS = st.sampled_from(
    ["2016-12-31T23:59:60Z", "2026-01-31t12:00:00z", "2026-01-31T12:00:00.1Z", "0001-01-01T00:00:00.000+02:00"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema of OCPP 1.6 allows, as far as Protobuf can tell."""
    match schema:
        case {"enum": allowed}:
            return st.sampled_from(allowed)
        case {"type": "object"}:
            fields = {name: values(content) for name, content in schema.get("properties", {}).items()}
            required = schema.get("required", [])
            return st.fixed_dictionaries(
                {name: fields[name] for name in required},
                optional={name: field for name, field in fields.items() if name not in required},
            )
        case {"type": "array", "items": items}:
            return st.lists(values(items), min_size=schema.get("minItems", 0), max_size=3)
        case {"type": "string", "format": "date-time"}:
            return INSTANTS | ODD_INSTANTS
        case {"type": "string"}:
            return TEXTS
        case {"type": "integer"}:
            return st.integers(-(2**63), 2**63 - 1)
        case {"type": "number"}:
            return st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    assert schema["type"] == "boolean"
    return st.booleans()


@pytest.mark.parametrize("action", sorted(schemas.ACTIONS))
@settings(max_examples=15)
@given(data=st.data(), unique_id=TEXTS)
def test_what_goes_in_comes_out(action: str, data: st.DataObject, unique_id: str) -> None:
    for write, kind, file in (
        (protobuf.call, CALL, action),
        (protobuf.call_result, CALL_RESULT, f"{action}Response"),
    ):
        payload = data.draw(values(proto_schema.official(file)))
        found = protobuf.decode(write(unique_id, action, json.dumps(payload).encode()))
        assert (found.message_type, found.unique_id, found.action) == (kind, unique_id, action)
        assert json.loads(bytes(found.payload)) == payload


@given(TEXTS, TEXTS, st.none() | st.dictionaries(TEXTS, st.integers(), max_size=2))
def test_refusals_keep_code_description_and_details(unique_id: str, description: str, details: object) -> None:
    written = json.dumps(details or {}).encode()
    found = protobuf.decode(protobuf.call_error(unique_id, "Reset", "InternalError", description, written))
    assert (found.unique_id, found.error_code, found.error_description) == (unique_id, "InternalError", description)
    assert json.loads(bytes(found.error_details)) == (details or {})


MESSAGE = message_class("MeterValuesRequest")
SHAPE = shape("MeterValuesRequest")


def serialised(payload: dict[str, Any]) -> bytes:
    return MESSAGE(**SHAPE.fields(payload)).SerializeToString()


@settings(max_examples=200)
@given(
    values(proto_schema.official("MeterValues")).map(serialised),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("=+-"), st.integers(0, 255)), max_size=3),
)
def test_bytes_that_are_read_the_short_way_say_the_same_the_long_way(
    content: bytes, changes: list[tuple[float, str, int]]
) -> None:
    """Whatever becomes of them on the way; what the library refuses is not read the short way."""
    changed = bytearray(content)
    for where, how, byte in changes:
        position = int(where * len(changed))
        changed[position : position + (how != "+")] = b"" if how == "-" else bytes([byte])
    found = protobuf_meter_values.text(bytes(changed))
    if found is not None:
        assert json.loads(found) == SHAPE.payload(MESSAGE.FromString(bytes(changed)))


def test_the_usual_meter_values_are_read_the_short_way() -> None:
    sampled = [{"value": "1.5", "unit": "W", "phase": "L1"}, {"value": 'é"\\'}, {"value": ""}]
    for numbers in ({"connectorId": 0}, {"connectorId": 2**40, "transactionId": -1}):
        payload = numbers | {"meterValue": [{"timestamp": "2026-01-31T12:00:00Z", "sampledValue": sampled}] * 2}
        found = protobuf_meter_values.text(serialised(json.loads(json.dumps(payload))))
        assert found is not None
        assert json.loads(found) == payload


@given(
    st.lists(
        st.tuples(
            TEXTS | st.from_regex(r"[0-9]{1,4}\.[0-9]", fullmatch=True) | st.text("x", min_size=50, max_size=150),
            st.dictionaries(st.sampled_from(["phase", "unit"]), st.sampled_from(["L1", "W", "N"]), max_size=2),
            st.booleans(),
        ),
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
)
def test_meter_values_are_the_same_the_short_way_and_the_long_way(
    samples: list[tuple[str, dict[str, str], bool]], compact: bool, in_transaction: bool
) -> None:
    """With values first or last, spaces or none, quotes within, and what OCPP does not know."""
    sampled = [more | {"value": value} if last else {"value": value} | more for value, more, last in samples]
    payload: dict[str, Any] = {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-01-31T12:00:00Z", "sampledValue": sampled}],
    }
    if in_transaction:
        payload["transactionId"] = -1
    text = json.dumps(payload, separators=(",", ":") if compact else None).encode()
    known = all(each.get("phase", "L1") != "W" and each.get("unit", "W") == "W" for each in sampled)
    if known:
        assert json.loads(bytes(protobuf.decode(protobuf.call("i", "MeterValues", text)).payload)) == payload
    else:
        with pytest.raises(Exception, match=r"sampledValue: (unit|phase): has a value OCPP does not know"):
            protobuf.call("i", "MeterValues", text)
