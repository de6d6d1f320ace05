"""Certificates of a charge point: the roots installed on it, and the chain signed for it.

Source: "Improved security for OCPP 1.6-J", edition 3, sections 2.6, A02, M03 to M05 and 6.1. The connection itself
is not made with these certificates but with those of the run's settings.

Thousands of charge points get the same certificates and share what was parsed. They also share one key pair per
process: the whitepaper wants a new one for every request, which would load the generator and no one else.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import ocsp

if TYPE_CHECKING:
    import datetime as dt

    from loadtest.engine.charge_point import ChargePoint

Use = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
CENTRAL_SYSTEM_ROOT: Use = "CentralSystemRootCertificate"
MANUFACTURER_ROOT: Use = "ManufacturerRootCertificate"

LISTED_ALGORITHM = "SHA256"
_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_SHORTEST_RSA_KEY_BITS = 2048
_SHORTEST_EC_KEY_BITS = 224
_LONGEST_NAME = 64  # of a subject's commonName and organizationName, X.520


class Root(NamedTuple):
    """An installed root. Its issuer is itself, or the root it has replaced."""

    use: Use
    certificate: x509.Certificate
    issuer: x509.Certificate


class CertificateStore:
    """What is installed on one charge point.

    Attributes:
        roots: Roots in the order of their installation.
        chain: The charge point's own certificate and what leads from it to a root; empty before the first.
    """

    __slots__ = ("chain", "roots")

    def __init__(self) -> None:
        self.roots: tuple[Root, ...] = ()
        self.chain: tuple[x509.Certificate, ...] = ()

    def of(self, use: Use) -> list[x509.Certificate]:
        """The roots of one use."""
        return [root.certificate for root in self.roots if root.use == use]

    def install(self, use: Use, certificate: x509.Certificate, *, most: int, replacing: bool) -> bool:
        """Add a root; whether that is allowed (M05).

        Args:
            use: What it is for.
            certificate: A valid certificate.
            most: How many there may be, ``CertificateStoreMaxLength``.
            replacing: ``AdditionalRootCertificateCheck``: the central system's root takes the place of the one it
                is signed by. That one is gone at once, for no connection depends on it.
        """
        if any(root[:2] == (use, certificate) for root in self.roots):
            return True
        replaced = [root for root in self.roots if replacing and root.use == use == CENTRAL_SYSTEM_ROOT]
        issuers = [root.certificate for root in replaced] or [certificate]
        issuer = next((each for each in issuers if is_issued_by(certificate, each)), None)
        kept = tuple(root for root in self.roots if root not in replaced)
        if issuer is None or len(kept) >= most:
            return False
        self.roots = (*kept, Root(use, certificate, issuer))
        return True

    def delete(self, wanted: dict[str, Any]) -> bool:
        """Remove the roots with this hash data, in any case of letters; whether there was one (M04)."""
        kept = tuple(root for root in self.roots if not _matches(root, wanted))
        found = len(kept) < len(self.roots)
        self.roots = kept
        return found

    def hash_data(self, use: Use) -> list[dict[str, str]]:
        """Hash data of the roots of one use (M03)."""
        return [hash_data(root.certificate, root.issuer, LISTED_ALGORITHM) for root in self.roots if root.use == use]


def store_of(charge_point: ChargePoint) -> CertificateStore:
    """A charge point's store, made when first needed."""
    features = charge_point.features
    if features.certificates is None:
        features.certificates = CertificateStore()
    return features.certificates


@functools.lru_cache(maxsize=256)
def parse(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text, parsed once for all charge points that get it.

    Raises:
        ValueError: There is none in it, or one cannot be read.
    """
    try:
        with warnings.catch_warnings():  # what is odd about a certificate is no news for the log of a run
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except x509.InvalidVersion as error:  # the one thing wrong with a certificate that is no ValueError
        raise ValueError(str(error)) from error


def parse_one(pem: str) -> x509.Certificate | None:
    """The certificate of a PEM text that holds exactly one."""
    try:
        certificates = parse(pem)
    except ValueError:
        return None
    return certificates[0] if len(certificates) == 1 else None


def fault(certificate: x509.Certificate, now: dt.datetime) -> str:
    """Why a certificate is not valid by itself (A00.FR.501 to 503, A02.FR.06); empty when it is."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "its public key cannot be read"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return "it is not valid now"
    shortest_bits = _SHORTEST_EC_KEY_BITS if isinstance(key, ec.EllipticCurvePublicKey) else _SHORTEST_RSA_KEY_BITS
    if getattr(key, "key_size", shortest_bits) < shortest_bits:
        return "its key is too short"
    return ""


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and signature are on a certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@functools.lru_cache(maxsize=1024)
def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str) -> dict[str, str]:
    """What names a certificate in messages, hashed as for OCSP (section 6.1, RFC 6960 section 4.1.1)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _ALGORITHMS[algorithm]).build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{certificate.serial_number:X}",
    }


def signing_request(serial_number: str, organization: str) -> str:
    """A certificate signing request in PEM for a charge point (A02.FR.03, A02.FR.13; A00.FR.511)."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, serial_number[-_LONGEST_NAME:]),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization[:_LONGEST_NAME]),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_key(), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def chain_fault(chain: tuple[x509.Certificate, ...], roots: list[x509.Certificate], now: dt.datetime) -> str:
    """Why a chain is not one for this process's key, valid now, up to one of the roots (A02.FR.06); empty if it is.

    Without roots any issuer will do: which one a charge point left the factory with is not ours to know.
    """
    for position, certificate in enumerate(chain):
        if problem := fault(certificate, now):
            return f"certificate {position + 1} of {len(chain)}: {problem}"
    if chain[0].public_key() != _key().public_key():
        return "it is not for this charge point's key"
    if not all(is_issued_by(certificate, issuer) for certificate, issuer in itertools.pairwise(chain)):
        return "the certificates are no chain"
    if roots and chain[-1] not in roots and not any(is_issued_by(chain[-1], root) for root in roots):
        return "it leads to no installed root"
    return ""


def _matches(root: Root, wanted: dict[str, Any]) -> bool:
    known = hash_data(root.certificate, root.issuer, wanted["hashAlgorithm"])
    return all(str(wanted[name]).casefold() == value.casefold() for name, value in known.items())


@functools.cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
