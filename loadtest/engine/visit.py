"""A driver's visit: which connector, how long, with what car. Drawn from the seed, whatever the network does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.scenario.drivers import Drivers
from loadtest.scenario.quantiles import constant
from loadtest.scenario.vehicle import Vehicle
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.scenario.profile import ChargePointProfile

ANYBODY = Drivers(
    per_day=0, stay_s=constant(3600), energy_wh=constant(20_000), vehicle_power_w=11_000, battery_wh=60_000
)
"""Who comes when the central system starts a transaction at a charge point whose profile knows no drivers."""

PLUG_IN_S = 20.0
"""How long a driver whose transaction was started from afar takes to plug in at most, as in life."""

DRAWS = 6
"""Draws a visit takes: its arrival, then what :func:`visit` needs."""


class Visit:
    """One visit; times already scaled to the run.

    Attributes:
        connector: Where the driver would like to charge.
        stay_ns: How long.
        plug_in_ns: Until the cable is in, when the driver still has to come.
        vehicle: The car.
    """

    __slots__ = ("connector", "plug_in_ns", "stay_ns", "vehicle")

    def __init__(self, connector: int, stay_ns: int, plug_in_ns: int, vehicle: Vehicle) -> None:
        self.connector = connector
        self.stay_ns = stay_ns
        self.plug_in_ns = plug_in_ns
        self.vehicle = vehicle


def visit(profile: ChargePointProfile, share: Callable[[], float], connector: int = 0) -> Visit:
    """Draw a visit.

    Args:
        profile: The kind of charge point.
        share: Gives uniform draws in [0, 1).
        connector: Which one; 0: any.
    """
    drivers = profile.drivers or ANYBODY
    anywhere = 1 + int(share() * profile.connectors)
    stay_s = drivers.stay_s.draw(share()) / profile.time_scale
    vehicle = Vehicle.arriving(drivers, drivers.energy_wh.draw(share()), share())
    plug_in_s = PLUG_IN_S * share() / profile.time_scale
    return Visit(connector or anywhere, int(stay_s * NS_PER_S), int(plug_in_s * NS_PER_S), vehicle)
