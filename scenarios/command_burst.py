"""Command burst: somebody presses a button, and the whole fleet is asked at once.

Two hundred commands a second: ``loadtest run command_burst --charge-points 1000 --duration 10s``. Look at the command
leg, which somebody waits for, and at whether the charge points' own messages suffer from it.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.thresholds import Latency


class Idle(ChargePointFleet):
    """Nobody charges; what a TriggerMessage asks for comes on top of the heartbeats."""

    profile = ChargePointProfile(connectors=2)


class CentralSystem(CsmsSubscriber):
    """Reads configurations, changes them, and asks for reports."""

    heartbeat_interval_s = 10
    commands = CommandLoad(rates={"GetConfiguration": 80.0, "ChangeConfiguration": 40.0, "TriggerMessage": 80.0})
    thresholds = (
        Latency("p99", "command", below(2, "s")),
        Latency("p99", "round_trip", below(1, "s")),
    )
