"""Where charge points on the direct path go because a broker has sent them elsewhere (OASIS MQTT 5.0 section 4.11).

*Use another server* holds for one connection: the next attempt starts at the configured broker again. *Server moved*
holds from then on. Nobody who connects to the configured broker has any state here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.engine.connect_failures import REDIRECTED_TOO_OFTEN, UNUSABLE_REFERENCE
from loadtest.engine.sending import CONNECTING
from loadtest.scenario.settings import DIRECT
from loadtest.transport import mqtt_reasons as reasons
from loadtest.transport import server_reference

if TYPE_CHECKING:
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.transport.mqtt_url import BrokerAddress

MOST_REDIRECTS = 5
"""How often a charge point is sent on during one attempt to connect; beyond that it is sent round in circles."""

_MOST_TOLD = 10
"""References that are told in words; of the others only the number of redirects."""


class _Route(NamedTuple):
    """Where an attempt goes.

    Attributes:
        servers: Those named together, to be tried in this order until one answers.
        position: Of the one being tried; -1: the broker that named them has yet to end its connection.
        redirects: How often the attempt has been sent on.
    """

    servers: tuple[BrokerAddress, ...]
    position: int = 0
    redirects: int = 0


class Redirects:
    """Those of a fleet.

    Args:
        fleet: Whose counters and failures it keeps.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._routes: dict[int, _Route] = {}  # of attempts under way
        self._next: dict[int, tuple[BrokerAddress, ...]] = {}  # where only the next attempt starts
        self._moved: dict[int, tuple[BrokerAddress, ...]] = {}  # where every attempt starts
        self._told: set[tuple[BrokerAddress, ...]] = set()
        self._untold: list[str] = []

    def begin(self, number: int) -> None:
        """A charge point's attempt to connect begins."""
        servers = self._next.pop(number, None) or self._moved.get(number)
        if servers is not None:
            self._routes[number] = _Route(servers)

    def over(self, number: int) -> None:
        """The attempt has ended, one way or the other."""
        self._routes.pop(number, None)

    def forget(self, number: int) -> None:
        """A charge point leaves for good."""
        for kept in (self._routes, self._next, self._moved):
            kept.pop(number, None)

    def server(self, number: int) -> BrokerAddress | None:
        """Where the attempt goes now; None: to the configured broker."""
        route = self._routes.get(number)
        return None if route is None or route.position < 0 else route.servers[route.position]

    def told(self, charge_point: RegisteringConnection, code: int, reference: str) -> bool:
        """A broker names other servers in CONNACK or DISCONNECT.

        A charge point that is connecting goes there once its connection has ended, see :meth:`goes_on`; one that was
        connected does so with its next attempt, which its reconnect policy makes due.

        Returns:
            True: it will, or its attempt is booked as refused.
        """
        number, connecting = charge_point.number, charge_point.state == CONNECTING
        servers, faults = server_reference.parse(
            reference, encrypted=self._fleet.connections.diallers[DIRECT].encrypted
        )
        charge_point.books.counters.mqtt_references_failed += len(faults)
        route = self._routes.get(number) if connecting else None
        redirects = 1 if route is None else route.redirects + 1
        if not servers or redirects > MOST_REDIRECTS:
            if connecting:
                cause, text = UNUSABLE_REFERENCE, f"{reasons.in_words(code)}, but {'; '.join(faults[:3])}"
                if servers:
                    text = f"{reasons.in_words(code)}, {servers[0]}, for the {redirects}th time in a row"
                    cause = REDIRECTED_TOO_OFTEN
                self._fleet.connections.refused(charge_point, cause, f"CONNECT refused: {text}", for_good=True)
            return connecting
        charge_point.books.counters.mqtt_redirected += 1
        self._note(f"{charge_point.identity}: {reasons.in_words(code)}", servers)
        if code == reasons.Reason.SERVER_MOVED:
            self._moved[number] = servers
        if connecting:
            self._routes[number] = _Route(servers, -1, redirects)
        else:
            self._next[number] = servers
        return True

    def goes_on(self, number: int) -> bool:
        """A connection, or an attempt at one, has ended before it was open: whether another server is to be tried."""
        route = self._routes.get(number)
        if route is None:
            return False
        self._fleet.books.of(number).counters.mqtt_references_failed += route.position >= 0
        if route.position + 1 == len(route.servers):
            return False
        self._routes[number] = route._replace(position=route.position + 1)
        return True

    def _note(self, text: str, servers: tuple[BrokerAddress, ...]) -> None:
        if servers not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(servers)
            self._untold.append(f"{text}, {' or '.join(map(str, servers))}")

    def take_untold(self) -> list[str]:
        """The first redirect with each reference since the last call, in words."""
        taken, self._untold = self._untold, []
        return taken
