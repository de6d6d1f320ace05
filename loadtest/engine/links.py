"""The links of a fleet, and the regions they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine.link import Link
from loadtest.measure.interval import RegionalOutage
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.links import LinkModel


class Region:
    """A region whose links fail together; the same in every engine, each acting upon its own charge points.

    Args:
        fleet: Whose clock, seed and counters it uses.
        number: Which one.
        model: The link model that says how often it fails.
    """

    def __init__(self, fleet: Fleet, number: int, model: LinkModel) -> None:
        self._fleet = fleet
        self._number = number
        self._model = model
        self._index = -1
        self._links: dict[int, Link] = {}
        self._is_down = False
        self._untold: list[RegionalOutage] = []
        self._plan(0.0)

    def add(self, link: Link) -> None:
        """A link lies in this region."""
        self._links[link.charge_point.number] = link
        if self._is_down:
            self._take_down(link)

    def remove(self, link: Link) -> None:
        """Its charge point is no more."""
        self._links.pop(link.charge_point.number, None)

    def _plan(self, after_s: float) -> None:
        fleet = self._fleet
        now_s = (monotonic_ns() - fleet.schedules_from_ns) / NS_PER_S
        while True:
            self._index += 1
            start_s, end_s = self._model.regional_outage(fleet.settings.seed, self._number, self._index, after_s)
            if end_s > now_s:
                break
            after_s = end_s
        self._start_s, self._end_s = start_s, end_s
        fleet.at(fleet.schedules_from_ns + int(start_s * NS_PER_S), self._outage_begins)

    def _outage_begins(self, due_ns: int) -> None:
        self._is_down = True
        for link in self._links.values():
            self._take_down(link)
        self._fleet.at(self._fleet.schedules_from_ns + int(self._end_s * NS_PER_S), self._outage_ends)

    def take_untold(self) -> list[RegionalOutage]:
        """How many of our charge points an outage has hit since the last call."""
        untold, self._untold = self._untold, []
        return untold

    def _take_down(self, link: Link) -> None:
        into_run_s = (self._fleet.schedules_from_ns - self._fleet.epoch_ns) / NS_PER_S
        start_s, end_s = round(into_run_s + self._start_s, 3), round(into_run_s + self._end_s, 3)
        if not self._untold or self._untold[-1].start_s != start_s:
            self._untold.append(RegionalOutage(region=self._number, charge_points=0, start_s=start_s, end_s=end_s))
        self._untold[-1].charge_points += 1
        link.charge_point.books.counters.link_outages_regional += 1
        number = link.charge_point.number
        link.go_down(self._model.regional_ending(self._fleet.settings.seed, number, self._index))

    def _outage_ends(self, due_ns: int) -> None:
        self._is_down = False
        for link in self._links.values():
            link.come_up()
        self._plan(self._end_s)


class Links:
    """The links of those charge points that have one.

    Args:
        fleet: Whose they are.

    Attributes:
        of: The link of a charge point by its number; None for those without.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._links: dict[int, Link] = {}
        self._regions: dict[tuple[LinkModel, int], Region] = {}
        self.of: Callable[[int], Link | None] = self._links.get

    def add(self, charge_point: ChargePoint) -> None:
        """A charge point has come; it gets a link if its profile has a model of one."""
        model = charge_point.profile.link
        if model is None:
            return
        link = self._links[charge_point.number] = Link(self._fleet, charge_point, model)
        if self._fleet.schedules_from_ns:
            self._follow_schedule(link)

    def follow_schedules(self) -> None:
        """The ramp has begun, which is where the schedules of outages count from."""
        for link in self._links.values():
            self._follow_schedule(link)

    def _follow_schedule(self, link: Link) -> None:
        link.follow_schedule()
        if link.model.regional is not None:
            place = link.model, link.model.region_of(link.charge_point.number)
            if place not in self._regions:
                self._regions[place] = Region(self._fleet, place[1], link.model)
            self._regions[place].add(link)

    def count_bytes(self) -> None:
        """Have those counted that connections still there have carried, those only the peer still has among them."""
        for link in self._links.values():
            for connection in (link.connection, link.ghost):
                if connection is not None and connection.below is not None:
                    link.charge_point.books.wire_bytes.add(connection.below)

    def retire(self, charge_point: ChargePoint) -> None:
        """A charge point is about to leave for good."""
        link = self._links.pop(charge_point.number, None)
        if link is not None:
            link.retire()
            if link.model.regional is not None and self._fleet.schedules_from_ns:
                self._regions[link.model, link.model.region_of(charge_point.number)].remove(link)

    @property
    def down(self) -> int:
        """How many are down."""
        return sum(link.is_down for link in self._links.values())

    @property
    def half_open(self) -> list[ChargePoint]:
        """Whose connections are half-open, and not noticed yet."""
        return [link.charge_point for link in self._links.values() if link.is_half_open]

    def take_regional_outages(self) -> list[RegionalOutage]:
        """Those that have begun since the last call."""
        return [outage for region in self._regions.values() for outage in region.take_untold()]
