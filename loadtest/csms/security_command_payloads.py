"""What commands of the security extensions say (*Improved security for OCPP 1.6-J*)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from loadtest.csms.command_certificates import command_certificates
from loadtest.csms.command_draw import PLACE_OF_FILES, Maker, triggers

if TYPE_CHECKING:
    from loadtest.csms.command_draw import Draw, Payload

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


SECURITY_MAKERS: dict[str, Maker] = {
    "CertificateSigned": Maker(_certificate_signed, lambda to: to.chain is not None),
    "DeleteCertificate": Maker(_delete_certificate, lambda to: to.certificate is not None),
    "ExtendedTriggerMessage": Maker(triggers(_TRIGGERED_EXTENDED)),
    "GetInstalledCertificateIds": Maker(_get_installed_certificate_ids, lambda to: to.certificate is not None),
    "GetLog": Maker(_get_log),
    "InstallCertificate": Maker(_install_certificate),
    "SignedUpdateFirmware": Maker(_signed_update_firmware, lambda to: to.transaction_id is None),
}
"""By action."""
