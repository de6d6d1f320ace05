"""The gateway is killed: every charge point loses its connection at once, and all come back at once.

``loadtest run reconnect_storm --charge-points 1000``
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.run_record import Limits
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.faults import Kill
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.thresholds import Latency, Registered


class PublicAc(ChargePointFleet):
    """As in ``steady``; without a connection it waits a second or two, then twice as long each time."""

    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=600,
            stay_s=exponential(20),
            energy_wh=constant(10_000),
            vehicle_power_w=11_000,
            battery_wh=60_000,
        ),
        meter_interval_s=5,
    )


class CentralSystem(CsmsSubscriber):
    """What was under way is cut off; after the recovery no charge point is missing.

    What falls due without a connection is dropped: how much depends on how soon they are back, which is judged.
    """

    heartbeat_interval_s = 10
    faults = (Kill(name="gateway", part="gateway", at_s=5, duration_s=3, recovery_s=20),)
    limits = Limits(lost=None, unanswered=None, absent_at_end=0, dropped_share=None)
    thresholds = (
        Registered(99, below(20, "s"), phase="recovery:gateway"),
        Latency("p50", "round_trip", below(500, "ms")),
    )
