"""The payloads a charge point sends, as JSON text rendered from byte templates.

Field names and limits: OCPP 1.6 edition 2, section 6. Tests hold every template against the official schemas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.scenario.profile import ChargePointProfile

HEARTBEAT = b"{}"

_BOOT = '{"chargePointVendor":"%s","chargePointModel":"%s","chargePointSerialNumber":"%s","firmwareVersion":"%s"}'
_STATUS = b'{"connectorId":%d,"errorCode":"NoError","status":"%b","timestamp":"%b"}'
_AUTHORIZE = b'{"idTag":"%b"}'
_START = b'{"connectorId":%d,"idTag":"%b","meterStart":%d,"timestamp":"%b"%b}'
_METER = b'{"connectorId":%d,"transactionId":%d,"meterValue":[%b]}'
_METER_ALONE = b'{"connectorId":%d,"meterValue":[%b]}'
_STOP = b'{"transactionId":%d,%b"meterStop":%d,"timestamp":"%b","reason":"%b"%b}'


def boot_notification(profile: ChargePointProfile, charge_point_id: str, firmware_version: str) -> bytes:
    """BootNotification.req; the serial number is the end of the id, 25 characters at most."""
    return (_BOOT % (profile.vendor, profile.model, charge_point_id[-25:], firmware_version)).encode()


def status_notification(connector: int, status: bytes, timestamp: bytes) -> bytes:
    """StatusNotification.req without error."""
    return _STATUS % (connector, status, timestamp)


def authorize(id_tag: bytes) -> bytes:
    """Authorize.req."""
    return _AUTHORIZE % id_tag


def start_transaction(
    connector: int, id_tag: bytes, meter_wh: int, timestamp: bytes, reservation: int | None = None
) -> bytes:
    """StartTransaction.req, with the reservation it makes use of."""
    reserved = b"" if reservation is None else b',"reservationId":%d' % reservation
    return _START % (connector, id_tag, meter_wh, timestamp, reserved)


def meter_values(connector: int, transaction: int | None, meter_value: bytes) -> bytes:
    """MeterValues.req.

    Args:
        connector: Which connector; 0 is the main meter.
        transaction: The transaction the values belong to, or None when they belong to none.
        meter_value: One element as :mod:`loadtest.engine.meter` renders it, or several joined by commas.
    """
    if transaction is None:
        return _METER_ALONE % (connector, meter_value)
    return _METER % (connector, transaction, meter_value)


def stop_transaction(
    transaction: int,
    id_tag: bytes | None,
    meter_wh: int,
    timestamp: bytes,
    reason: bytes,
    transaction_data: bytes = b"",
) -> bytes:
    """StopTransaction.req.

    Args:
        transaction: Which transaction.
        id_tag: Who stopped it, or None when nobody did by a tag.
        meter_wh: The energy register at its end.
        timestamp: When it ended.
        reason: Why (OCPP 1.6 section 7.36).
        transaction_data: Elements as :mod:`loadtest.engine.meter` renders them, joined by commas; none when empty.
    """
    tag = b"" if id_tag is None else b'"idTag":"%b",' % id_tag
    data = b',"transactionData":[%b]' % transaction_data if transaction_data else b""
    return _STOP % (transaction, tag, meter_wh, timestamp, reason, data)
