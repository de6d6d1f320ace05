"""Whether a gateway given by URL would take our charge points: one real OCPP handshake, before any load."""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from typing import Any
from urllib.parse import urlsplit

from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.settings import masked
from loadtest.transport import tls
from loadtest.transport.websocket_client import ClientHandshake, WebSocketClient
from loadtest.transport.websocket_client_opening import ClientOpening

SUBPROTOCOL = "ocpp1.6"
PROBE_TIMEOUT_S = 5.0
DEFAULT_PORTS = {"ws": 80, "wss": 443}


class _Probe(WebSocketClient):
    """Asks for exactly what a charge point asks for, and leaves at once."""

    __slots__ = ("_uri", "answered", "over", "refusal")

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._uri = uri
        self.refusal = ""
        self.answered = False
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def handshake(self) -> ClientHandshake:
        return ClientHandshake(self._uri, (SUBPROTOCOL,))

    def on_open(self) -> None:
        self._settle(opened=True)
        self.close()

    def on_refused(self, status: int, reason: str) -> None:
        self.answered = bool(status)
        self.refusal = f"answered {status} {reason}" if status else f"broke the WebSocket handshake: {reason}"

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        if not self.refusal:
            why = f": {_in_words(exc)}" if isinstance(exc, OSError) else ""
            self.refusal = f"ended the connection without an answer{why}"
        self._settle(opened=False)

    def _settle(self, *, opened: bool) -> None:
        if not self.over.done():
            self.over.set_result(opened)


def _in_words(error: OSError) -> str:
    """Just the reason; asyncio puts addresses and numbers around it."""
    if isinstance(error, ssl.SSLError):
        return tls.in_words(error)
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


async def answers_handshake(url: str, files: CredentialFiles | None = None, *, guarded: bool = False) -> None:
    """Open a WebSocket at ``url/<a new id>`` offering exactly ``ocpp1.6``, and close it.

    Args:
        url: The gateway's.
        files: What to trust and to show; a certificate only when it is everybody's.
        guarded: Charge points have credentials, each its own, and none is the probe's: being refused is good enough.

    Raises:
        UsageError: ``url`` is not a ``ws://`` or ``wss://`` URL, or a file cannot be used.
        EnvironmentNotReady: Nothing listens there, or it refused; with its own words.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise UsageError(f"gateway URL {masked(url)!r}: {error}", hint="write ws://host:port/path") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise UsageError(f"gateway URL {masked(url)!r} is not a ws:// or wss:// URL", hint="write ws://host:port/path")
    # The id is new each time: a gateway throws out the earlier owner of an id.
    probe = _Probe(f"{url.rstrip('/')}/loadtest-probe-{secrets.token_hex(4)}")
    ClientOpening(probe.handshake())  # refuses what no request can be made of, such as a fragment
    shown = f"gateway {masked(url)}"
    files = files or CredentialFiles()
    options: dict[str, Any] = {}
    if parts.scheme == "wss":
        certificate, key = ("", "") if files.personal else (files.client_certificate, files.client_key)
        options = {"ssl": tls.client_context(files.ca_file, certificate, key), "server_hostname": host}
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await asyncio.get_running_loop().create_connection(lambda: probe, host, port, **options)
            opened = await probe.over
    except TimeoutError:
        probe.abort()
        raise EnvironmentNotReady(
            f"{shown} did not answer a WebSocket handshake within {PROBE_TIMEOUT_S:g} s",
            hint=f"is it a WebSocket server, and this its {parts.scheme}:// port?",
        ) from None
    except OSError as error:
        untrusted = isinstance(error, ssl.SSLCertVerificationError)
        if files.personal and isinstance(error, (ssl.SSLError, ConnectionResetError)) and not untrusted:
            return  # it wants a certificate, as the charge points have
        raise EnvironmentNotReady(
            f"{shown} cannot be reached: {_in_words(error)}",
            hint="" if isinstance(error, ssl.SSLError) else "is it running, and is that its address?",
        ) from error
    if not opened and not (guarded and (probe.answered or files.personal)):
        raise EnvironmentNotReady(
            f"{shown} {probe.refusal}",
            hint=f"a charge point asks for <url>/<its id> with the subprotocol {SUBPROTOCOL}; is the path right?",
        )
