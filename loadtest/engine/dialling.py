"""Opening the connections of charge points, to a gateway or a broker: TCP, and TLS where its URL asks for it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadtest.engine.credentials import Credentials
from loadtest.errors import UsageError
from loadtest.transport import tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.registration import RegisteringConnection
    from loadtest.engine.settings import EngineSettings

_SOURCE_ADDRESSES = 64
_ENCRYPTED = frozenset({"wss", "mqtts"})
_PORTS = {"ws": 80, "wss": 443, "mqtt": 1883, "mqtts": 8883}


class Dialler:
    """Opens connections to one peer, each in a task that lives no longer than the attempt.

    Args:
        settings: Of the engine.
        url: Of the peer.
        option: What the peer is called in messages.
        on_failure: Called with the charge point and the error when there is no connection. Once there is one, its
            own hooks tell what becomes of it.

    Attributes:
        url: Of the peer.
        encrypted: TLS is spoken.
        credentials: What charge points show.

    Raises:
        UsageError: The peer has no address, or credentials cannot be used.
    """

    def __init__(
        self,
        settings: EngineSettings,
        url: str,
        option: str,
        on_failure: Callable[[RegisteringConnection, Exception], None],
    ) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._server_name, self.encrypted = parts.hostname, parts.scheme in _ENCRYPTED
        self._timeout_s = settings.call_timeout_s
        self._on_failure = on_failure
        self.credentials = Credentials(settings.credentials, settings.password, encrypted=self.encrypted)
        self._address = _address(parts.hostname, parts.port or _PORTS[parts.scheme], option)
        self._source_prefix = _source_prefix(self._address[0], settings.engine)
        self._attempts: dict[int, asyncio.Task[None]] = {}

    def start(self, charge_point: RegisteringConnection, protocol: asyncio.Protocol) -> None:
        """Begin to connect a charge point; ``protocol`` takes the connection."""
        task = asyncio.get_running_loop().create_task(self._connect(charge_point, protocol))
        self._attempts[charge_point.number] = task

    def cancel(self, charge_point: RegisteringConnection) -> bool:
        """Give up an attempt; returns whether there was one."""
        task = self._attempts.pop(charge_point.number, None)
        return task is not None and task.cancel()

    async def _connect(self, charge_point: RegisteringConnection, protocol: asyncio.Protocol) -> None:
        source = f"{self._source_prefix}{1 + charge_point.number % _SOURCE_ADDRESSES}" if self._source_prefix else None
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: protocol,
                *self._address,
                local_addr=(source, 0) if source else None,
                **(self._tls_options(charge_point) if self.encrypted else {}),
            )
        except (OSError, UsageError) as error:  # TLS's among them
            self._on_failure(charge_point, error)
        finally:
            self._attempts.pop(charge_point.number, None)

    def _tls_options(self, charge_point: RegisteringConnection) -> dict[str, Any]:
        return {
            "ssl": self.credentials.tls(charge_point.identity, charge_point.number),
            "server_hostname": self._server_name,
            "ssl_handshake_timeout": self._timeout_s,
            "ssl_shutdown_timeout": tls.SHUTDOWN_TIMEOUT_S,
        }


def _address(host: str, port: int, option: str) -> tuple[str, int]:
    """Address and port to connect to, looked up once: a name server is no part of a connect time.

    Raises:
        UsageError: The name has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{option}: {host} has no address: {error.strerror}") from error
    address: tuple[str, int] = found[0][4][:2]  # type: ignore[assignment]  # the first two of IPv4 and IPv6 alike
    return address


def _source_prefix(host: str, engine: int) -> str:
    """Loopback sources to spread over: one address has 28,000 ports, and searching them gets slow well before."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return f"127.0.{1 + engine % 250}." if address.version == 4 and address.is_loopback else ""
