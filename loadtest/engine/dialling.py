"""Opening the connections of charge points, to a gateway or a broker: TCP, and TLS where its URL asks for it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from loadtest.engine.credentials import Credentials
from loadtest.engine.name_lookup import NameLookup
from loadtest.errors import UsageError
from loadtest.transport import tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.name_lookup import Address
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.engine.settings import EngineSettings
    from loadtest.transport.mqtt_url import BrokerAddress

_SOURCE_ADDRESSES = 64
_ENCRYPTED = frozenset({"wss", "mqtts"})
_PORTS = {"ws": 80, "wss": 443, "mqtt": 1883, "mqtts": 8883}


class _Peer(NamedTuple):
    """Where to connect.

    Attributes:
        name: As certificates have it.
        address: Of the name.
        source_prefix: Of the addresses to connect from; empty: any.
    """

    name: str
    address: Address
    source_prefix: str


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
        self.encrypted = parts.scheme in _ENCRYPTED
        self._engine, self._timeout_s = settings.engine, settings.call_timeout_s
        self._on_failure = on_failure
        self.credentials = Credentials(settings.credentials, settings.password, encrypted=self.encrypted)
        address = _address(parts.hostname, parts.port or _PORTS[parts.scheme], option)
        self._peer = _Peer(parts.hostname, address, _source_prefix(address[0], settings.engine))
        self._names = NameLookup()
        self._attempts: dict[int, asyncio.Task[None]] = {}

    def start(
        self, charge_point: RegisteringConnection, protocol: asyncio.Protocol, elsewhere: BrokerAddress | None = None
    ) -> None:
        """Begin to connect a charge point.

        Args:
            charge_point: Which one.
            protocol: Takes the connection.
            elsewhere: The server that the peer has named in its place.
        """
        task = asyncio.get_running_loop().create_task(self._connect(charge_point, protocol, elsewhere))
        self._attempts[charge_point.number] = task

    def cancel(self, charge_point: RegisteringConnection) -> bool:
        """Give up an attempt; returns whether there was one."""
        task = self._attempts.pop(charge_point.number, None)
        return task is not None and task.cancel()

    async def _connect(
        self, charge_point: RegisteringConnection, protocol: asyncio.Protocol, elsewhere: BrokerAddress | None
    ) -> None:
        try:
            peer = self._peer if elsewhere is None else await self._found(elsewhere)
            (host, port), source = peer.address, None
            if peer.source_prefix:
                source = f"{peer.source_prefix}{1 + charge_point.number % _SOURCE_ADDRESSES}", 0
            tls_options = self._tls_options(charge_point, peer.name) if self.encrypted else {}
            await asyncio.get_running_loop().create_connection(
                lambda: protocol, host, port, local_addr=source, **tls_options
            )
        except (OSError, UsageError) as error:  # TLS's among them
            self._ended(charge_point)  # first, for what follows may be another attempt
            self._on_failure(charge_point, error)
        else:
            self._ended(charge_point)

    async def _found(self, server: BrokerAddress) -> _Peer:
        address = await self._names.address(server)
        return _Peer(server.host, address, _source_prefix(address[0], self._engine))

    def _ended(self, charge_point: RegisteringConnection) -> None:
        """This attempt has; the connection it has made may have ended since, and another be on its way already."""
        if self._attempts.get(charge_point.number) is asyncio.current_task():
            del self._attempts[charge_point.number]

    def _tls_options(self, charge_point: RegisteringConnection, name: str) -> dict[str, Any]:
        return {
            "ssl": self.credentials.tls(charge_point.identity, charge_point.number),
            "server_hostname": name,
            "ssl_handshake_timeout": self._timeout_s,
            "ssl_shutdown_timeout": tls.SHUTDOWN_TIMEOUT_S,
        }


def _address(host: str, port: int, option: str) -> Address:
    """Address and port to connect to, looked up once: a name server is no part of a connect time.

    Raises:
        UsageError: The name has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{option}: {host} has no address: {error.strerror}") from error
    address: Address = found[0][4][:2]  # type: ignore[assignment]  # the first two of IPv4 and IPv6 alike
    return address


def _source_prefix(host: str, engine: int) -> str:
    """Loopback sources to spread over: one address has 28,000 ports, and searching them gets slow well before."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return f"127.0.{1 + engine % 250}." if address.version == 4 and address.is_loopback else ""
