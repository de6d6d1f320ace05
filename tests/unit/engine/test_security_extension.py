"""Certificates on the charge point: the chain signed for it, and the roots installed on it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from certificate_makers import Authority
from commanding import ask, told
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from virtual_fleet import World, check_payload

from loadtest.engine import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

CENTRAL, MANUFACTURER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"
ROOT, OTHER = Authority("Operator"), Authority("Maker")


@pytest.fixture
def world() -> Iterator[World]:
    with World(configuration={"CpoName": "Operator"}) as world:
        world.register()
        yield world
        world.answer_all()
        world.assert_balanced()


def install(world: World, pem: str, use: str = CENTRAL) -> str:
    return str(ask(world, "InstallCertificate", certificateType=use, certificate=pem)["status"])


def installed(world: World, use: str = CENTRAL) -> list[dict[str, str]]:
    answer = ask(world, "GetInstalledCertificateIds", certificateType=use)
    assert (answer["status"] == "Accepted") == ("certificateHashData" in answer)
    found: list[dict[str, str]] = answer.get("certificateHashData", [])
    return found


def delete(world: World, data: dict[str, str]) -> str:
    return str(ask(world, "DeleteCertificate", certificateHashData=data)["status"])


def signed(world: World, chain: str) -> str:
    return str(ask(world, "CertificateSigned", certificateChain=chain)["status"])


def hash_data(certificate: x509.Certificate, algorithm: str = "SHA256") -> dict[str, str]:
    """As the whitepaper has it in section 6.1, worked out another way, for an elliptic curve's root."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    digest = getattr(hashlib, algorithm.lower())
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": digest(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": digest(key).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}".upper(),
    }


def events(world: World) -> list[str]:
    return [payload["type"] for payload in told(world, "SecurityEventNotification")]


# Roots -----------------------------------------------------------------------------------------------------------


def test_installed_roots_are_listed_by_use(world: World) -> None:
    """M03, M05: multiple certificates of a type may be installed; the hashes are those of RFC 6960."""
    assert installed(world) == []
    assert [install(world, ROOT.pem), install(world, OTHER.pem), install(world, OTHER.pem, MANUFACTURER)] == [
        "Accepted"
    ] * 3
    assert installed(world) == [hash_data(ROOT.certificate), hash_data(OTHER.certificate)]
    assert installed(world, MANUFACTURER) == [hash_data(OTHER.certificate)]


def test_same_root_twice_is_installed_once(world: World) -> None:
    assert [install(world, ROOT.pem), install(world, ROOT.pem)] == ["Accepted"] * 2
    assert len(installed(world)) == 1


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_root_is_deleted_by_its_hash_data(world: World, algorithm: str) -> None:
    """M04: the texts are case-insensitive, the algorithm is the central system's choice."""
    install(world, ROOT.pem)
    install(world, OTHER.pem)
    data = {name: value.swapcase() for name, value in hash_data(ROOT.certificate, algorithm).items()}
    data["hashAlgorithm"] = algorithm
    assert delete(world, data) == "Accepted"
    assert installed(world) == [hash_data(OTHER.certificate)]
    assert delete(world, data) == "NotFound"


def test_nothing_is_deleted_where_nothing_is(world: World) -> None:
    assert delete(world, hash_data(ROOT.certificate)) == "NotFound"
    install(world, ROOT.pem)
    for name in ("issuerNameHash", "issuerKeyHash", "serialNumber"):
        assert delete(world, hash_data(ROOT.certificate) | {name: "0"}) == "NotFound"
    assert len(installed(world)) == 1


def root(key: Any, *, valid_until: dt.datetime | None = None) -> str:
    until = valid_until or dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Root")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4095)
        .not_valid_before(until - dt.timedelta(days=30))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_serial_number_is_written_in_hexadecimal(world: World) -> None:
    """Section 6.1: 4095 is FFF."""
    assert install(world, root(rsa.generate_private_key(65537, 2048))) == "Accepted"
    assert installed(world)[0]["serialNumber"] == "FFF"


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "certificate",
        "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----",
        ROOT.pem * 2,
        ROOT.issue("Somebody")[0],
        root(ec.generate_private_key(ec.SECP256R1()), valid_until=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        root(ec.generate_private_key(ec.SECP256R1()), valid_until=dt.datetime(2090, 1, 1, tzinfo=dt.UTC)),
        root(ec.generate_private_key(ec.SECP192R1())),
        root(rsa.generate_private_key(65537, 1024)),
    ],
    ids=["empty", "text", "no DER", "two", "no root", "expired", "not yet valid", "short EC key", "short RSA key"],
)
def test_what_is_no_valid_root_is_rejected(world: World, pem: str) -> None:
    """M05.FR.06, A00.FR.502 and FR.503."""
    assert install(world, pem) == "Rejected"
    assert installed(world) == []


def test_more_roots_than_there_may_be_are_rejected() -> None:
    """M05.FR.03: ``CertificateStoreMaxLength``."""
    with World(configuration={"CertificateStoreMaxLength": "1"}) as world:
        world.register()
        assert [install(world, ROOT.pem), install(world, OTHER.pem, MANUFACTURER)] == ["Accepted", "Rejected"]
        delete(world, hash_data(ROOT.certificate))
        assert install(world, OTHER.pem, MANUFACTURER) == "Accepted"


