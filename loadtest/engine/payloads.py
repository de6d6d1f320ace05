"""The payloads a charge point sends, as JSON text rendered from byte templates.

Field names and limits: OCPP 1.6 edition 2, section 6. Tests hold every template against the official schemas.
"""

from __future__ import annotations

HEARTBEAT = b"{}"

_STATUS = b'{"connectorId":%d,"errorCode":"NoError","status":"%b","timestamp":"%b"}'
_AUTHORIZE = b'{"idTag":"%b"}'
_START = b'{"connectorId":%d,"idTag":"%b","meterStart":%d,"timestamp":"%b"}'
_METER = (
    b'{"connectorId":%d,"transactionId":%d,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"}]}]}'
)
_STOP = b'{"transactionId":%d,"idTag":"%b","meterStop":%d,"timestamp":"%b","reason":"%b"}'


def boot_notification(vendor: str, model: str, charge_point_id: str) -> bytes:
    """BootNotification.req; the serial number is the end of the id, 25 characters at most."""
    return b'{"chargePointVendor":"%b","chargePointModel":"%b","chargePointSerialNumber":"%b"}' % (
        vendor.encode(),
        model.encode(),
        charge_point_id[-25:].encode(),
    )


def status_notification(connector: int, status: bytes, timestamp: bytes) -> bytes:
    """StatusNotification.req without error."""
    return _STATUS % (connector, status, timestamp)


def authorize(id_tag: bytes) -> bytes:
    """Authorize.req."""
    return _AUTHORIZE % id_tag


def start_transaction(connector: int, id_tag: bytes, meter_wh: int, timestamp: bytes) -> bytes:
    """StartTransaction.req."""
    return _START % (connector, id_tag, meter_wh, timestamp)


def meter_values(connector: int, transaction: int, meter_wh: int, power_w: int, timestamp: bytes) -> bytes:
    """MeterValues.req with energy register and power."""
    return _METER % (connector, transaction, timestamp, meter_wh, power_w)


def stop_transaction(transaction: int, id_tag: bytes, meter_wh: int, timestamp: bytes, reason: bytes) -> bytes:
    """StopTransaction.req."""
    return _STOP % (transaction, id_tag, meter_wh, timestamp, reason)
