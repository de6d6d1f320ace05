"""The broker is killed and started again: who comes back, how soon, and what was lost on the way.

``loadtest run broker_restart --charge-points 1000``; with ``--qos 0`` and with ``--qos 1``.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.measure.run_record import Limits
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.faults import Kill
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.thresholds import Latency


class PublicAc(ChargePointFleet):
    """As in ``steady``: 600 drivers a day, each stays twenty seconds. An answer is waited for eight seconds."""

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
        # Whoever waits longer for an answer that is lost falls silent meanwhile, and the gateway gives it up.
        # A transaction message that was lost follows soon, and not after the run.
        configuration={"MessageTimeout": "8", "TransactionMessageRetryInterval": "2"},
    )


class CentralSystem(CsmsSubscriber):
    """What the broker held dies with it. Charge points keep their connections, and everyone is answered again."""

    heartbeat_interval_s = 10
    faults = (Kill(name="broker", part="broker", at_s=5, duration_s=3, recovery_s=20),)
    limits = Limits(lost=None, unanswered=None, dropped_share=0.05)
    thresholds = (Latency("p50", "round_trip", below(500, "ms")),)
