"""Payloads of commands: valid by the official schemas whatever is known of the charge point, varied, repeatable."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from loadtest.csms.addressees import Addressee
from loadtest.csms.command_certificates import command_certificates
from loadtest.csms.command_draw import Draw
from loadtest.csms.command_payloads import MAKERS, UNKNOWN_ID
from loadtest.protocol import schemas
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


def known(**facts: Any) -> Addressee:
    addressee = Addressee(5, b"ocpp/cs/cp-000005")
    for name, value in facts.items():
        setattr(addressee, name, value)
    return addressee


def payload(action: str, to: Addressee, seed: int = 1) -> dict[str, Any]:
    return MAKERS[action].make(Draw(to, random.Random(seed), NOW, 77))


addressees = st.builds(
    known,
    connectors=st.integers(1, 4),
    list_version=st.integers(0, 9),
    transaction_id=st.none() | st.integers(1, 10**6),
    reservation_id=st.none() | st.integers(1, 10**6),
    profile_id=st.none() | st.integers(1, 10**6),
    inoperative=st.none() | st.integers(1, 4),
)


def test_there_is_a_payload_for_every_action() -> None:
    assert set(MAKERS) == set(FROM_CENTRAL_SYSTEM)


@pytest.mark.parametrize("action", FROM_CENTRAL_SYSTEM)
@given(to=addressees, seed=st.integers(0, 1000))
def test_payloads_fit_the_official_schemas(action: str, to: Addressee, seed: int) -> None:
    validator = schemas.request(action)
    assert validator is not None
    made = payload(action, to, seed)
    assert validator.check(msgspec.json.encode(made)) is None
    assert payload(action, to, seed) == made


def test_what_is_known_of_a_charge_point_is_referred_to() -> None:
    to = known(transaction_id=12, reservation_id=34, profile_id=56, inoperative=2, list_version=3)
    assert payload("RemoteStopTransaction", to) == {"transactionId": 12}
    assert payload("CancelReservation", to) == {"reservationId": 34}
    assert payload("ClearChargingProfile", to) == {"id": 56}
    assert payload("ChangeAvailability", to) == {"connectorId": 2, "type": "Operative"}
    update = payload("SendLocalList", to)
    assert (update["listVersion"], update["updateType"]) == (4, "Differential")
    assert MAKERS["RemoteStopTransaction"].suits is not None
    assert MAKERS["RemoteStopTransaction"].suits(to)


def test_what_is_not_known_is_named_wrongly_on_purpose() -> None:
    assert payload("RemoteStopTransaction", known()) == {"transactionId": UNKNOWN_ID}
    assert payload("SendLocalList", known())["updateType"] == "Full"
    assert MAKERS["RemoteStopTransaction"].suits is not None
    assert not MAKERS["RemoteStopTransaction"].suits(known())


def test_certificates_are_real_and_named_as_ocsp_does() -> None:
    made = command_certificates()
    root = x509.load_pem_x509_certificate(made.root.encode())
    x509.load_pem_x509_certificate(made.chain.encode()).verify_directly_issued_by(root)
    point = root.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert made.root_hash == {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(root.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(point).hexdigest(),
        "serialNumber": f"{root.serial_number:x}",
    }
    assert command_certificates() is made


def test_a_signing_request_is_signed_by_the_root() -> None:
    made = command_certificates()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cp-000005")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = made.authority.sign(request.public_bytes(Encoding.PEM).decode())
    assert pem is not None
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made.root.encode()))
    assert (certificate.subject, certificate.public_key()) == (name, key.public_key())
    assert payload("CertificateSigned", known(chain=pem)) == {"certificateChain": pem}
    assert made.authority.sign("no request") is None
