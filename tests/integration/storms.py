"""A scenario for tests: half of the charge points are cut off, then the gateway's processes are restarted in turn."""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.run_record import Limits
from loadtest.scenario.faults import Cut, Restart


class Beating(ChargePointFleet):
    """Nothing but heartbeats."""


class CentralSystem(CsmsSubscriber):
    """Asks for one every two seconds."""

    heartbeat_interval_s = 2
    faults = (
        Cut(name="cut", share=0.5, at_s=1, recovery_s=4),
        Restart(name="rolling", part="gateway", rolling=True, at_s=7, duration_s=3, recovery_s=6),
    )
    limits = Limits(unanswered=None, lost=None, dropped_share=None)
