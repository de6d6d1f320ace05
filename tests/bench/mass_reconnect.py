"""A fleet that loses its network all at once, and comes back as OCPP charge points do: each after a wait of its own."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.run_record import Limits
from loadtest.scenario.bounds import below
from loadtest.scenario.faults import Outage
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import BackOff
from loadtest.scenario.thresholds import Registered


class Returning(ChargePointFleet):
    """One connector, no drivers, no pings; without a connection it waits 10 to 40 s, then about twice as long."""

    profile = ChargePointProfile(
        connectors=1,
        configuration={"WebSocketPingInterval": "0"},
        reconnect=BackOff(minimum_s=10, random_s=30, doublings=3),
    )


class CentralSystem(CsmsSubscriber):
    """Heartbeats each minute; 99 in 100 are to be back 45 s after the network, and nobody may be missing at the end."""

    heartbeat_interval_s = 60
    faults = (Outage(name="network", at_s=20, duration_s=10, recovery_s=50),)
    limits = Limits(dropped_share=None)  # heartbeats that fall due without a network
    thresholds = (Registered(99, below(45, "s"), phase="recovery:network"),)
