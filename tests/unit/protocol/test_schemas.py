"""Payloads held against the official schemas: what is a fault, which code fits it, and how it is told."""

from __future__ import annotations

import importlib.resources
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol import call_errors, schemas
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]},
}
ACTIONS = sorted({*FROM_CHARGE_POINT, *FROM_CENTRAL_SYSTEM})


def fault(action: str, payload: object) -> schemas.Fault | None:
    validator = schemas.request(action)
    assert validator is not None
    return validator.check(json.dumps(payload))


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_a_request_and_a_response(action: str) -> None:
    """An array is neither, whatever the action."""
    for validator in (schemas.request(action), schemas.response(action)):
        assert validator is not None
        assert validator.check(b"[]") == (call_errors.FORMATION_VIOLATION, "payload is not an object")


def test_no_schema_of_the_package_is_left_out() -> None:
    files = importlib.resources.files("ocpp").joinpath("v16", "schemas").iterdir()
    assert sorted(f.name for f in files) == sorted(f"{a}{end}.json" for a in ACTIONS for end in ("", "Response"))


@pytest.mark.parametrize("action", ["", "heartbeat", "Heartbeat.json", "HeartbeatResponse", "../schemas/Heartbeat"])
def test_what_is_not_an_action_has_no_schema(action: str) -> None:
    assert schemas.request(action) is None
    assert schemas.response(action) is None


def test_a_schema_is_compiled_once() -> None:
    assert schemas.request("Reset") is schemas.request("Reset")
    assert schemas.request("Reset") is not schemas.response("Reset")


@pytest.mark.parametrize(
    ("action", "payload", "code", "text"),
    [
        ("Authorize", {}, "OccurenceConstraintViolation", "payload lacks the field idTag"),
        ("Authorize", {"idTag": 7}, "TypeConstraintViolation", "idTag is not of type string"),
        ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation", "idTag is longer than 20 characters"),
        (
            "Authorize",
            {"idTag": "x", "pin\n": 1},
            "FormationViolation",
            "payload has a field 'pin\\n' that is not in the schema",
        ),
        ("Reset", {"type": "Now"}, "PropertyConstraintViolation", "type is none of Hard, Soft"),
        (
            "RemoteStartTransaction",
            {"idTag": "x", "chargingProfile": PROFILE | {"recurrencyKind": "Never", "chargingProfilePurpose": "None"}},
            "PropertyConstraintViolation",
            "chargingProfile.chargingProfilePurpose is none of ChargePointMaxProfile, TxDefaultProfile, TxProfile",
        ),
        (
            "StopTransaction",
            {"transactionId": 1, "meterStop": 0, "timestamp": "2026-02-01T00:00:00Z", "reason": "Bored"},
            "PropertyConstraintViolation",
            "reason is none of EmergencyStop, EVDisconnected, HardReset or 8 others",
        ),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": []},
            "OccurenceConstraintViolation",
            "meterValue has fewer items than 1",
        ),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"timestamp": "2026-02-01T00:00:00Z", "sampledValue": [{"value": 1}]}]},
            "TypeConstraintViolation",
            "meterValue[0].sampledValue[0].value is not of type string",
        ),
        (
            "GetLog",
            {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "x" * 513}},
            "PropertyConstraintViolation",
            "log.remoteLocation is longer than 512 characters",
        ),
    ],
)
def test_faults_are_told_with_their_path_and_the_code_that_fits(
    action: str, payload: object, code: str, text: str
) -> None:
    assert fault(action, payload) == (code, text)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"nothing", b'{"idTag":"\xff"}', b'{"idTag":"\\ud800"}', b"[" * 100_000, "{", "\ud800"]
)
def test_what_is_not_json_is_a_formation_violation(payload: bytes | str) -> None:
    validator = schemas.request("Authorize")
    assert validator is not None
    assert validator.check(payload) == (call_errors.FORMATION_VIOLATION, "payload is not JSON")


def test_json_as_deep_as_the_decoder_follows_is_told_too() -> None:
    validator = schemas.request("DataTransfer")
    assert validator is not None
    found = validator.check(b'{"vendorId":"x","data":' + b"[" * 700 + b"]" * 700 + b"}")
    assert found is not None
    assert found.code in {call_errors.FORMATION_VIOLATION, call_errors.TYPE_CONSTRAINT_VIOLATION}


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2026-02-01T00:00:00Z", True),
        ("2026-02-01T00:00:00.123+02:00", True),
        ("2026-02-01T00:00:00", False),
        ("2026-02-30T00:00:00Z", False),
        ("yesterday", False),
    ],
)
def test_times_are_rfc_3339_with_an_offset(text: str, *, valid: bool) -> None:
    assert (fault("StatusNotification", status(timestamp=text)) is None) is valid


@pytest.mark.parametrize(("limit", "valid"), [(16, True), (21.4, True), (0.3, True), (4.11, False), (21.45, False)])
def test_currents_are_in_decimal_tenths(limit: float, *, valid: bool) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    payload = {"connectorId": 1, "csChargingProfiles": PROFILE | {"chargingSchedule": schedule}}
    assert (fault("SetChargingProfile", payload) is None) is valid


def status(**more: object) -> dict[str, object]:
    return {"connectorId": 1, "errorCode": "NoError", "status": "Available", **more}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(ACTIONS), JSON | st.dictionaries(st.sampled_from(["idTag", "status", "data"]), JSON))
def test_any_payload_is_valid_or_has_one_short_fault_with_an_official_code(action: str, payload: object) -> None:
    for validator in (schemas.request(action), schemas.response(action)):
        assert validator is not None
        found = validator.check(json.dumps(payload))
        assert found == validator.check_value(payload)
        if found is not None:
            assert found.code in call_errors.CODES
            assert 0 < len(found.text) <= schemas.MAX_TEXT
            assert found.text.isprintable()


@given(st.text("abcdefghij", min_size=21, max_size=600))
def test_values_are_never_told(secret: str) -> None:
    for payload in ({"idTag": secret}, {"idTag": [secret]}, {"idTag": {secret: secret}}):
        found = fault("Authorize", payload)
        assert found is not None
        assert secret not in found.text
