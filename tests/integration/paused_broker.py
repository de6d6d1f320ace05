"""A scenario for tests: charge points that beat every second, and a broker that stands still for two."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.limits import Limits
from loadtest.scenario.faults import Pause


class Beating(ChargePointFleet):
    """Nothing but heartbeats."""


class CentralSystem(CsmsSubscriber):
    """Asks for one a second."""

    heartbeat_interval_s = 1
    limits = Limits(pacer_p99_us=None, generator_cpu_percent=None, coalesced_intervals=None, standstill_us=None)
    faults = (Pause(name="pause", part="broker", at_s=1, duration_s=2, recovery_s=1),)
