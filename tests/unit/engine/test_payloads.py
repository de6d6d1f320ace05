"""Payload templates against the official JSON schemas of OCPP 1.6."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_fleet import check_payload

from loadtest.clock import rfc3339, utc_now
from loadtest.engine import payloads

TIMESTAMP = rfc3339(utc_now()).encode()
TAGS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20).map(str.encode)
COUNTS = st.integers(0, 2**31)


def check(action: str, payload: bytes) -> None:
    check_payload(action, msgspec.json.decode(payload))


def test_heartbeat() -> None:
    check("Heartbeat", payloads.HEARTBEAT)


@given(st.integers(1, 100))
def test_boot_notification_takes_ids_of_any_length(length: int) -> None:
    payload = payloads.boot_notification("vendor of 20 letters", "model", "c" * length)
    check("BootNotification", payload)


@pytest.mark.parametrize("status", [b"Available", b"Preparing", b"Charging", b"Finishing"])
def test_status_notification(status: bytes) -> None:
    check("StatusNotification", payloads.status_notification(0, status, TIMESTAMP))


@given(TAGS, COUNTS, st.integers(1, 63), st.integers(-1, 2**31))
def test_transaction_messages(tag: bytes, meter_wh: int, connector: int, transaction: int) -> None:
    check("Authorize", payloads.authorize(tag))
    check("StartTransaction", payloads.start_transaction(connector, tag, meter_wh, TIMESTAMP))
    check("MeterValues", payloads.meter_values(connector, transaction, meter_wh, 11_000, TIMESTAMP))
    for reason in (b"Local", b"Remote", b"DeAuthorized"):
        check("StopTransaction", payloads.stop_transaction(transaction, tag, meter_wh, TIMESTAMP, reason))


def test_the_schemas_would_notice() -> None:
    """A validator that accepts anything proves nothing."""
    from jsonschema_rs import ValidationError

    with pytest.raises(ValidationError):
        check("StatusNotification", payloads.status_notification(0, b"Humming", TIMESTAMP))
    with pytest.raises(ValidationError):
        check("Authorize", payloads.authorize(b"X" * 21))
