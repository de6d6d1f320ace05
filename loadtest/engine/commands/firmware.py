"""UpdateFirmware and SignedUpdateFirmware (OCPP 1.6 section 5.19; security whitepaper, L01).

A new request takes the place of an update that has not begun to install. Then a signed one is *Rejected* and an
unsigned one, whose answer has no status, is ignored. Other than L01.FR.20 wants it, UpdateFirmware is obeyed:
a fleet is meant to look like old stations and like new ones.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from loadtest.clock import utc_now
from loadtest.engine import certificates, security_events
from loadtest.engine.commands.answer import Answer, CallRefusedError, Handler, status
from loadtest.engine.firmware_update import FirmwareUpdate
from loadtest.engine.maintenance import maintenance_of
from loadtest.protocol import call_errors

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


def update_firmware(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """UpdateFirmware."""
    retrieve_ns = _instant_ns(charge_point, request, "retrieveDate")
    running = maintenance_of(charge_point).update
    if running is not None and running.installing and not running.over:
        return {}, None
    update = FirmwareUpdate(charge_point, request["location"], request)
    return {}, functools.partial(_begin, update, now_ns, retrieve_ns)


def signed_update_firmware(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """SignedUpdateFirmware: the signer's certificate comes first (L01.FR.23), the signature after the download."""
    firmware = request["firmware"]
    retrieve_ns = _instant_ns(charge_point, firmware, "retrieveDateTime")
    install_ns = _instant_ns(charge_point, firmware, "installDateTime") if "installDateTime" in firmware else 0
    problem = _signer_fault(charge_point, firmware["signingCertificate"])
    if problem:
        event = "InvalidFirmwareSigningCertificate"
        return status(
            "InvalidCertificate",
            functools.partial(security_events.report, charge_point, event, now_ns, problem),
        )
    running = maintenance_of(charge_point).update
    under_way = running is not None and not running.over
    if running is not None and under_way and running.installing:
        return status("Rejected")
    update = FirmwareUpdate(
        charge_point,
        firmware["location"],
        request,
        request_id=int(request["requestId"]),
        signature=firmware["signature"],
        install_ns=install_ns,
    )
    return status(
        "AcceptedCanceled" if under_way else "Accepted",
        functools.partial(_begin, update, now_ns, retrieve_ns),
    )


HANDLERS: dict[str, Handler] = {
    "SignedUpdateFirmware": signed_update_firmware,
    "UpdateFirmware": update_firmware,
}


def _begin(update: FirmwareUpdate, now_ns: int, retrieve_ns: int) -> None:
    maintenance = maintenance_of(update.charge_point)
    if maintenance.update is not None:
        maintenance.update.cancel(now_ns)
    maintenance.update = update
    update.begin(now_ns, retrieve_ns)


def _instant_ns(charge_point: ChargePoint, request: dict[str, Any], name: str) -> int:
    try:
        return charge_point.fleet.instant_ns(request[name])
    except ValueError as error:
        raise CallRefusedError(call_errors.PROPERTY_CONSTRAINT_VIOLATION, f"{name}: no such instant") from error


def _signer_fault(charge_point: ChargePoint, pem: str) -> str:
    """Why firmware signed by this certificate is refused; empty if it is not.

    The signer is issued by the manufacturer's root without anything between. A charge point on which no
    manufacturer's root was installed trusts every signer.
    """
    certificate = certificates.parse_one(pem)
    if certificate is None:
        return "it is no certificate in PEM"
    features = charge_point.features_or_none
    store = features.certificates if features is not None else None
    roots = store.of(certificates.MANUFACTURER_ROOT) if store is not None else []
    if roots and not any(certificates.is_issued_by(certificate, root) for root in roots):
        return "it is not issued by an installed manufacturer's root"
    return certificates.fault(certificate, utc_now())
