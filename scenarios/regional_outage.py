"""Regional outage: all charge points of a region lose their connections at once, and return when the network does.

For 1,000 charge points: ``loadtest run regional_outage --charge-points 1000 --duration 60s``. Nothing of the system
under test breaks: what was under way on the links that went down is lost with them, and nothing else may be.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.links import LinkModel, RegionalOutages
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential
from loadtest.scenario.reconnect import LIBOCPP
from loadtest.scenario.thresholds import Latency


class FourRegions(ChargePointFleet):
    """Good links, but a region's network fails every twenty seconds or so for about four: abruptly, for everyone there.

    Cars go on charging meanwhile; what happens is told afterwards, in order.
    """

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
        link=LinkModel(
            mean_up_s=86_400,
            close_weight=0,
            half_open_weight=0,
            regional=RegionalOutages(regions=4, mean_between_s=20, median_s=4, spread=1.5),
        ),
        reconnect=LIBOCPP,
    )


class CentralSystem(CsmsSubscriber):
    """Answers everything and asks for a heartbeat every ten seconds."""

    heartbeat_interval_s = 10
    thresholds = (Latency("p50", "round_trip", below(1, "s")),)