def test_with_the_additional_check_a_new_root_is_signed_by_the_old_one_and_replaces_it() -> None:
    """M05.FR.08 to FR.11."""
    with World(configuration={"AdditionalRootCertificateCheck": "true"}) as world:
        world.register()
        assert install(world, ROOT.pem) == "Accepted"
        assert install(world, OTHER.pem) == "Rejected"
        assert install(world, OTHER.pem, MANUFACTURER) == "Accepted"
        successor = ROOT.issue("Successor")[0]
        assert install(world, successor) == "Accepted"
        (data,) = installed(world)
        certificate = x509.load_pem_x509_certificate(successor.encode())
        assert data == hash_data(ROOT.certificate) | {"serialNumber": f"{certificate.serial_number:X}"}
        assert len(installed(world, MANUFACTURER)) == 1


def test_charge_points_share_what_was_parsed() -> None:
    """Thousands of them get the same root."""
    with World(2) as world:
        stores = []
        for charge_point in world.charge_points:
            store = certificates.store_of(charge_point)
            certificate = certificates.parse_one(ROOT.pem)
            assert certificate is not None
            assert store.install("CentralSystemRootCertificate", certificate, most=1, replacing=False)
            stores.append(store)
        assert stores[0].roots[0].certificate is stores[1].roots[0].certificate


# The charge point's own certificate ------------------------------------------------------------------------------


def signing_request(world: World) -> x509.CertificateSigningRequest:
    ask(world, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    world.answer({"status": "Accepted"})
    return x509.load_pem_x509_csr(told(world, "SignCertificate")[-1]["csr"].encode())


@pytest.mark.parametrize("root_installed", [True, False])
@pytest.mark.parametrize("root_in_chain", [True, False])
def test_chain_for_its_own_request_is_accepted(world: World, *, root_installed: bool, root_in_chain: bool) -> None:
    """A02, from the trigger to CertificateSigned."""
    if root_installed:
        install(world, ROOT.pem)
    request = signing_request(world)
    chain = ROOT.sign(request.subject, request.public_key())
    assert signed(world, chain + ROOT.pem if root_in_chain else chain) == "Accepted"
    assert events(world) == []


def test_what_is_no_chain_for_it_is_rejected_with_an_event(world: World) -> None:
    """A02.FR.06 and FR.07: InvalidChargePointCertificate."""
    install(world, ROOT.pem)
    request = signing_request(world)
    subject, key = request.subject, request.public_key()
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    chains = {
        "": "it is no certificate in PEM",
        "nonsense": "it is no certificate in PEM",
        ROOT.issue("Somebody else")[0]: "it is not for this charge point's key",
        ROOT.sign(subject, key, past): "certificate 1 of 1: it is not valid now",
        ROOT.sign(subject, key) + OTHER.pem: "the certificates are no chain",
        OTHER.sign(subject, key) + OTHER.pem: "it leads to no installed root",
    }
    for chain, reason in chains.items():
        assert signed(world, chain) == "Rejected"
        world.answer_all()
        event = told(world, "SecurityEventNotification")[-1]
        assert (event["type"], event["techInfo"]) == ("InvalidChargePointCertificate", reason)
    assert len(events(world)) == len(chains)
    assert certificates.store_of(world.one).chain == ()


# Whatever comes --------------------------------------------------------------------------------------------------


@given(
    text=st.one_of(
        st.text(max_size=200),
        st.binary(max_size=200).map(
            lambda data: f"-----BEGIN CERTIFICATE-----\n{data.hex()}\n-----END CERTIFICATE-----\n"
        ),
        st.tuples(st.integers(0, len(ROOT.pem) - 1), st.characters(codec="ascii")).map(
            lambda change: ROOT.pem[: change[0]] + change[1] + ROOT.pem[change[0] + 1 :]
        ),
    )
)
def test_no_text_raises(text: str) -> None:
    """A certificate with one wrong character is refused or, if it does not matter, the same; nothing raises."""
    certificate = certificates.parse_one(text)
    if certificate is not None:
        now = dt.datetime.now(dt.UTC)
        certificates.fault(certificate, now)
        certificates.chain_fault((certificate,), [ROOT.certificate], now)
        if certificates.is_issued_by(certificate, certificate):
            assert certificate == ROOT.certificate


def test_a_certificate_of_a_version_there_is_not_is_no_certificate() -> None:
    version_3 = bytes.fromhex("a003020102")
    der = ROOT.certificate.public_bytes(Encoding.DER)
    assert version_3 in der
    text = base64.b64encode(der.replace(version_3, bytes.fromhex("a003020109"), 1)).decode()
    assert certificates.parse_one(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n") is None


@given(identity=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=25))
def test_every_identity_makes_a_signing_request(identity: str) -> None:
    csr = certificates.signing_request(identity, "Operator")
    check_payload("SignCertificate", {"csr": csr})
    assert x509.load_pem_x509_csr(csr.encode()).is_signature_valid
