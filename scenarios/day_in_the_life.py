"""A day in the life of a mixed fleet: 24 hours in four minutes, from midnight to midnight.

``loadtest run day_in_the_life --charge-points 2000 --duration 4m``. Night at the wall boxes, rush at the
kerb, noon at the motorway, and in the afternoon the vans come home.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.profiles import AC_PUBLIC, DC_FAST, DEPOT, HOME
from loadtest.scenario.thresholds import Latency


def in_four_minutes(profile: ChargePointProfile) -> ChargePointProfile:
    """The same charge point when ten seconds are an hour; its meter keeps pace."""
    return replace(profile, time_scale=360, hour_at_start=0, meter_interval_s=2, clock_aligned_s=0)


class Kerb(ChargePointFleet):
    """Public charge points: half of the fleet."""

    weight = 5
    profile = in_four_minutes(AC_PUBLIC)


class Home(ChargePointFleet):
    """Wall boxes."""

    weight = 3
    profile = in_four_minutes(HOME)


class Motorway(ChargePointFleet):
    """Fast chargers."""

    weight = 1
    profile = in_four_minutes(DC_FAST)


class Yard(ChargePointFleet):
    """Delivery vans."""

    weight = 1
    profile = in_four_minutes(DEPOT)


class CentralSystem(CsmsSubscriber):
    """Asks for a heartbeat every fifteen seconds."""

    heartbeat_interval_s = 15
    thresholds = (
        Latency("p99", "round_trip", below(1, "s")),
        Latency("p99", "register", below(5, "s")),
    )
