"""Flapping links: connections come and go all the time, each in its own way, and every charge point comes back.

For 500 charge points: ``loadtest run flapping_links --charge-points 500 --duration 120s``. What the links took is
told apart; nothing else may be lost, unanswered, or away at the end.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.link_presets import LTE_GARAGE
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.reconnect import LIBOCPP, MICRO_OCPP, OCPP_GO, Mixture
from loadtest.scenario.thresholds import Latency


class UndergroundGarage(ChargePointFleet):
    """Links of a garage, a day of which passes in twelve minutes: away every 45 seconds for one or two.

    So that outages are not over before anyone notices, they last four times as long as a garage's.
    """

    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=600,
            stay_s=exponential(20),
            energy_wh=constant(10_000),
            vehicle_power_w=11_000,
            battery_wh=60_000,
        ),
        meter_interval_s=5,
        link=replace(LTE_GARAGE, time_scale=120, down_median_s=120),
        reconnect=Mixture(((3, LIBOCPP), (2, MICRO_OCPP), (1, OCPP_GO))),
        configuration={"WebSocketPingInterval": "10"},
    )


class CentralSystem(CsmsSubscriber):
    """Answers everything and asks for a heartbeat every ten seconds, which is how half-open links are noticed."""

    heartbeat_interval_s = 10
    thresholds = (Latency("p50", "round_trip", below(2, "s")),)
