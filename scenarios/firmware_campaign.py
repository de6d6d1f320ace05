"""Firmware campaign: new firmware is rolled out, and charge points download, install, restart and report each step.

``loadtest run firmware_campaign --charge-points 1000 --duration 1m --drain-timeout 30s``. Five times a second another
charge point is sent for its firmware; one in fifty fails. The drain waits for those that are still at it.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.bounds import below
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.thresholds import Latency


class Updated(ChargePointFleet):
    """Half a minute of updating shortened to six seconds."""

    profile = ChargePointProfile(connectors=2, download_s=2, install_s=2, reboot_s=2, firmware_failure=0.02)


class CentralSystem(CsmsSubscriber):
    """Rolls out signed firmware to those who know it, and asks the others as OCPP 1.6 had it first."""

    heartbeat_interval_s = 10
    commands = CommandLoad(rates={"SignedUpdateFirmware": 4.0, "UpdateFirmware": 1.0})
    thresholds = (
        Latency("p99", "command", below(2, "s")),
        Latency("p99", "round_trip", below(1, "s")),
    )
