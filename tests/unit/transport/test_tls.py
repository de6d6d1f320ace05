"""Contexts as OCPP wants them, faults of files, and faults of handshakes in words."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from loadtest.errors import UsageError
from loadtest.runner.certificates import make_certificates
from loadtest.transport import tls

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "pems"
    make_certificates(folder, charge_points=["CP1"])
    return folder


class Handshake:
    """A client and a server joined by memory; their handshake, until it is over for both."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext, server_name: str = "localhost") -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server, server_hostname=server_name)
        self.server = server.wrap_bio(to_server, to_client, server_side=True)
        self.faults: list[ssl.SSLError] = []

    def run(self) -> Handshake:
        for _ in range(6):
            for side in (self.client, self.server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError as error:
                    self.faults.append(error)
                    return self
        return self


class _Transport:
    def __init__(self, certificate: object) -> None:
        self._certificate = certificate

    def get_extra_info(self, _name: str) -> object:
        return self._certificate


def names(certificate: object) -> frozenset[str]:
    return tls.peer_names(cast("asyncio.BaseTransport", _Transport(certificate)))


def server(pems: Path, client_ca: bool = False, failed: list[str] | None = None) -> ssl.SSLContext:
    return tls.server_context(
        str(pems / "gateway.pem"),
        client_ca=str(pems / "ca.pem") if client_ca else "",
        on_failed=None if failed is None else failed.append,
    )


def test_what_ocpp_asks_of_tls(pems: Path) -> None:
    for context in (server(pems), tls.client_context(str(pems / "ca.pem"))):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
    assert tls.client_context().check_hostname, "the server's name is checked"
    assert server(pems).verify_mode == ssl.CERT_NONE
    assert server(pems, client_ca=True).verify_mode == ssl.CERT_REQUIRED


def test_a_clients_names_are_those_of_its_verified_certificate(pems: Path) -> None:
    client = tls.client_context(str(pems / "ca.pem"), str(pems / "CP1.pem"))
    handshake = Handshake(client, server(pems, client_ca=True)).run()
    assert handshake.faults == []
    assert names(handshake.server.getpeercert()) == frozenset({"CP1"})
    assert names(handshake.client.getpeercert()) == frozenset({"localhost"})
    assert names(None) == frozenset()


def test_a_server_tells_why_a_handshake_failed_and_still_sends_its_alert(pems: Path) -> None:
    failed: list[str] = []
    handshake = Handshake(tls.client_context(str(pems / "ca.pem")), server(pems, client_ca=True, failed=failed)).run()
    assert failed == [tls.NO_CERTIFICATE]
    with pytest.raises(ssl.SSLError, match=r"(?i)alert certificate required"):
        handshake.client.read(1)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", tls.REFUSED_BY_CLIENT),
        ("SSLV3_ALERT_BAD_CERTIFICATE", tls.REFUSED_BY_CLIENT),
        ("HTTP_REQUEST", tls.NOT_TLS),
        ("UNSUPPORTED_PROTOCOL", tls.NOTHING_IN_COMMON),
        ("SOMETHING_NEW", tls.OTHER),
        (None, tls.OTHER),
    ],
)
def test_causes_are_few(reason: str | None, cause: str) -> None:
    assert tls.failure(reason) == cause
    assert cause in tls.FAILURES


def test_an_unknown_authority_and_another_name_are_told_apart(pems: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path / "other")
    (unknown,) = Handshake(tls.client_context(str(tmp_path / "other" / "ca.pem")), server(pems)).run().faults
    assert re.search(r"not trusted: .*; name the authority that signed it with --ca-file$", tls.in_words(unknown))
    assert tls.in_words(unknown, authorities="SSL_CERT_FILE").endswith("with SSL_CERT_FILE")
    trusted = tls.client_context(str(pems / "ca.pem"))
    (other_name,) = Handshake(trusted, server(pems), server_name="elsewhere").run().faults
    assert "connect by a name that is in it" in tls.in_words(other_name)


def test_files_that_cannot_be_used_are_named(pems: Path, tmp_path: Path) -> None:
    absent, nonsense = str(tmp_path / "absent"), str(tmp_path / "nonsense")
    (tmp_path / "nonsense").write_text("nonsense")
    key = ec.generate_private_key(ec.SECP256R1())
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    good = str(pems / "gateway.pem")
    for arguments, said in (
        ((absent,), f"{absent}: No such file"),
        ((good, absent), f"{absent}: No such file"),
        ((nonsense,), f"{nonsense}: "),
        ((good, str(pems / "CP1.pem")), "key values mismatch"),
        ((good, str(locked)), "the private key is encrypted"),
        ((good, "", absent), f"{absent}: No such file"),
        ((good, "", nonsense), "holds no certificate of an authority"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            tls.server_context(*arguments)
