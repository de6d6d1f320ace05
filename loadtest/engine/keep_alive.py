"""Signs of life: heartbeats to the central system, and pings that the peer has to answer.

OCPP 1.6 section 4.6 (Heartbeat); OCPP-J 1.6 section 5.4 (ping).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from loadtest.engine import payloads
from loadtest.engine.calls import CallingConnection
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.operations import HEARTBEAT
from loadtest.engine.sending import RETIRED
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet

_PING_GRID_NS = NS_PER_S // 4
"""Nobody measures when a ping is sent, and an instant of the schedule that is shared costs a third of one's own."""


class LivingConnection(CallingConnection):
    """A connection that is kept alive, and given up when its peer is not.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        configuration: What it starts with.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = ("beat_due_ns", "heartbeat_ns", "ping_due_ns", "pong_missing")

    def __init__(self, fleet: Fleet, number: int, configuration: Configuration) -> None:
        super().__init__(fleet, number, configuration)
        self.heartbeat_ns = self.beat_due_ns = self.ping_due_ns = 0
        self.pong_missing = False

    @property
    @abstractmethod
    def ping_interval_ns(self) -> int:
        """Between signs of life asked of the peer; 0: none."""

    def beat(self, due_ns: int) -> None:
        """A heartbeat is due; the next one follows at the interval the central system gave, connected or not."""
        if due_ns != self.beat_due_ns or self.state == RETIRED:
            return
        self.beat_due_ns = self.fleet.at(due_ns + self.heartbeat_ns, self.beat)
        self.offer(HEARTBEAT, due_ns, payloads.HEARTBEAT)

    def schedule_ping(self, now_ns: int) -> None:
        """Plan the next ping, if there are to be any: a little early, together with those of others."""
        interval_ns = self.ping_interval_ns
        due_ns = now_ns + interval_ns
        self.ping_due_ns = self.fleet.at(due_ns - due_ns % _PING_GRID_NS, self._ping) if interval_ns else 0

    def _ping(self, due_ns: int) -> None:
        """Ping, or give the connection up when the last ping was never answered."""
        if due_ns != self.ping_due_ns or not self.is_open:
            return
        if self.pong_missing:
            self.books.counters.pongs_missing += 1
            self.fleet.connections.answer_overdue(self)
            self.abort()
            return
        self.pong_missing = True
        self.books.counters.pings += 1
        self.send_ping()
        self.schedule_ping(due_ns)

    def on_pong(self) -> None:
        """The gateway lives."""
        self.pong_missing = False
