"""Faults of the network that the scenario wants, done to a fleet: connections reset, and none made meanwhile."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.transport import tcp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.network_fault import NetworkFault
    from loadtest.engine.registration import RegisteringConnection

_AT_ONCE = 200
"""Resetting a connection takes some 40 µs: so many hold up what is due meanwhile by less than 10 ms."""


class FaultCuts:
    """The faults of a run, one at a time.

    Args:
        fleet: Whose connections they take.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._fault: NetworkFault | None = None

    def cut_off(self, fault: NetworkFault) -> None:
        """Reset the connections that a fault hits, and have none of them made until it is over.

        Many take a while: what is due meanwhile at those whose turn is yet to come is not kept waiting.
        """
        self._fault = fault
        self._cut_some(fault, filter(fault.hits, list(self._fleet.cohorts.charge_points.values())))

    def _cut_some(self, fault: NetworkFault, left: Iterator[ChargePoint]) -> None:
        some = list(islice(left, _AT_ONCE))
        for charge_point in some:
            if charge_point.transport is not None:
                charge_point.books.counters.cut_by_fault += 1
                self._fleet.connections.take_away(charge_point)
                tcp.reset_when_aborted(charge_point.transport)
                charge_point.abort()
            elif fault.until_ns:
                self._fleet.connections.stop_attempt(charge_point)
        if len(some) == _AT_ONCE:
            self._fleet.at(monotonic_ns(), lambda _: self._cut_some(fault, left))

    def keeps_away(self, charge_point: RegisteringConnection) -> bool:
        """Whether a charge point has no network now."""
        return self._fault is not None and self._fault.keeps_away(charge_point, monotonic_ns())
