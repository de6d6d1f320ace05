"""The way in: who waits for its handshake, who is let in, and an account of those who are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.gateway import admission, counters
from loadtest.gateway.handshakes import Handshakes
from loadtest.gateway.refusing import REFUSED_ON_PURPOSE, Refusing
from loadtest.transport import tls
from loadtest.transport.websocket_server import Accept, Reject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from loadtest.gateway.charge_point_connection import ChargePointConnection
    from loadtest.gateway.counters import GatewayCounters
    from loadtest.gateway.settings import GatewaySettings


class Door:
    """What a client passes before it is a charge point.

    Args:
        settings: The gateway's.
        totals: Running totals; refusals are counted there.
        authenticate: Looks at HTTP Basic credentials; without it everyone is let in.
    """

    def __init__(
        self, settings: GatewaySettings, totals: GatewayCounters, authenticate: admission.Authenticate | None
    ) -> None:
        self._settings = settings
        self._totals = totals
        self._authenticate = authenticate
        self._handshakes = Handshakes(settings.handshake_timeout_s, settings.max_handshakes)
        self._refusing: Refusing | None = None

    def begun(self, connection: ChargePointConnection, now_s: float) -> None:
        """A client is there, and has a limited time to send its request."""
        if not self._handshakes.begin(connection, now_s):
            self._totals.refused[counters.TOO_MANY_HANDSHAKES] += 1
            connection.abort()

    def admit(
        self, connection: ChargePointConnection, path: str, headers: Mapping[str, str], connected: Collection[bytes]
    ) -> Accept | Reject:
        """Decide on a request; whoever is let in has its id from then on.

        Args:
            connection: Over which it came.
            path: The request target as sent.
            headers: By lower-case name.
            connected: The ids of who is in.
        """
        if self._refusing is not None and self._refusing.refuses_next():
            return Reject(self._refusing.status, REFUSED_ON_PURPOSE)
        settings = self._settings
        decision = admission.admit(
            path,
            headers,
            path=settings.path,
            origins=settings.check_origins,
            require_subprotocol=settings.fail_if_no_subprotocol,
            authenticate=self._authenticate,
            check_identity=settings.check_identity,
            certificate_names=tls.peer_names(connection.transport) if settings.tls_client_ca else None,
        )
        if isinstance(decision, Reject):
            return decision
        if 0 < settings.max_connections <= len(connected) and decision not in connected:
            return Reject(503, counters.TOO_MANY_CONNECTIONS)
        connection.identity = decision
        return Accept(admission.SUBPROTOCOL)

    def refuse_handshakes(self, status: int, share: float) -> None:
        """Turn a share of all handshakes down from now on; with share 0 no more."""
        self._refusing = Refusing(status, share) if share else None

    def refused(self, status: int, reason: str) -> None:
        """Count a refusal. Only our own reason words are kept: others quote what a stranger has sent."""
        known = reason in admission.REASONS or reason == counters.TOO_MANY_CONNECTIONS
        self._totals.refused[reason if known else f"http_{status}"] += 1

    def passed(self) -> None:
        """A client's handshake is over, whether it is in or gone."""
        self._handshakes.end()

    def tick(self, now_s: float) -> None:
        """Let time pass: cut who took too long."""
        self._totals.handshake_timeouts += self._handshakes.expire(now_s)

    def shut(self) -> None:
        """Cut everyone who is not in yet."""
        self._handshakes.abort_all()
