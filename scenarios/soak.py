"""Soak: an ordinary day at an ordinary pace, for as long as it takes to see what grows.

``loadtest run soak --charge-points 5000 --duration 8h``. Look at the memory of gateway and broker, and at whether
latencies of the last hour are those of the first.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.profiles import AC_PUBLIC
from loadtest.scenario.thresholds import Latency


class Kerb(ChargePointFleet):
    """Public charge points as they are, read by the quarter of an hour as well; pinged as a NAT gateway demands it."""

    profile = replace(AC_PUBLIC, clock_aligned_s=900, configuration={"WebSocketPingInterval": "55"})


class CentralSystem(CsmsSubscriber):
    """Asks for a heartbeat every minute."""

    heartbeat_interval_s = 60
    thresholds = (
        Latency("p99", "round_trip", below(500, "ms")),
        Latency("p99", "register", below(5, "s")),
    )
