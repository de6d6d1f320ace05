"""TLS of both sides of a WebSocket (OCPP security profiles 2 and 3): contexts, names in certificates, faults in words.

At least TLS 1.2, no compression, no renegotiation (OCPP 1.6 security whitepaper, A00.FR.306 and following).
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.errors import Faults, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

SHUTDOWN_TIMEOUT_S = 2.0
"""How long a peer may take to say goodbye in TLS before TCP is ended; uvloop's own choice is 30 s."""

NO_CERTIFICATE = "no_certificate"
"""The client showed none, and one is required."""
UNTRUSTED = "untrusted_certificate"
"""The client's certificate is not signed by the right authority, or not valid now."""
REFUSED_BY_CLIENT = "refused_by_client"
"""The client sent an alert: mostly that it does not trust our certificate."""
NOTHING_IN_COMMON = "nothing_in_common"
"""No TLS version or cipher suite both sides have."""
NOT_TLS = "not_tls"
"""What came was no TLS, such as plain HTTP."""
UNFINISHED = "unfinished"
"""The client left, or took too long."""
OTHER = "other"

FAILURES = (NO_CERTIFICATE, UNTRUSTED, REFUSED_BY_CLIENT, NOTHING_IN_COMMON, NOT_TLS, UNFINISHED, OTHER)
"""Why a handshake failed, as a server sees it."""

_BY_REASON = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": NO_CERTIFICATE,
    "CERTIFICATE_VERIFY_FAILED": UNTRUSTED,
    "HTTP_REQUEST": NOT_TLS,
    "HTTPS_PROXY_REQUEST": NOT_TLS,
    "WRONG_VERSION_NUMBER": NOT_TLS,
    "UNSUPPORTED_PROTOCOL": NOTHING_IN_COMMON,
    "NO_PROTOCOLS_AVAILABLE": NOTHING_IN_COMMON,
    "VERSION_TOO_LOW": NOTHING_IN_COMMON,
    "NO_SHARED_CIPHER": NOTHING_IN_COMMON,
}


_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's verify codes: authorities unknown in several ways; names and addresses that do not match."""


class Names(NamedTuple):
    """What the user calls the three files, for messages."""

    certificate: str
    key: str
    authorities: str


OPTIONS = Names("--client-certificate", "--client-key", "--ca-file")
"""Of a client."""
SWITCHES = Names("tls_certificate", "tls_key", "tls_client_ca")
"""Of a gateway."""


def failure(reason: str | None) -> str:
    """Which of :data:`FAILURES` OpenSSL's name of a handshake's error is."""
    if reason is None:
        return OTHER
    return _BY_REASON.get(reason, REFUSED_BY_CLIENT if "_ALERT_" in reason else OTHER)


def server_context(
    certificate: str,
    key: str = "",
    client_ca: str = "",
    *,
    on_failed: Callable[[str], None] | None = None,
    names: Names = SWITCHES,
) -> ssl.SSLContext:
    """What a server shows and asks for.

    Args:
        certificate: PEM file of its certificate, intermediate ones behind it.
        key: PEM file of its private key; empty: it is in ``certificate``.
        client_ca: PEM file of the authorities of client certificates; given, every client must show one.
        on_failed: Called with one of :data:`FAILURES` but the unfinished for each handshake that fails.
        names: What the files are called in messages.

    Raises:
        UsageError: With a sentence for each file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    found = Faults()
    with found.gathered():
        _load_chain(context, certificate, key, names)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        with found.gathered():
            _load_authorities(context, client_ca, names)
    found.refuse()
    if on_failed is not None:
        context.sslobject_class = _told_of_failures(on_failed)
    return context


def client_context(
    ca_file: str = "", certificate: str = "", key: str = "", *, names: Names = OPTIONS
) -> ssl.SSLContext:
    """What a client trusts and shows; the server's name is checked against its certificate.

    Args:
        ca_file: PEM file of the authorities trusted; empty: those of the system.
        certificate: PEM file of the client's certificate; empty: none is shown.
        key: PEM file of its private key; empty: it is in ``certificate``.
        names: What the files are called in messages.

    Raises:
        UsageError: With a sentence for each file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    found = Faults()
    if ca_file:
        with found.gathered():
            _load_authorities(context, ca_file, names)
    else:
        context.load_default_certs()
    if certificate:
        with found.gathered():
            _load_chain(context, certificate, key, names)
    found.refuse()
    return context


