"""A fleet that rests: heartbeats every five minutes and nothing else."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.profile import ChargePointProfile


class Resting(ChargePointFleet):
    """One connector, no drivers, no pings."""

    profile = ChargePointProfile(connectors=1, configuration={"WebSocketPingInterval": "0"})


class CentralSystem(CsmsSubscriber):
    """Answers everything and asks for a heartbeat every five minutes."""

    heartbeat_interval_s = 300
