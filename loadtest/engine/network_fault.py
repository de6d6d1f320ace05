"""A fault of the network that the scenario wants: whom it hits, and until when nobody of them can connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.scenario.schedule import uniform

if TYPE_CHECKING:
    from loadtest.engine.registration import RegisteringConnection


class NetworkFault(NamedTuple):
    """The same charge points in however many engines.

    Attributes:
        seed: Of the run.
        share: How many of the charge points in question.
        draw: Which of their random numbers decides.
        regions: Only those in these regions of their link models; none: wherever they are.
        until_ns: When connections can be made again.
    """

    seed: int
    share: float
    draw: int
    regions: tuple[int, ...]
    until_ns: int

    def hits(self, charge_point: RegisteringConnection) -> bool:
        """Whether a charge point is one of those."""
        link, number = charge_point.profile.link, charge_point.number
        if self.regions and (link is None or link.regional is None or link.region_of(number) not in self.regions):
            return False
        return uniform(self.seed, number, self.draw) < self.share

    def keeps_away(self, charge_point: RegisteringConnection, now_ns: int) -> bool:
        """Whether a charge point has no network now."""
        return now_ns < self.until_ns and self.hits(charge_point)
