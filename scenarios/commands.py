"""Commands: the central system exercises everything it can ask of a charge point.

For 500 charge points: ``loadtest run commands --charge-points 500 --duration 60s``.
"""

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.profile import ChargePointProfile

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
    """Two connectors, and drivers who come now and then."""

    profile = ChargePointProfile()


class CentralSystem(CsmsSubscriber):
    """Some fifty commands a second, every action among them."""

    heartbeat_interval_s = 10
    commands = CommandLoad(rates=dict.fromkeys(FROM_CENTRAL_SYSTEM, 1.0) | OFTEN | RESTARTING)
