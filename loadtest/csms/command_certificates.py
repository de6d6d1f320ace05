"""The certificates that security commands carry: real ones, made once for a process. The one door to keys here."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from loadtest.clock import utc_now

_VALID = dt.timedelta(days=365)


@dataclasses.dataclass(frozen=True, slots=True)
class CommandCertificates:
    """What goes into payloads; PEM text unless said otherwise.

    Attributes:
        root: A root certificate, for InstallCertificate.
        root_hash: How DeleteCertificate names it: ``CertificateHashDataType`` of the security white paper.
        chain: A certificate signed with the root's key, for CertificateSigned and as firmware signing certificate.
        signature: A signature made with that certificate's key, base64.
        authority: What the root's key can do for others.
    """

    root: str
    root_hash: dict[str, str]
    chain: str
    signature: str
    authority: CertificateAuthority


class CertificateAuthority:
    """Signs what charge points ask for with SignCertificate.

    Args:
        issuer: Its name.
        key: Its key.
    """

    def __init__(self, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> None:
        self._issuer = issuer
        self._key = key

    def sign(self, request: str) -> str | None:
        """A certificate in PEM for a certificate signing request in PEM; ``None`` when it is not one."""
        try:
            wanted = x509.load_pem_x509_csr(request.encode())
            valid, key = wanted.is_signature_valid, wanted.public_key()
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            return None
        if not valid or not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
            return None
        return _pem(_certificate(wanted.subject, self._issuer, key, self._key, authority=False))


@functools.cache
def command_certificates() -> CommandCertificates:
    """Make them; takes a few milliseconds, once."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("loadtest root")
    root = _certificate(issuer, issuer, root_key.public_key(), root_key, authority=True)
    certificate = _certificate(_name("loadtest charge point"), issuer, key.public_key(), root_key, authority=False)
    point = root_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return CommandCertificates(
        root=_pem(root),
        root_hash={
            "hashAlgorithm": "SHA256",
            "issuerNameHash": hashlib.sha256(issuer.public_bytes()).hexdigest(),
            "issuerKeyHash": hashlib.sha256(point).hexdigest(),
            "serialNumber": f"{root.serial_number:x}",
        },
        chain=_pem(certificate),
        signature=base64.b64encode(key.sign(b"firmware", ec.ECDSA(hashes.SHA256()))).decode(),
        authority=CertificateAuthority(issuer, root_key),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    signing_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signing_key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
