"""What commands say: for each action a payload as a backend would write it, valid by the official schemas.

Varied and seeded; where an action refers to something at the charge point, such as a transaction or a reservation,
to one that is known there as long as there is one. Otherwise it names something that does not exist, which a charge
point has to refuse properly.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.clock import rfc3339
from loadtest.csms.command_certificates import command_certificates

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from loadtest.csms.addressees import Addressee

Payload = dict[str, Any]

RESERVED_FOR = dt.timedelta(minutes=5)
UNKNOWN_ID = 999_999_999
"""Stands for something that is not there."""
PLACE_OF_FILES = "ftp://files.example/loadtest"
"""Nobody goes there: emulated charge points move no files."""

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
_TRIGGERED_EXTENDED = (
    "BootNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
)
_ROOTS = ("CentralSystemRootCertificate", "ManufacturerRootCertificate")


class Draw(NamedTuple):
    """What a payload is made of.

    Attributes:
        to: The charge point it is for.
        choice: Where chance comes from.
        now: Wall time.
        number: A number no command of this subscriber has had before, for request, reservation and profile ids.
    """

    to: Addressee
    choice: random.Random
    now: dt.datetime
    number: int

    def connector(self, lowest: int = 1) -> int:
        """One of the charge point's connectors."""
        return self.choice.randint(lowest, self.to.connectors)

    def id_tag(self) -> str:
        """The tag of one of many drivers."""
        return f"TAG{self.choice.randrange(10_000):07d}"

    def time(self, later: dt.timedelta = dt.timedelta()) -> str:
        """An instant as OCPP writes it."""
        return rfc3339(self.now + later)


class Maker(NamedTuple):
    """How the payload of an action is made, and which charge points it makes sense for, if not for all."""

    make: Callable[[Draw], Payload]
    suits: Callable[[Addressee], bool] | None = None


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


def _trigger(messages: tuple[str, ...]) -> Callable[[Draw], Payload]:
    def make(draw: Draw) -> Payload:
        wanted = draw.choice.choice(messages)
        payload: Payload = {"requestedMessage": wanted}
        if wanted in ("MeterValues", "StatusNotification"):
            payload["connectorId"] = draw.connector()
        return payload

    return make


def _update_firmware(draw: Draw) -> Payload:
    return {"location": f"{PLACE_OF_FILES}/firmware-{draw.number}.bin", "retrieveDate": draw.time()}


def _certificate_signed(draw: Draw) -> Payload:
    return {"certificateChain": draw.to.chain or command_certificates().chain}


def _delete_certificate(draw: Draw) -> Payload:
    return {"certificateHashData": draw.to.certificate or command_certificates().root_hash}


def _get_installed_certificate_ids(draw: Draw) -> Payload:
    return {"certificateType": draw.choice.choice(_ROOTS)}


def _get_log(draw: Draw) -> Payload:
    return {
        "logType": draw.choice.choice(("DiagnosticsLog", "SecurityLog")),
        "requestId": draw.number,
        "log": {"remoteLocation": f"{PLACE_OF_FILES}/logs", "oldestTimestamp": draw.time(-dt.timedelta(days=1))},
    }


def _install_certificate(draw: Draw) -> Payload:
    return {"certificateType": draw.choice.choice(_ROOTS), "certificate": command_certificates().root}


def _signed_update_firmware(draw: Draw) -> Payload:
    certificates = command_certificates()
    return {
        "requestId": draw.number,
        "firmware": {
            "location": f"{PLACE_OF_FILES}/firmware-{draw.number}.bin",
            "retrieveDateTime": draw.time(),
            "signingCertificate": certificates.chain,
            "signature": certificates.signature,
        },
    }


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
    "TriggerMessage": Maker(_trigger(_TRIGGERED)),
    "UnlockConnector": Maker(lambda draw: {"connectorId": draw.connector()}, lambda to: to.transaction_id is None),
    "UpdateFirmware": Maker(_update_firmware, lambda to: to.transaction_id is None),
    "CertificateSigned": Maker(_certificate_signed, lambda to: to.chain is not None),
    "DeleteCertificate": Maker(_delete_certificate, lambda to: to.certificate is not None),
    "ExtendedTriggerMessage": Maker(_trigger(_TRIGGERED_EXTENDED)),
    "GetInstalledCertificateIds": Maker(_get_installed_certificate_ids, lambda to: to.certificate is not None),
    "GetLog": Maker(_get_log),
    "InstallCertificate": Maker(_install_certificate),
    "SignedUpdateFirmware": Maker(_signed_update_firmware, lambda to: to.transaction_id is None),
}
"""By action, everything a central system can ask."""