def peer_names(transport: asyncio.BaseTransport | None) -> frozenset[str]:
    """Common name and DNS names of the verified certificate the peer has shown; none when it has shown none."""
    certificate: dict[str, Any] | None = transport.get_extra_info("peercert") if transport is not None else None
    if not certificate:
        return frozenset()
    common = {value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"}
    return frozenset(common | {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"})


def in_words(error: ssl.SSLError, authorities: str = "--ca-file") -> str:
    """What was wrong with a client's handshake and what can be done about it, in one line.

    Args:
        error: As OpenSSL gave it.
        authorities: Where the user names whom to trust.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"the server's certificate is not trusted: {error.verify_message.rstrip('.')}"
        remedy = ""
        if error.verify_code in _UNKNOWN_AUTHORITY:
            remedy = f"; name the authority that signed it with {authorities}"
        elif error.verify_code in _OTHER_NAME:
            remedy = "; connect by a name that is in it"
        return f"TLS: {what}{remedy}"
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if failure(error.reason) == NOT_TLS:
        return f"TLS: {reason}; does the server speak wss:// on this port?"
    if "ALERT" in (error.reason or ""):
        return f"TLS: the server refused: {reason}; does it want another --client-certificate?"
    return f"TLS: {reason}"


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load_chain(context: ssl.SSLContext, certificate: str, key: str, names: Names) -> None:
    given = [(names.certificate, certificate), *([(names.key, key)] if key else [])]
    _readable(given)
    called = " and ".join(f"{name} {file}" for name, file in given)

    def no_password() -> str:
        name, file = given[-1]
        raise UsageError(f"{name} {file}: the private key is encrypted", hint="give one without a passphrase")

    try:
        context.load_cert_chain(certificate, key or None, password=no_password)
    except ssl.SSLError as error:
        reason = (error.reason or "no certificate with its private key").lower().replace("_", " ")
        raise UsageError(
            f"{called}: {reason}",
            hint="certificate and private key are PEM, and the key is that of the first certificate",
        ) from None
    except OSError as error:
        raise UsageError(f"{called}: {error.strerror}") from None


def _load_authorities(context: ssl.SSLContext, file: str, names: Names) -> None:
    _readable([(names.authorities, file)])
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise UsageError(
            f"{names.authorities} {file}: holds no certificate of an authority", hint="a PEM file is wanted"
        ) from None
    except OSError as error:
        raise UsageError(f"{names.authorities} {file}: {error.strerror}") from None


def _readable(files: Iterable[tuple[str, str]]) -> None:
    """Refuse those that cannot be read, by name; OpenSSL does not say which it is."""
    faults = []
    for name, file in files:
        try:
            with open(file, "rb") as opened:  # noqa: PTH123 - as OpenSSL takes it
                opened.read(1)
        except OSError as error:
            faults.append(f"{name} {file}: {error.strerror}")
    if faults:
        raise UsageError(faults)


def _told_of_failures(on_failed: Callable[[str], None]) -> type[ssl.SSLObject]:
    """A kind of TLS connection that says why its handshake fails; event loops keep that to themselves."""

    class ToldObject(ssl.SSLObject):
        _failed: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            if self._failed is not None:
                raise self._failed
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                cause = failure(error.reason)
                on_failed(cause)
                if cause in (NOT_TLS, REFUSED_BY_CLIENT):
                    raise
                # The loop would hang up without the alert that tells the client why. Asking for more makes it
                # send what is written; whatever comes next, or the handshake's deadline, ends it.
                self._failed = error
                raise ssl.SSLWantReadError from error

    return ToldObject
