"""Three networks: a third of the charge points each on a line of their own, on LTE in a garage, on 2G in the country.

For 300 charge points: ``loadtest run three_networks --charge-points 300 --duration 40s``. A day of their links passes
in twelve minutes. Made for comparing the two paths: the plan ``gateway_vs_direct``.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.link_presets import FIBER, LTE_GARAGE, RURAL_2G
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.reconnect import CappedDoubling
from loadtest.scenario.thresholds import Latency

BUSY = ChargePointProfile(
    connectors=2,
    drivers=Drivers(
        per_day=2_000,
        stay_s=exponential(15),
        energy_wh=constant(10_000),
        vehicle_power_w=11_000,
        battery_wh=60_000,
    ),
    meter_interval_s=5,
    reconnect=CappedDoubling(minimum_s=1, maximum_s=4),
    configuration={"WebSocketPingInterval": "10"},
)


class Fiber(ChargePointFleet):
    """Fails hardly ever."""

    profile = replace(BUSY, id_prefix="fiber-", link=replace(FIBER, time_scale=120))


class Garage(ChargePointFleet):
    """Away every 45 seconds for a moment."""

    profile = replace(BUSY, id_prefix="lte-", link=replace(LTE_GARAGE, time_scale=120, down_median_s=120))


class Country(ChargePointFleet):
    """Away more often, and slow."""

    profile = replace(BUSY, id_prefix="2g-", link=replace(RURAL_2G, time_scale=120, down_median_s=120))


class CentralSystem(CsmsSubscriber):
    """Answers everything."""

    heartbeat_interval_s = 10
    thresholds = (Latency("p50", "round_trip", below(5, "s")),)
