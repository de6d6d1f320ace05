"""Churn: nothing stays as it is. Links fail, drivers come and go, commands are sent, charge points restart.

``loadtest run churn --charge-points 300 --duration 20m``. Whatever is made for a connection, a transaction or a command
has to be given back: the memory of every process has to stay flat, which the summary tells after ten minutes and more.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.link_presets import LTE_GARAGE
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.reconnect import LIBOCPP, MICRO_OCPP, OCPP_GO, Mixture
from loadtest.scenario.thresholds import Latency


class Garage(ChargePointFleet):
    """Two drivers in five minutes; the link away every minute and a half, of one in thirty without a word."""

    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=600,
            stay_s=exponential(60),
            energy_wh=constant(10_000),
            vehicle_power_w=11_000,
            battery_wh=60_000,
        ),
        meter_interval_s=10,
        link=replace(LTE_GARAGE, time_scale=60),
        reconnect=Mixture(((3, LIBOCPP), (2, MICRO_OCPP), (1, OCPP_GO))),
        configuration={"WebSocketPingInterval": "10"},
        reboot_s=2,
    )


class CentralSystem(CsmsSubscriber):
    """Asks, changes and restarts."""

    heartbeat_interval_s = 15
    commands = CommandLoad(
        rates={
            "ChangeConfiguration": 1.0,
            "GetConfiguration": 1.0,
            "RemoteStartTransaction": 2.0,
            "RemoteStopTransaction": 2.0,
            "Reset": 0.2,
            "SetChargingProfile": 1.0,
            "TriggerMessage": 2.0,
        },
        payloads={"Reset": {"type": "Soft"}},
    )
    thresholds = (Latency("p50", "round_trip", below(2, "s")),)  # what waits for a link stands in those above it
