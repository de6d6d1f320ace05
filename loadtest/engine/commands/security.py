"""CertificateSigned, InstallCertificate, DeleteCertificate, GetInstalledCertificateIds.

Source: "Improved security for OCPP 1.6-J", edition 3, A02 and M03 to M05. Installing and deleting never end in
*Failed*: nothing fails here that is allowed.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import utc_now
from loadtest.engine import certificates, security_events
from loadtest.engine.commands.answer import Answer, Handler, status

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_LONGEST_SERIAL_NUMBER = 25  # of the BootNotification, which the certificate's name repeats


def certificate_signed(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """CertificateSigned: *Accepted* when the chain is for this charge point's key, valid, and leads to a root."""
    try:
        chain = certificates.parse(request["certificateChain"])
    except ValueError:
        problem = "it is no certificate in PEM"
    else:
        store = certificates.store_of(charge_point)
        problem = certificates.chain_fault(chain, store.of(certificates.CENTRAL_SYSTEM_ROOT), utc_now())
        if not problem:
            store.chain = chain
            return status("Accepted")
    event = "InvalidChargePointCertificate"
    return status("Rejected", functools.partial(security_events.report, charge_point, event, now_ns, problem))


def install_certificate(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """InstallCertificate: *Rejected* for what is no valid root, and when there are as many as there may be."""
    certificate = certificates.parse_one(request["certificate"])
    if certificate is None or certificates.fault(certificate, utc_now()):
        return status("Rejected")
    configuration = charge_point.configuration
    installed = certificates.store_of(charge_point).install(
        request["certificateType"],
        certificate,
        most=configuration.integer("CertificateStoreMaxLength"),
        replacing=configuration.boolean("AdditionalRootCertificateCheck"),
    )
    return status("Accepted" if installed else "Rejected")


def delete_certificate(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """DeleteCertificate."""
    store = _store_or_none(charge_point)
    deleted = store is not None and store.delete(request["certificateHashData"])
    return status("Accepted" if deleted else "NotFound")


def get_installed_certificate_ids(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """GetInstalledCertificateIds."""
    store = _store_or_none(charge_point)
    found = store.hash_data(request["certificateType"]) if store is not None else []
    return ({"status": "Accepted", "certificateHashData": found}, None) if found else status("NotFound")


HANDLERS: dict[str, Handler] = {
    "CertificateSigned": certificate_signed,
    "DeleteCertificate": delete_certificate,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "InstallCertificate": install_certificate,
}


def signing_request(charge_point: ChargePoint) -> bytes:
    """The payload of SignCertificate; the organization is ``CpoName`` (A02.FR.13)."""
    serial_number = charge_point.identity[-_LONGEST_SERIAL_NUMBER:]
    organization = charge_point.configuration.text("CpoName")
    return msgspec.json.encode({"csr": certificates.signing_request(serial_number, organization)})


def _store_or_none(charge_point: ChargePoint) -> certificates.CertificateStore | None:
    features = charge_point.features_or_none
    return features.certificates if features is not None else None
