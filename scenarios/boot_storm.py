"""Boot storm: power is back, and the whole fleet connects and boots within a few seconds.

For 2,000 charge points in three seconds: ``loadtest run boot_storm --charge-points 2000 --ramp 3s --duration 20s``.
The phase to look at is ``ramp``: connect rate, handshakes refused, and how long it took to register.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import CappedDoubling
from loadtest.scenario.thresholds import Latency, Registered


class ColdStart(ChargePointFleet):
    """Nobody charges: a power cut has ended every transaction. Who is refused tries again after half a second."""

    profile = ChargePointProfile(connectors=2, reconnect=CappedDoubling(minimum_s=0.5, maximum_s=10))


class CentralSystem(CsmsSubscriber):
    """Lets everybody in and asks for a heartbeat every thirty seconds."""

    heartbeat_interval_s = 30
    thresholds = (
        Registered(99, below(30, "s")),
        Latency("p99", "register", below(15, "s")),
    )
