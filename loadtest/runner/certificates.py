"""A certificate authority for tests, with certificates for a gateway and for charge points. The only door to trustme.

Everything is a PEM file with its private key behind it, readable by its owner alone; ``ca.pem`` has none. Elliptic
curves (P-256): an RSA key of 2,048 bits costs the gateway about 0.3 ms more CPU for each handshake.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING

import trustme

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CA_FILE = "ca.pem"
SERVER_FILE = "gateway.pem"
SHARED_CLIENT_FILE = "charge-point.pem"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")

_LONGEST_COMMON_NAME = 64
# A certificate needs an alternative name, but an id need not be one for the DNS: it stands in the common name.
_CLIENT_ADDRESS = "charge-point@loadtest.invalid"


def make_certificates(folder: Path, hosts: Sequence[str] = LOOPBACK_HOSTS, charge_points: Sequence[str] = ()) -> None:
    """Write ``ca.pem``, ``gateway.pem``, a ``charge-point.pem`` to share, and ``<id>.pem`` for each charge point.

    Args:
        folder: Where; made when it is missing.
        hosts: Names and addresses by which the gateway will be reached.
        charge_points: Ids that get a certificate of their own, with the id as common name.

    Raises:
        UsageError: The folder holds certificates already or cannot be written, or a host or an id cannot be certified.
    """
    faults = [f"{identity!r} cannot be certified: {why}" for identity in charge_points if (why := _unfit(identity))]
    faults += [f"{host!r} is no host name or address" for host in hosts if not _is_host(host)]
    if faults:
        raise UsageError(faults)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / CA_FILE).exists():
            raise UsageError(f"there is a {CA_FILE} in {folder} already", hint="choose another folder")
        authority = trustme.CA(organization_name="loadtest", key_type=trustme.KeyType.ECDSA)
        _write(folder / CA_FILE, authority.cert_pem.bytes())
        _write(folder / SERVER_FILE, _with_key(authority.issue_cert(*hosts, common_name=hosts[0])))
        _write(folder / SHARED_CLIENT_FILE, _client(authority, "charge-point"))
        for identity in charge_points:
            _write(folder / f"{identity}.pem", _client(authority, identity))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error


def _client(authority: trustme.CA, name: str) -> bytes:
    return _with_key(authority.issue_cert(_CLIENT_ADDRESS, common_name=name))


def _with_key(certificate: trustme.LeafCert) -> bytes:
    return certificate.private_key_and_cert_chain_pem.bytes()


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)


def _unfit(identity: str) -> str:
    """Why an id can be no common name and no file name; empty when it can."""
    if "/" in identity or not identity.isprintable() or identity in ("", ".", "..", "ca", "gateway", "charge-point"):
        return "it is no name for a file of its own"
    if len(identity) > _LONGEST_COMMON_NAME:
        return f"a common name has at most {_LONGEST_COMMON_NAME} characters"
    return ""


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and all(part and part.replace("-", "").isalnum() for part in host.split("."))
    return True
