"""Clock-aligned spike: the clocks of all charge points strike together, and every connector sends its meter values.

A quarter of an hour is shortened to ten seconds: ``loadtest run clock_aligned_spike --charge-points 1000``. Between the
spikes there is next to nothing to do, so the mean rate says little; look at the rate second by second.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.measurands import ENERGY_REGISTER
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.thresholds import Latency


class Metered(ChargePointFleet):
    """Two connectors, each read on every tenth second of the clock, whether somebody charges or not."""

    profile = ChargePointProfile(
        connectors=2,
        clock_aligned_s=10,
        aligned_measurands=(ENERGY_REGISTER, "Power.Active.Import", "Current.Import", "Voltage"),
    )


class CentralSystem(CsmsSubscriber):
    """Asks for a heartbeat every thirty seconds."""

    heartbeat_interval_s = 30
    thresholds = (
        Latency("p99", "round_trip", below(1, "s")),
        Latency("p99", "register", below(5, "s")),
    )
