"""The port under TLS (OCPP security profiles 2 and 3): what is shown, and an account of handshakes that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.transport import tls
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    import ssl
    from collections import Counter
    from collections.abc import Callable

    from loadtest.gateway.charge_point_connection import ChargePointConnection
    from loadtest.gateway.settings import GatewaySettings

_GRACE_S = 1.0
"""The loop ends a slow handshake by a clock of its own; only after that it is taken for given up."""


class TlsPort:
    """Counts what an event loop keeps to itself: connections whose TLS handshake never succeeds.

    Args:
        settings: Of the gateway, with a certificate.
        failed: Totals by cause, one of :data:`loadtest.transport.tls.FAILURES`.
        connection: Makes a new connection.

    Attributes:
        context: For ``loop.create_server``.

    Raises:
        UsageError: A certificate or key cannot be used.
    """

    def __init__(
        self, settings: GatewaySettings, failed: Counter[str], connection: Callable[[], ChargePointConnection]
    ) -> None:
        self.context: ssl.SSLContext = tls.server_context(
            settings.tls_certificate, settings.tls_key, settings.tls_client_ca, on_failed=self._on_failed
        )
        self._timeout_s = settings.handshake_timeout_s + _GRACE_S
        self._failed = failed
        self._connection = connection
        self._known_failures = 0
        self._given_up = 0
        self._now_s = monotonic_ns() / NS_PER_S
        # Those in their handshake, oldest first, with the instant at which it must be over.
        self._under_way: dict[ChargePointConnection, float] = {}

    def connection(self) -> ChargePointConnection:
        """A TCP connection is there; for ``loop.create_server``."""
        connection = self._connection()
        self._under_way[connection] = self._now_s + self._timeout_s
        return connection

    def completed(self, connection: ChargePointConnection) -> None:
        """A handshake has succeeded."""
        self._under_way.pop(connection, None)

    def tick(self, now_s: float) -> None:
        """Let time pass: what should be over and never succeeded has failed, for one cause or another."""
        self._now_s = now_s
        for connection, deadline_s in list(self._under_way.items()):
            if deadline_s > now_s:
                break
            del self._under_way[connection]
            self._given_up += 1
        # Failures with a cause are known at once, and are among those given up once their time is over.
        unfinished = self._given_up - self._known_failures
        self._failed[tls.UNFINISHED] = max(self._failed[tls.UNFINISHED], unfinished)

    def _on_failed(self, cause: str) -> None:
        self._known_failures += 1
        self._failed[cause] += 1
