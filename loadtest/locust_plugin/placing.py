"""Which engine of a worker has which charge points."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.locust_plugin.child import Child
    from loadtest.locust_plugin.users import ChargePointFleet


class Cohort(NamedTuple):
    """Charge points of a user, and the engine they are in."""

    fleet_class: str
    first: int
    charge_points: int
    engine: Child


class Placing:
    """Spreads cohorts over engines so that each has the same mix."""

    def __init__(self) -> None:
        self._cohorts: dict[ChargePointFleet, Cohort] = {}
        self._held: defaultdict[Child, Counter[str]] = defaultdict(Counter)  # charge points by class

    def place(self, user: ChargePointFleet, first: int, count: int, engines: Sequence[Child]) -> Child:
        """Choose the engine with fewest charge points of the user's class; among these, the one with fewest of all."""
        fleet_class = type(user).__name__
        engine = min(engines, key=lambda each: (self._held[each][fleet_class], self._held[each].total()))
        self._held[engine][fleet_class] += count
        self._cohorts[user] = Cohort(fleet_class, first, count, engine)
        return engine

    def release(self, user: ChargePointFleet) -> Cohort | None:
        """A user gives its charge points up; returns which, if it has any."""
        cohort = self._cohorts.pop(user, None)
        if cohort is not None:
            self._held[cohort.engine][cohort.fleet_class] -= cohort.charge_points
        return cohort

    def forget(self) -> None:
        """Nobody has any charge points left to give up."""
        self._cohorts.clear()
        self._held.clear()
