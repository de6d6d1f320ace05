"""What becomes of a fleet's connections: attempted, made, refused, lost, and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine import in_vain
from loadtest.engine.connect_failures import NO_NETWORK, TIMED_OUT, cause_of_error, end_of_handshake, in_words
from loadtest.engine.dialling import Dialler
from loadtest.engine.link_transport import LinkTransport
from loadtest.engine.reconnecting import Reconnecting
from loadtest.engine.redirects import Redirects
from loadtest.engine.sending import CONNECTING, OFFLINE, OPEN, REGISTERED, REJECTED, RETIRED
from loadtest.measure.tags import CONNECT, RECONNECT, REGISTER
from loadtest.scenario.settings import DIRECT, GATEWAY
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    import asyncio

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.engine.sending import SendingConnection


class Connections:
    """Takes each charge point from an attempt to connect to the end of its connection, and to the next attempt.

    Args:
        fleet: Whose books it keeps.

    Attributes:
        diallers: What connects charge points, by their path.
        redirects: Where brokers have sent some of them.

    Raises:
        UsageError: Gateway or broker have no address, or credentials cannot be used.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._reconnecting = Reconnecting(fleet.settings.seed)
        self.redirects = Redirects(fleet)
        self.diallers = self._make_diallers()

    def _make_diallers(self) -> dict[str, Dialler]:
        settings, diallers = self._fleet.settings, {}
        if settings.gateway_url:
            diallers[GATEWAY] = Dialler(settings, settings.gateway_url, "--gateway", self.failed)
        if settings.direct is not None:
            diallers[DIRECT] = Dialler(settings, settings.direct.broker_url, "--broker", self.failed)
        return diallers

    # Attempts ---------------------------------------------------------------------------------------------------

    def attempt(self, charge_point: RegisteringConnection) -> None:
        """Open a charge point's connection; its own hooks tell what comes of it."""
        charge_point.books.counters.connect_attempts += 1
        self.redirects.begin(charge_point.number)
        self._reach_out(charge_point)

    def _reach_out(self, charge_point: RegisteringConnection) -> None:
        link = self._fleet.links.of(charge_point.number)
        if self._fleet.fault_cuts.keeps_away(charge_point):
            self.unreachable(charge_point)
        elif link is None:
            self.dial(charge_point, charge_point)
        else:
            link.attempt()

    def dial(self, charge_point: RegisteringConnection, protocol: asyncio.Protocol) -> None:
        """Connect a charge point to its peer; ``protocol`` is itself, or its end of a link."""
        elsewhere = self.redirects.server(charge_point.number)
        self.diallers[charge_point.path].start(charge_point, protocol, elsewhere)

    def failed(self, charge_point: RegisteringConnection, error: Exception) -> None:
        """TCP or TLS could not be made."""
        if charge_point.state == CONNECTING:
            if self.redirects.goes_on(charge_point.number):
                self._reach_out(charge_point)
                return
            charge_point.books.counters.connect_failed += 1
            charge_point.books.counters.connect_in_vain += in_vain.failure(error)
            text = f"{self._who(charge_point)}: {in_words(error)}"
            self._fleet.connect_failures.add(cause_of_error(error), text)
            charge_point.state = OFFLINE
        self.ended(charge_point)

    def refused(self, charge_point: RegisteringConnection, cause: str, text: str, *, for_good: bool) -> None:
        """The peer turned the handshake down; ``for_good``: as it would tomorrow."""
        charge_point.books.counters.connect_refused += 1
        charge_point.books.counters.connect_in_vain += for_good
        charge_point.state = OFFLINE  # the attempt is booked; its connection is still to end
        self.not_let_in(charge_point)
        self._fleet.connect_failures.add(cause, f"{self._who(charge_point)}: {text}")

    def unreachable(self, charge_point: RegisteringConnection) -> None:
        """The charge point knows that it has no network: an attempt that fails at once, through no fault of others."""
        charge_point.books.counters.connect_failed += 1
        self._fleet.connect_failures.add(NO_NETWORK)
        self._fleet.link_cuts.keep_away(charge_point.number, monotonic_ns())
        charge_point.state = OFFLINE
        self.ended(charge_point)

    def abandon(self, charge_point: RegisteringConnection) -> None:
        """Give up an attempt to connect that takes too long."""
        charge_point.books.counters.connect_timed_out += 1
        self._fleet.connect_failures.add(TIMED_OUT)
        charge_point.state = OFFLINE
        if charge_point.transport is not None:
            charge_point.abort()
        elif self._give_up(charge_point):
            self.ended(charge_point)

    def stop_attempt(self, charge_point: RegisteringConnection) -> None:
        """An attempt that has no connection yet comes to nothing, through no fault of others."""
        if charge_point.state == CONNECTING and self._give_up(charge_point):
            self.unreachable(charge_point)

    def _give_up(self, charge_point: RegisteringConnection) -> bool:
        """End an attempt that has no connection yet; returns whether there was one."""
        link = self._fleet.links.of(charge_point.number)
        return self.diallers[charge_point.path].cancel(charge_point) or (link is not None and link.give_up())

    # Connections ------------------------------------------------------------------------------------------------

    def opened(self, charge_point: RegisteringConnection, now_ns: int) -> None:
        """A handshake is complete."""
        charge_point.books.counters.connects += 1
        intended_ns, started_ns = charge_point.connect_intended_ns, charge_point.connect_started_ns
        charge_point.books.connect_legs.record(CONNECT, charge_point.handshake_name, intended_ns, started_ns, now_ns)
        charge_point.connect_intended_ns = 0
        self.redirects.over(charge_point.number)

    def registered(self, charge_point: RegisteringConnection, now_ns: int) -> None:
        """A BootNotification was accepted, or none was needed."""
        charge_point.books.counters.registrations += 1
        lost_ns = self._reconnecting.succeeded(charge_point)
        if charge_point.register_intended_ns:
            intended_ns, started_ns = charge_point.register_intended_ns, charge_point.connect_started_ns
            legs = charge_point.books.connect_legs
            legs.record(REGISTER, "BootNotification", intended_ns, started_ns, now_ns)
            self._fleet.comings.registered(now_ns)
            if lost_ns:
                legs.record(RECONNECT, "BootNotification", lost_ns, started_ns, now_ns)
            charge_point.register_intended_ns = charge_point.connect_started_ns = 0
        self._fleet.link_cuts.back(charge_point.number, now_ns)

    def not_let_in(self, charge_point: RegisteringConnection) -> None:
        """It was refused, or its BootNotification came to nothing: whatever kept it away before, now others do."""
        if not self._fleet.link_cuts.took(charge_point.number):
            self._fleet.link_cuts.back(charge_point.number, monotonic_ns())

    def answer_overdue(self, charge_point: SendingConnection) -> None:
        """An answer, or a pong, has not come in time: the link may be the reason."""
        if (link := self._fleet.links.of(charge_point.number)) is not None:
            link.answer_overdue()

    # Ends -------------------------------------------------------------------------------------------------------

    def take_away(self, charge_point: SendingConnection) -> None:
        """A charge point's own link, a fault that cuts it off, or its restart takes its connection."""
        link = self._fleet.links.of(charge_point.number)
        held_since_ns = None if link is None else link.held_since_ns
        self._fleet.link_cuts.take(charge_point.number, monotonic_ns(), held_since_ns)

    def count_bytes(self, charge_point: RegisteringConnection) -> None:
        """The connection of a charge point ends. Of one over a link, the link tells what it has carried."""
        transport = charge_point.transport
        if transport is not None and not isinstance(transport, LinkTransport):
            charge_point.books.wire_bytes.add(transport)

    def ended(self, charge_point: RegisteringConnection, exc: Exception | None = None) -> None:
        """A connection, or the attempt at one, has ended; try again later unless the charge point is done."""
        fleet = self._fleet
        taken_away = fleet.link_cuts.ended(charge_point.number)
        by_own_network = taken_away or self._is_hindered(charge_point)
        if not by_own_network:
            fleet.link_cuts.back(charge_point.number, monotonic_ns())  # if it was away, from now on others are to blame
        if charge_point.state == CONNECTING:
            if not taken_away and self.redirects.goes_on(charge_point.number):
                self._reach_out(charge_point)
                return
            self._ended_in_handshake(charge_point, exc, by_own_network=by_own_network)
        elif charge_point.state in (OPEN, REJECTED, REGISTERED):
            charge_point.books.counters.disconnects += 1
            if not charge_point.register_intended_ns:
                now_ns = monotonic_ns()
                fleet.comings.lost(now_ns)
                self._reconnecting.lost(charge_point, now_ns)
        self.redirects.over(charge_point.number)
        if charge_point.state != RETIRED:
            charge_point.state = OFFLINE
            if charge_point.restart_due_ns <= monotonic_ns():  # else it connects when it has restarted
                self._connect_later(charge_point)

    def _is_hindered(self, charge_point: RegisteringConnection) -> bool:
        """It has no network, or its link was down when it began to connect."""
        link = self._fleet.links.of(charge_point.number)
        if self._fleet.fault_cuts.keeps_away(charge_point):
            return True
        return link is not None and (link.is_down or link.up_since_ns > charge_point.connect_started_ns)

    def _ended_in_handshake(
        self, charge_point: RegisteringConnection, exc: Exception | None, *, by_own_network: bool
    ) -> None:
        charge_point.books.counters.connect_failed += 1
        if by_own_network:
            self._fleet.connect_failures.add(NO_NETWORK)
            return
        charge_point.books.counters.connect_in_vain += in_vain.failure(exc)
        cause, text = end_of_handshake(exc, charge_point.handshake_name, charge_point.peer_name)
        self._fleet.connect_failures.add(cause, f"{self._who(charge_point)}: {text}")

    def _who(self, charge_point: RegisteringConnection) -> str:
        """Its id, and where a broker has sent it, if one has."""
        server = self.redirects.server(charge_point.number)
        return charge_point.identity if server is None else f"{charge_point.identity}, sent on to {server}"

    def _connect_later(self, charge_point: RegisteringConnection) -> None:
        wait_s = self._reconnecting.wait_s(charge_point)
        charge_point.failures += 1
        self._fleet.at(monotonic_ns() + int(wait_s * NS_PER_S), charge_point.connect)

    def retire(self, charge_point: ChargePoint) -> None:
        """A charge point leaves for good, and with it its link and its attempt to connect."""
        self._fleet.links.retire(charge_point)
        charge_point.retire()
        self.diallers[charge_point.path].cancel(charge_point)
        self.redirects.forget(charge_point.number)
