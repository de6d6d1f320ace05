"""A scenario for tests: half of the charge points lose their network and are refused; then a rolling restart."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.limits import Limits
from loadtest.scenario.faults import Outage, Refuse, Restart
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import CappedDoubling


class Beating(ChargePointFleet):
    """Nothing but heartbeats, and soon back."""

    profile = ChargePointProfile(reconnect=CappedDoubling(minimum_s=0.2, maximum_s=0.5))


class CentralSystem(CsmsSubscriber):
    """Asks for one every two seconds."""

    heartbeat_interval_s = 2
    faults = (
        Outage(name="cut", share=0.5, at_s=1, duration_s=1),
        Refuse(name="busy", status=429, at_s=2, duration_s=1, recovery_s=1),
        Restart(name="rolling", part="gateway", rolling=True, at_s=4, duration_s=2, recovery_s=2),
    )
    limits = Limits(
        unanswered=None,
        lost=None,
        dropped_share=None,
        pacer_p99_us=None,
        generator_cpu_percent=None,
        coalesced_intervals=None,
        standstill_us=None,
    )
