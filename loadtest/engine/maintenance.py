"""Maintenance of one charge point: the firmware update and the uploads under way, and what is left of them.

Nothing is downloaded or uploaded: a load test must neither fetch from nor push to addresses that a message names.
Transfers take the profile's time and fail with its probability; every message about them is sent as if they were real.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from loadtest.engine.sending import RETIRED
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.firmware_update import FirmwareUpdate
    from loadtest.engine.upload import Upload

_RETRY_INTERVAL_S = 60
_LONGEST_INTERVAL_S = 86_400


class Procedure:
    """Steps that follow one another, each at its instant, until the last one is done or it is cancelled.

    Attributes:
        charge_point: Whose procedure it is.
        over: Nothing of it will happen any more.
    """

    __slots__ = ("charge_point", "over")

    def __init__(self, charge_point: ChargePoint) -> None:
        self.charge_point = charge_point
        self.over = False

    def then(self, due_ns: int, step: Callable[[int], None]) -> None:
        """The next step is due at ``due_ns``; it takes the instant it comes at."""
        self.charge_point.fleet.at(due_ns, functools.partial(self._take, step))

    def _take(self, step: Callable[[int], None], due_ns: int) -> None:
        if not self.over and self.charge_point.state != RETIRED:
            step(due_ns)


class Retries:
    """How often a transfer may still be tried again, and after which wait (``retries``, ``retryInterval``).

    A request that leaves it to the charge point gets no retry, and an interval of one minute.
    """

    __slots__ = ("interval_ns", "left")

    def __init__(self, request: dict[str, Any]) -> None:
        interval_s = int(request.get("retryInterval", _RETRY_INTERVAL_S))
        self.left = int(request.get("retries", 0))
        self.interval_ns = min(max(0, interval_s), _LONGEST_INTERVAL_S) * NS_PER_S

    def take(self) -> bool:
        """Use one up, if there is one."""
        self.left -= 1
        return self.left >= 0


class Maintenance:
    """What a charge point remembers of its maintenance.

    Attributes:
        update: The latest firmware update, perhaps over.
        diagnostics: The latest upload for GetDiagnostics, perhaps over.
        log: The latest upload for GetLog, perhaps over.
        firmware_version: The version an update has brought; empty before the first.
        files: How many files have been named so far.
    """

    __slots__ = ("diagnostics", "files", "firmware_version", "log", "update")

    def __init__(self) -> None:
        self.update: FirmwareUpdate | None = None
        self.diagnostics: Upload | None = None
        self.log: Upload | None = None
        self.firmware_version = ""
        self.files = 0


def progress(status: bytes, request_id: int | None = None) -> bytes:
    """The payload of every notification about firmware, diagnostics and logs."""
    return (
        b'{"status":"%b"}' % status if request_id is None else b'{"status":"%b","requestId":%d}' % (status, request_id)
    )


def maintenance_of(charge_point: ChargePoint) -> Maintenance:
    """A charge point's maintenance, made when first needed."""
    features = charge_point.features
    if features.maintenance is None:
        features.maintenance = Maintenance()
    return features.maintenance


def maintenance_or_none(charge_point: ChargePoint) -> Maintenance | None:
    """A charge point's maintenance, if there was ever any."""
    features = charge_point.features_or_none
    return None if features is None else features.maintenance


def firmware_version(charge_point: ChargePoint) -> str:
    """What runs on a charge point now: the version of its profile, or the one an update has brought."""
    maintenance = maintenance_or_none(charge_point)
    updated = maintenance.firmware_version if maintenance is not None else ""
    return updated or charge_point.profile.firmware_version


def resume_after_boot(charge_point: ChargePoint, now_ns: int) -> None:
    """A BootNotification was accepted: an update that waited for the restart is now installed."""
    maintenance = maintenance_or_none(charge_point)
    if maintenance is not None and maintenance.update is not None:
        maintenance.update.booted(now_ns)


def is_transferable(charge_point: ChargePoint, location: str) -> bool:
    """Whether a charge point could reach a location: its scheme is among ``SupportedFileTransferProtocols``."""
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme.upper() in charge_point.configuration.items("SupportedFileTransferProtocols")
