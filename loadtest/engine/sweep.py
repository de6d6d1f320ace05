"""Looking after a fleet's timeouts, a share at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine.sending import CONNECTING
from loadtest.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet

_INTERVAL_NS = 100 * NS_PER_MS
_SHARES = 10


class Sweep:
    """Visits a tenth of the fleet at a time, so that each charge point is seen once a second.

    Args:
        fleet: Whose clock and checks it uses, and whose books are given the time to fold what they have taken.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._shares: list[list[ChargePoint]] = [[] for _ in range(_SHARES)]
        self._turns = itertools.cycle(self._shares)

    def share_out(self, charge_points: Mapping[int, ChargePoint]) -> None:
        """Cut the fleet into the shares that are swept in turn, the same whichever engine has a charge point."""
        for share in self._shares:
            share.clear()
        for number, charge_point in charge_points.items():
            self._shares[number % _SHARES].append(charge_point)

    def start(self, start_ns: int) -> None:
        """Sweep from then on."""
        self._fleet.at(start_ns, self._visit)

    def _visit(self, due_ns: int) -> None:
        now_ns = monotonic_ns()
        for charge_point in next(self._turns):
            if charge_point.call_id is not None or charge_point.state == CONNECTING:
                charge_point.expire(now_ns)
        self._fleet.books.fold_if_large()
        self._fleet.checks.check_some()
        self._fleet.at(max(due_ns + _INTERVAL_NS, now_ns), self._visit)
