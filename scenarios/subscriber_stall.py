"""Subscriber stall: the central system stands still for three seconds, and everything waits for it.

``loadtest run subscriber_stall --charge-points 1000``. The stall shows in full in response times, counted from when
messages were due; service times show it once for each charge point. Nothing may be lost.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.faults import Pause
from loadtest.scenario.thresholds import Latency


class Beating(ChargePointFleet):
    """Nothing but heartbeats."""


class CentralSystem(CsmsSubscriber):
    """Asks for one every two seconds."""

    heartbeat_interval_s = 2
    faults = (Pause(name="stall", part="subscriber", at_s=2, duration_s=3, recovery_s=3),)
    thresholds = (
        Latency("max", "round_trip", below(6, "s"), phase="fault:stall"),
        Latency("p50", "round_trip", below(500, "ms")),
    )
