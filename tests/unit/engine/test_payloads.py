"""Payload templates against the official JSON schemas of OCPP 1.6."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_fleet import check_payload

from loadtest.clock import rfc3339, utc_now
from loadtest.engine import payloads
from loadtest.scenario.profile import ChargePointProfile

PROFILE = ChargePointProfile(vendor="vendor of 20 letters")
TIMESTAMP = rfc3339(utc_now()).encode()
TAGS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20).map(str.encode)
METER_VALUE = b'{"timestamp":"%b","sampledValue":[{"value":"12345"}]}' % TIMESTAMP
COUNTS = st.integers(0, 2**31)


def check(action: str, payload: bytes) -> None:
    check_payload(action, msgspec.json.decode(payload))


def test_heartbeat() -> None:
    check("Heartbeat", payloads.HEARTBEAT)


@given(st.integers(1, 100))
def test_boot_notification_takes_ids_of_any_length(length: int) -> None:
    payload = payloads.boot_notification(PROFILE, "c" * length, "1.0.0")
    check("BootNotification", payload)


@pytest.mark.parametrize("status", [b"Available", b"Preparing", b"Charging", b"Finishing"])
def test_status_notification(status: bytes) -> None:
    check("StatusNotification", payloads.status_notification(0, status, TIMESTAMP))


@given(TAGS, COUNTS, st.integers(1, 63), st.integers(-1, 2**31))
def test_transaction_messages(tag: bytes, meter_wh: int, connector: int, transaction: int) -> None:
    check("Authorize", payloads.authorize(tag))
    check("StartTransaction", payloads.start_transaction(connector, tag, meter_wh, TIMESTAMP))
    for reason in (b"Local", b"Remote", b"DeAuthorized"):
        check("StopTransaction", payloads.stop_transaction(transaction, tag, meter_wh, TIMESTAMP, reason))


@given(st.integers(0, 63), st.none() | st.integers(-1, 2**31), st.integers(1, 3))
def test_meter_values_with_and_without_a_transaction(connector: int, transaction: int | None, elements: int) -> None:
    text = payloads.meter_values(connector, transaction, b",".join([METER_VALUE] * elements))
    check("MeterValues", text)
    payload = msgspec.json.decode(text)
    assert payload["connectorId"] == connector
    assert payload.get("transactionId") == transaction
    assert payload["meterValue"] == [msgspec.json.decode(METER_VALUE)] * elements


@pytest.mark.parametrize("tag", [None, b"TAG0000001"])
@pytest.mark.parametrize("elements", [0, 1, 2])
def test_the_end_of_a_transaction_with_what_was_measured_in_it(tag: bytes | None, elements: int) -> None:
    data = b",".join([METER_VALUE] * elements)
    text = payloads.stop_transaction(4711, tag, 7000, TIMESTAMP, b"EVDisconnected", data)
    check("StopTransaction", text)
    payload = msgspec.json.decode(text)
    assert payload.get("idTag") == (tag and tag.decode())
    assert len(payload.get("transactionData", [])) == elements
    assert ("transactionData" in payload) == bool(elements)


def test_the_schemas_would_notice() -> None:
    """A validator that accepts anything proves nothing."""
    with pytest.raises(AssertionError, match=r"StatusNotification: .*status is none of"):
        check("StatusNotification", payloads.status_notification(0, b"Humming", TIMESTAMP))
    with pytest.raises(AssertionError, match=r"Authorize: .*idTag is longer than 20"):
        check("Authorize", payloads.authorize(b"X" * 21))
