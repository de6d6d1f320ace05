"""The members of a fleet: they come and go by cohorts, and connect along the ramp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine.configuration import initial
from loadtest.engine.mqtt_charge_point import MqttChargePoint
from loadtest.engine.sweep import Sweep
from loadtest.engine.websocket_charge_point import WebSocketChargePoint
from loadtest.measure.interval import SentCounts
from loadtest.scenario.schedule import connect_offset_s
from loadtest.scenario.settings import DIRECT, GATEWAY
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.profile import ChargePointProfile


class Cohorts:
    """The charge points of a process, by cohort.

    Args:
        fleet: What they share.

    Attributes:
        charge_points: All of them, by number.
        ramp_has_begun: They connect.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.charge_points: dict[int, ChargePoint] = {}
        self._fleet = fleet
        self._sweep = Sweep(fleet)
        self._counts: dict[int, int] = {}  # of charge points, by the number of a cohort's first
        self._sent: list[SentCounts] = []  # of those that have left
        self.ramp_has_begun = False

    def add(self, first: int, count: int, profile: ChargePointProfile, path: str = GATEWAY) -> None:
        """Take charge of charge points of one kind; they connect with the ramp, or from now on if it has begun."""
        configuration = initial(profile, self._fleet.settings.call_timeout_s)
        self._counts[first] = count
        kind = MqttChargePoint if path == DIRECT else WebSocketChargePoint
        for number in range(first, first + count):
            self.charge_points[number] = kind(self._fleet, number, profile, configuration)
            self._fleet.links.add(self.charge_points[number])
        self._sweep.share_out(self.charge_points)
        if self.ramp_has_begun:
            self._schedule_connects(first, count, monotonic_ns())

    def remove(self, first: int) -> None:
        """Disconnect a cohort for good; its counts stay."""
        count = self._counts.pop(first, 0)
        leaving = [self.charge_points.pop(number) for number in range(first, first + count)]
        self._sweep.share_out(self.charge_points)
        for charge_point in leaving:
            self._fleet.connections.retire(charge_point)
        self._sent.append(_sent_counts(first, leaving))

    def begin_ramp(self, start_ns: int) -> None:
        """The schedule of connects counts from then on, and timeouts are looked after."""
        self.ramp_has_begun = True
        for first, count in self._counts.items():
            self._schedule_connects(first, count, start_ns)
        self._sweep.start(start_ns)

    def _schedule_connects(self, first: int, count: int, start_ns: int) -> None:
        fleet, settings = self._fleet, self._fleet.settings
        for number in range(first, first + count):
            offset_s = connect_offset_s(settings.ramp_s, settings.charge_points, number, fleet.draw(number, 0))
            fleet.at(start_ns + int(offset_s * NS_PER_S), self.charge_points[number].connect)

    def sent(self) -> list[SentCounts]:
        """How many CALLs each charge point has sent."""
        return self._sent + [
            _sent_counts(first, [self.charge_points[number] for number in range(first, first + count)])
            for first, count in self._counts.items()
        ]


def _sent_counts(first: int, charge_points: list[ChargePoint]) -> SentCounts:
    counts = b"".join(charge_point.sequence.to_bytes(4, "little") for charge_point in charge_points)
    return SentCounts(first=first, counts=counts)
