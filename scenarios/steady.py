"""Steady state: every charge point is registered, beats, and now and then charges a car."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.thresholds import Latency


class PublicAc(ChargePointFleet):
    """Two connectors; 600 drivers a day, one every 144 seconds, each stays twenty seconds."""

    profile = ChargePointProfile(
        connectors=2,
        power_w=11_000,
        drivers=Drivers(
            per_day=600,
            stay_s=exponential(20),
            energy_wh=constant(10_000),
            vehicle_power_w=11_000,
            battery_wh=60_000,
        ),
        meter_interval_s=5,
    )


class CentralSystem(CsmsSubscriber):
    """Answers everything and asks for a heartbeat every ten seconds."""

    heartbeat_interval_s = 10
    thresholds = (
        Latency("p99", "round_trip", below(500, "ms")),
        Latency("p99", "register", below(5, "s")),
    )
