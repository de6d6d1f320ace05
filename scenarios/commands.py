"""Commands: the central system exercises everything it can ask of a charge point.

For 500 charge points: ``loadtest run commands --charge-points 500 --duration 60s --drain-timeout 30s``. The drain
waits for charge points that update their firmware, which takes them up to half a minute.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.scenario.bounds import below
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant
from loadtest.scenario.thresholds import Latency

OFTEN = {
    "ChangeConfiguration": 5.0,
    "GetConfiguration": 5.0,
    "RemoteStartTransaction": 5.0,
    "RemoteStopTransaction": 5.0,
    "SetChargingProfile": 5.0,
    "TriggerMessage": 5.0,
}
RESTARTING = {"Reset": 0.5, "SignedUpdateFirmware": 0.2, "UpdateFirmware": 0.2}
"""A charge point that restarts is left alone until it is back, as a backend would do."""


class PublicAc(ChargePointFleet):
    """Busy enough that there are transactions to stop, and quick to restart."""

    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=2400,
            stay_s=constant(15),
            energy_wh=constant(10_000),
            vehicle_power_w=11_000,
            battery_wh=60_000,
        ),
        meter_interval_s=5,
        configuration={"CpoName": "loadtest"},  # without it nobody asks for a certificate
        reboot_s=2,
        download_s=3,
        install_s=3,
        upload_s=2,
    )


class CentralSystem(CsmsSubscriber):
    """Some fifty commands a second, every action among them.

    Resets are soft ones: transactions end first, and what is under way is answered.
    """

    heartbeat_interval_s = 10
    commands = CommandLoad(
        rates=dict.fromkeys(FROM_CENTRAL_SYSTEM, 1.0) | OFTEN | RESTARTING,
        payloads={"Reset": {"type": "Soft"}},
    )
    thresholds = (
        Latency("p99", "command", below(2, "s")),
        Latency("p99", "round_trip", below(1, "s")),
    )
