"""Certificates for tests, made by another library than the one under test reads them with, where that is possible."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


class Authority:
    """A root, or one below another, that issues certificates."""

    def __init__(self, name: str) -> None:
        self._ca = trustme.CA(organization_name=name)
        self.pem = self._ca.cert_pem.bytes().decode()
        self.certificate = x509.load_pem_x509_certificate(self.pem.encode())
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key

    def issue(self, name: str, *, valid_until: dt.datetime | None = None) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """A certificate for a key made now."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self.sign(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key(), valid_until
        ), key

    def sign(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        valid_until: dt.datetime | None = None,
    ) -> str:
        """A certificate in PEM for a subject and its key."""
        until = valid_until or dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - dt.timedelta(days=60))
            .not_valid_after(until)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()
