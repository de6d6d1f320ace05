"""Peak hour: the morning rush at public charge points, and the motorway beside them.

An hour passes in a minute: ``loadtest run peak_hour --charge-points 2000 --duration 1m``. Charge points
connect before seven, in the ten minutes that a ramp of ten seconds stands for.
"""

from msgspec.structs import replace

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.profiles import AC_PUBLIC, DC_FAST
from loadtest.scenario.thresholds import Latency

HOUR_IN_A_MINUTE = 60
BEFORE_SEVEN = 6 + 50 / 60


class Kerb(ChargePointFleet):
    """Four of five charge points stand at the kerb; seven o'clock is their busiest hour."""

    weight = 4
    profile = replace(AC_PUBLIC, time_scale=HOUR_IN_A_MINUTE, hour_at_start=BEFORE_SEVEN, meter_interval_s=5)


class Motorway(ChargePointFleet):
    """One of five is a fast charger, where a visit of half an hour takes half a minute."""

    weight = 1
    profile = replace(DC_FAST, time_scale=HOUR_IN_A_MINUTE, hour_at_start=BEFORE_SEVEN, meter_interval_s=2)


class CentralSystem(CsmsSubscriber):
    """Asks for a heartbeat every fifteen seconds."""

    heartbeat_interval_s = 15
    thresholds = (
        Latency("p99", "round_trip", below(1, "s")),
        Latency("p99", "register", below(5, "s")),
    )
