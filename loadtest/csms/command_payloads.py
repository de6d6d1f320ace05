"""What commands say: for each action a payload as a backend would write it, valid by the official schemas.

Varied and seeded; where an action refers to something at the charge point, such as a transaction or a reservation,
to one that is known there as long as there is one. Otherwise it names something that does not exist, which a charge
point has to refuse properly.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from loadtest.csms.command_draw import PLACE_OF_FILES, Maker, triggers
from loadtest.csms.security_command_payloads import SECURITY_MAKERS

if TYPE_CHECKING:
    from loadtest.csms.command_draw import Draw, Payload

RESERVED_FOR = dt.timedelta(minutes=5)
UNKNOWN_ID = 999_999_999
"""Stands for something that is not there."""

_CONFIGURATION = {
    "ConnectionTimeOut": ("30", "60", "90"),
    "LocalPreAuthorize": ("true", "false"),
    "MeterValueSampleInterval": ("10", "20", "30"),
    "MinimumStatusDuration": ("0", "1"),
    "TransactionMessageAttempts": ("2", "3", "5"),
    "TransactionMessageRetryInterval": ("10", "30", "60"),
}
_READ = (*_CONFIGURATION, "HeartbeatInterval", "NumberOfConnectors", "SupportedFeatureProfiles", "NoSuchKey")
_TRIGGERED = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
)


def _cancel_reservation(draw: Draw) -> Payload:
    return {"reservationId": UNKNOWN_ID if draw.to.reservation_id is None else draw.to.reservation_id}


def _change_availability(draw: Draw) -> Payload:
    if draw.to.inoperative is not None:
        return {"connectorId": draw.to.inoperative, "type": "Operative"}
    return {"connectorId": draw.connector(), "type": "Inoperative"}


def _change_configuration(draw: Draw) -> Payload:
    key = draw.choice.choice(list(_CONFIGURATION))
    return {"key": key, "value": draw.choice.choice(_CONFIGURATION[key])}


def _clear_charging_profile(draw: Draw) -> Payload:
    if draw.to.profile_id is not None:
        return {"id": draw.to.profile_id}
    return {"connectorId": draw.connector(0), "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}


def _data_transfer(draw: Draw) -> Payload:
    return {"vendorId": "loadtest", "messageId": "note", "data": f"note {draw.number}"}


def _get_composite_schedule(draw: Draw) -> Payload:
    return {
        "connectorId": draw.connector(0),
        "duration": draw.choice.choice((300, 3600, 86_400)),
        "chargingRateUnit": draw.choice.choice("AW"),
    }


def _get_configuration(draw: Draw) -> Payload:
    keys = draw.choice.sample(_READ, draw.choice.randrange(4))
    return {"key": keys} if keys else {}


def _get_diagnostics(draw: Draw) -> Payload:
    return {
        "location": f"{PLACE_OF_FILES}/diagnostics",
        "startTime": draw.time(-dt.timedelta(days=1)),
        "stopTime": draw.time(),
    }


def _remote_start(draw: Draw) -> Payload:
    payload: Payload = {"idTag": draw.id_tag(), "connectorId": draw.connector()}
    if draw.choice.random() < 0.2:
        payload["chargingProfile"] = _profile(draw, "TxProfile")
    return payload


def _remote_stop(draw: Draw) -> Payload:
    return {"transactionId": UNKNOWN_ID if draw.to.transaction_id is None else draw.to.transaction_id}


def _reserve_now(draw: Draw) -> Payload:
    return {
        "connectorId": draw.connector(),
        "expiryDate": draw.time(RESERVED_FOR),
        "idTag": draw.id_tag(),
        "reservationId": draw.number,
    }


def _reset(draw: Draw) -> Payload:
    return {"type": "Hard" if draw.choice.random() < 0.25 else "Soft"}


def _send_local_list(draw: Draw) -> Payload:
    version = draw.to.list_version + 1
    statuses = ("Accepted", "Accepted", "Accepted", "Blocked", "Expired")
    tags = draw.choice.sample(range(10_000), draw.choice.randint(1, 20))
    return {
        "listVersion": version,
        "updateType": "Full" if version == 1 else "Differential",
        "localAuthorizationList": [
            {"idTag": f"TAG{tag:07d}", "idTagInfo": {"status": draw.choice.choice(statuses)}} for tag in tags
        ],
    }


def _set_charging_profile(draw: Draw) -> Payload:
    if draw.to.transaction_id is not None and draw.choice.random() < 0.5:
        profile = _profile(draw, "TxProfile") | {"transactionId": draw.to.transaction_id}
        return {"connectorId": draw.connector(), "csChargingProfiles": profile}
    if draw.choice.random() < 0.5:
        return {"connectorId": 0, "csChargingProfiles": _profile(draw, "ChargePointMaxProfile")}
    return {"connectorId": draw.connector(0), "csChargingProfiles": _profile(draw, "TxDefaultProfile")}


def _profile(draw: Draw, purpose: str) -> Payload:
    """A limit now and another one later; ``Relative`` where it starts with a transaction (OCPP 1.6 section 3.13)."""
    relative = purpose != "ChargePointMaxProfile"
    schedule: Payload = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": float(draw.choice.randint(6, 32)), "numberPhases": 3},
            {"startPeriod": 600, "limit": float(draw.choice.randint(6, 32))},
        ],
    }
    if not relative:
        schedule["startSchedule"] = draw.time()
    return {
        "chargingProfileId": draw.number,
        "stackLevel": draw.choice.randint(0, 2),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative" if relative else "Absolute",
        "chargingSchedule": schedule,
    }


def _update_firmware(draw: Draw) -> Payload:
    return {"location": f"{PLACE_OF_FILES}/firmware-{draw.number}.bin", "retrieveDate": draw.time()}


def _nothing(_draw: Draw) -> Payload:
    return {}


MAKERS: dict[str, Maker] = {
    "CancelReservation": Maker(_cancel_reservation, lambda to: to.reservation_id is not None),
    "ChangeAvailability": Maker(_change_availability, lambda to: to.inoperative is not None),
    "ChangeConfiguration": Maker(_change_configuration),
    "ClearCache": Maker(_nothing),
    "ClearChargingProfile": Maker(_clear_charging_profile, lambda to: to.profile_id is not None),
    "DataTransfer": Maker(_data_transfer),
    "GetCompositeSchedule": Maker(_get_composite_schedule),
    "GetConfiguration": Maker(_get_configuration),
    "GetDiagnostics": Maker(_get_diagnostics),
    "GetLocalListVersion": Maker(_nothing),
    "RemoteStartTransaction": Maker(_remote_start, lambda to: to.transaction_id is None),
    "RemoteStopTransaction": Maker(_remote_stop, lambda to: to.transaction_id is not None),
    "ReserveNow": Maker(_reserve_now, lambda to: to.reservation_id is None and to.transaction_id is None),
    "Reset": Maker(_reset),
    "SendLocalList": Maker(_send_local_list),
    "SetChargingProfile": Maker(_set_charging_profile),
    "TriggerMessage": Maker(triggers(_TRIGGERED)),
    "UnlockConnector": Maker(lambda draw: {"connectorId": draw.connector()}, lambda to: to.transaction_id is None),
    "UpdateFirmware": Maker(_update_firmware, lambda to: to.transaction_id is None),
} | SECURITY_MAKERS
"""By action, everything a central system can ask."""
