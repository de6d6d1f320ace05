"""A charge point's link: follows its outages, and does to connections what they do.

Made only for charge points whose profile has a link model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine.link_transport import LinkTransport
from loadtest.engine.sending import CONNECTING, RETIRED
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET
from loadtest.transport import tcp
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.links import Ending, LinkModel, Outage


class Link:
    """One charge point's link.

    Args:
        fleet: Whose clock and counters it uses.
        charge_point: Whose it is.
        model: What it is like.

    Attributes:
        connection: The charge point's, as far as the charge point knows.
        ghost: What is left at the gateway's end of one that was half-open and given up; one at most.
        up_since_ns: When its last outage was over.
    """

    __slots__ = (
        "_attempt_ns",
        "_causes",
        "_ending",
        "_held",
        "_index",
        "_outage",
        "_pieces",
        "charge_point",
        "connection",
        "fleet",
        "ghost",
        "model",
        "up_since_ns",
    )

    def __init__(self, fleet: Fleet, charge_point: ChargePoint, model: LinkModel) -> None:
        self.fleet = fleet
        self.charge_point = charge_point
        self.model = model
        self.connection: LinkTransport | None = None
        self.ghost: LinkTransport | None = None
        self.up_since_ns = 0
        self._causes = 0  # outages under way: its own, its region's
        self._ending: Ending = RESET
        self._outage: Outage | None = None
        self._index = 0
        self._pieces = 0
        self._attempt_ns = 0  # when the attempt to connect gets through
        self._held = False  # the attempt to connect waits for the link

    @property
    def is_down(self) -> bool:
        """Nobody gets through now."""
        return self._causes > 0

    @property
    def is_half_open(self) -> bool:
        """The charge point has a connection through which nothing passes, and has not noticed."""
        return self.connection is not None and self.connection.silent

    @property
    def held_since_ns(self) -> int | None:
        """When the first was sent of what is still on its way over the link; None: nothing is."""
        return None if self.connection is None else self.connection.held_since_ns

    # Outages ----------------------------------------------------------------------------------------------------

    def follow_schedule(self, after_s: float = 0.0) -> None:
        """Plan the charge point's next outage that is not over already."""
        fleet, number = self.fleet, self.charge_point.number
        now_s = (monotonic_ns() - fleet.schedules_from_ns) / NS_PER_S
        while True:
            outage = self.model.outage(fleet.settings.seed, number, self._index, after_s)
            self._index += 1
            if outage.end_s > now_s:
                break
            after_s = outage.end_s
        self._outage = outage
        fleet.at(fleet.schedules_from_ns + int(outage.start_s * NS_PER_S), self._outage_begins)

    def _outage_begins(self, due_ns: int) -> None:
        if self.charge_point.state == RETIRED:
            return
        assert self._outage is not None
        self.go_down(self._outage.ending)
        self.fleet.at(self.fleet.schedules_from_ns + int(self._outage.end_s * NS_PER_S), self._outage_ends)

    def _outage_ends(self, due_ns: int) -> None:
        if self.charge_point.state == RETIRED:
            return
        assert self._outage is not None
        self.come_up()
        self.follow_schedule(self._outage.end_s)

    def go_down(self, ending: Ending) -> None:
        """An outage begins, of the link or of its region. While the run drains it is not acted upon."""
        self.charge_point.books.counters.link_outages += 1
        self._causes += 1
        if self._causes == 1:
            self._ending = ending
            connection = self.connection
            if connection is not None and not connection.silent and not self.fleet.draining:
                self._end(connection, ending)

    def _end(self, connection: LinkTransport, ending: Ending) -> None:
        counters = self.charge_point.books.counters
        self.fleet.connections.take_away(self.charge_point)
        if ending == HALF_OPEN:
            counters.link_half_open += 1
            connection.silence()
        elif ending == CLOSE:
            counters.link_closes += 1
            self.charge_point.close()
        else:
            counters.link_resets += 1
            tcp.reset_when_aborted(connection)
            self.charge_point.abort()

    def come_up(self) -> None:
        """An outage is over. What was half-open stays so: addresses and translations have changed meanwhile."""
        self._causes -= 1
        if self._causes:
            return
        self.up_since_ns = monotonic_ns()
        if self._held:
            self._held = False
            self._dial()

    # Connecting -------------------------------------------------------------------------------------------------

    def attempt(self) -> None:
        """The charge point tries to connect.

        During an outage that is silent nothing comes back: the attempt waits for its timeout, or gets through when
        the link is back, as TCP repeats its SYN. During any other the charge point knows at once that it has no
        network.
        """
        if self._causes and self._ending != HALF_OPEN:
            self.fleet.connections.unreachable(self.charge_point)
        else:
            self._attempt_ns = self.fleet.at(monotonic_ns() + self._round_trip_ns(), self._get_through)

    def _round_trip_ns(self) -> int:
        """What the link adds to opening TCP, and TLS (1.3): a round trip each."""
        encrypted = self.fleet.connections.diallers[self.charge_point.path].encrypted
        return int(self.model.latency_s * 2 * NS_PER_S) * (2 if encrypted else 1)

    def _get_through(self, due_ns: int) -> None:
        if due_ns == self._attempt_ns and self.charge_point.state == CONNECTING:
            self._attempt_ns = 0
            if self._causes:
                self.fleet.link_cuts.keep_away(self.charge_point.number, due_ns)
                self._held = True
            else:
                self._dial()

    def _dial(self) -> None:
        if self.charge_point.state == CONNECTING:
            self.fleet.connections.dial(self.charge_point, LinkTransport(self))

    def give_up(self) -> bool:
        """The charge point gives up its attempt; returns whether it had not got through yet."""
        waiting = self._held or self._attempt_ns > 0
        self._held, self._attempt_ns = False, 0
        return waiting

    # What connections tell --------------------------------------------------------------------------------------

    def connected(self, connection: LinkTransport) -> None:
        """TCP is connected; if the link has gone down meanwhile, to no avail."""
        self.connection = connection
        if self.is_down:
            self.fleet.connections.take_away(self.charge_point)
            connection.silent = True

    def disconnected(self, connection: LinkTransport) -> None:
        """A connection has ended."""
        if self.connection is connection:
            self.connection = None

    def forsaken(self, connection: LinkTransport) -> None:
        """The charge point has given up a silent connection: what the gateway has of it is a ghost."""
        self.disconnected(connection)
        if connection.below is not None:
            self._lay_ghost()
            self.ghost = connection

    def ghost_gone(self, connection: LinkTransport) -> None:
        """The gateway has given up a connection that was silent."""
        if self.ghost is connection:
            self.ghost = None

    def _lay_ghost(self) -> None:
        if self.ghost is not None and self.ghost.below is not None:
            self.ghost.below.abort()
        self.ghost = None

    def answer_overdue(self) -> None:
        """An answer or a pong did not come in time: so a charge point notices that its connection is half-open."""
        if self.is_half_open:
            self.charge_point.abort()
        else:
            self.fleet.link_cuts.given_up(self.charge_point, self.held_since_ns)

    def delay_ns(self) -> int:
        """How long the next piece of data is on its way."""
        self._pieces += 1
        delay_s = self.model.delay_s(self.fleet.settings.seed, self.charge_point.number, self._pieces)
        return int(delay_s * NS_PER_S)

    def retire(self) -> None:
        """The charge point leaves for good: it may say so, unless nothing passes."""
        self.give_up()
        if self.is_half_open:
            self.charge_point.abort()
        elif self.connection is not None:
            self.connection.hurry()
        self._lay_ghost()
