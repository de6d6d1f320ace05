"""What links, faults that cut charge points off, and restarts do to connections: nobody else is to be blamed for it.

Kept by charge point only while its connection is being taken away, or it is not back yet; what there is to tell is told
each second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.link_cuts import ABSENCE, IN_FLIGHT, STILL_AWAY_US
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.engine.operations import OperationCell
    from loadtest.engine.sending import SendingConnection

IN_DOUBT_NS = 2 * NS_PER_S
"""What was sent less than this before a connection was taken away may not have got through; what was sent earlier, and
has left the link, was with the gateway's host long before."""

_STAMPING_NS = NS_PER_S // 10
"""More than ever lies between the stamp of a CALL and its being handed to the link."""


class LinkCuts:
    """The connections of a fleet that its charge points lost through their own links or restarts.

    Args:
        epoch_ns: The run's origin of time.
    """

    __slots__ = ("_absences", "_away", "_doubtful", "_epoch_ns", "_in_flight")

    def __init__(self, epoch_ns: int) -> None:
        self._epoch_ns = epoch_ns
        self._doubtful: dict[int, int] = {}  # what was sent after this instant may not have got through
        self._away: dict[int, int] = {}  # since when
        self._in_flight = bytearray()
        self._absences = bytearray()

    def take(self, number: int, now_ns: int, held_since_ns: int | None) -> None:
        """A charge point's connection is about to be ended, or has fallen silent.

        Args:
            number: The charge point's.
            now_ns: When.
            held_since_ns: When the first was sent of what has not even left its link; None: everything has.
        """
        doubtful_ns = now_ns - IN_DOUBT_NS
        if held_since_ns is not None:
            doubtful_ns = min(doubtful_ns, held_since_ns - _STAMPING_NS)
        self._doubtful.setdefault(number, doubtful_ns)
        self._away.setdefault(number, doubtful_ns)

    def keep_away(self, number: int, now_ns: int) -> None:
        """A charge point cannot connect because its link is down."""
        self._away.setdefault(number, now_ns)

    def took(self, number: int) -> bool:
        """Whether a charge point's present connection is one of those."""
        return number in self._doubtful

    def lost_answer(self, number: int, sequence: int, sent_ns: int, cell: OperationCell) -> None:
        """A CALL on such a connection will not be answered any more; whether it arrived is to be seen."""
        if sent_ns > self._doubtful[number]:
            self._in_flight += IN_FLIGHT.pack(number, sequence, cell.phase, cell.action)

    def given_up(self, charge_point: SendingConnection, held_since_ns: int | None) -> None:
        """The outstanding CALL, if any, is given up: unless it has left the link, that may still lose it."""
        cell = charge_point.call_cell
        if cell is not None and held_since_ns is not None and charge_point.call_sent_ns > held_since_ns - _STAMPING_NS:
            self._in_flight += IN_FLIGHT.pack(charge_point.number, charge_point.sequence - 1, cell.phase, cell.action)

    def ended(self, number: int) -> bool:
        """A connection, or the attempt at one, has ended; returns whether it was taken away."""
        return self._doubtful.pop(number, None) is not None

    @property
    def away(self) -> Iterable[int]:
        """The numbers of those who are."""
        return self._away

    def is_away(self, number: int) -> bool:
        """A charge point has not come back yet, and nobody else has kept it from doing so."""
        return number in self._away

    def back(self, number: int, now_ns: int) -> None:
        """A charge point is back, or somebody else keeps it from coming back."""
        since_ns = self._away.pop(number, None)
        if since_ns is not None:
            self._absences += ABSENCE.pack(number, self._us(since_ns), self._us(now_ns))

    def report(self, *, final: bool) -> tuple[bytes, bytes]:
        """CALLs in flight and absences since the last call; the final one has those that are not over."""
        if final:
            for number, since_ns in self._away.items():
                self._absences += ABSENCE.pack(number, self._us(since_ns), STILL_AWAY_US)
        taken = bytes(self._in_flight), bytes(self._absences)
        self._in_flight.clear()
        self._absences.clear()
        return taken

    def _us(self, instant_ns: int) -> int:
        return max(instant_ns - self._epoch_ns, 0) // NS_PER_US
