"""A firmware update, unsigned (OCPP 1.6 sections 4.5 and 5.19) or signed (security whitepaper, L01).

Nothing is downloaded, so the outcome is drawn once, from the profile's ``firmware_failure``: a failing update fails
in its download, signature (if signed) or installation, each as likely as the others. A download that fails does so
at every attempt. A signature that is not base64 never verifies, and a location whose scheme is not among
``SupportedFileTransferProtocols`` is never reached.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from loadtest.engine import security_events
from loadtest.engine.maintenance import Procedure, Retries, is_transferable, maintenance_of, progress
from loadtest.engine.operations import FIRMWARE_STATUS_NOTIFICATION, SIGNED_FIRMWARE_STATUS_NOTIFICATION
from loadtest.engine.reset import stop_all
from loadtest.protocol import connector_states as states
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_DOWNLOAD, _SIGNATURE, _INSTALLATION = "download", "signature", "installation"
_WAIT_NS = NS_PER_S  # between looks at whether a transaction still runs, and for a last message before the restart
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_LONGEST_VERSION = 50
_INSTALLED = b"Installed"


class FirmwareUpdate(Procedure):
    """One update, from its request to *Installed* after the restart, or to the failure.

    Until the installation begins it can be cancelled; from then on it cannot.

    Args:
        charge_point: Who is updated.
        location: Where the firmware would come from; a version number in its last part is what it brings.
        request: The request, for its ``retries`` and ``retryInterval``.
        request_id: What the notifications name; ``None``: an unsigned update.
        signature: The firmware's signature in base64.
        install_ns: The installation may not begin before.

    Attributes:
        status: The last status reported; empty before the first.
        installing: The installation has begun.
    """

    __slots__ = (
        "_closed",
        "_install_ns",
        "_installed_ns",
        "_restarting",
        "_retries",
        "_version",
        "_weak_point",
        "installing",
        "request_id",
        "status",
    )

    def __init__(
        self,
        charge_point: ChargePoint,
        location: str,
        request: dict[str, Any],
        *,
        request_id: int | None = None,
        signature: str = "",
        install_ns: int = 0,
    ) -> None:
        super().__init__(charge_point)
        self.request_id = request_id
        self.status = b""
        self.installing = self._restarting = False
        self._retries = Retries(request)
        self._install_ns = install_ns
        self._installed_ns = 0
        self._closed: set[int] = set()
        version = _VERSION.search(location.rpartition("/")[2])
        self._version = version[0][:_LONGEST_VERSION] if version else ""
        self._weak_point = self._draw_weak_point()
        if request_id is not None and not _is_base64(signature) and self._weak_point != _DOWNLOAD:
            self._weak_point = _SIGNATURE
        if not is_transferable(charge_point, location):
            self._weak_point = _DOWNLOAD

    @property
    def is_signed(self) -> bool:
        """It was asked for by SignedUpdateFirmware."""
        return self.request_id is not None

    def begin(self, now_ns: int, retrieve_ns: int) -> None:
        """Download, when it is time."""
        if retrieve_ns <= now_ns:
            self._download(now_ns)
            return
        if self.is_signed:
            self._report(b"DownloadScheduled", now_ns)
        self.then(retrieve_ns, self._download)

    def cancel(self, now_ns: int) -> None:
        """Another update takes its place."""
        self.over = True
        self._open_connectors(now_ns)

    def booted(self, now_ns: int) -> None:
        """The charge point has registered again; what it was restarted for is done."""
        if self.over or not self._restarting:
            return
        self.over = True
        self._open_connectors(now_ns)
        self._report(_INSTALLED, now_ns)
        if self.is_signed:
            security_events.report(self.charge_point, "FirmwareUpdated", now_ns, self._version)

    # Download ---------------------------------------------------------------------------------------------------

    def _download(self, now_ns: int) -> None:
        self._report(b"Downloading", now_ns)
        self.then(now_ns + int(self.charge_point.profile.download_s * NS_PER_S), self._end_download)

    def _end_download(self, now_ns: int) -> None:
        if self._weak_point == _DOWNLOAD:
            if self._retries.take():
                self.then(now_ns + self._retries.interval_ns, self._download)
            else:
                self._fail(b"DownloadFailed", now_ns)
            return
        self._report(b"Downloaded", now_ns)
        if self._weak_point == _SIGNATURE:
            self._fail(b"InvalidSignature", now_ns)
            security_events.report(self.charge_point, "InvalidFirmwareSignature", now_ns)
            return
        if self.is_signed:
            self._report(b"SignatureVerified", now_ns)
        if self._install_ns > now_ns:
            self._report(b"InstallScheduled", now_ns)
            self.then(self._install_ns, self._await_transactions)
        else:
            self._await_transactions(now_ns)

    # Installation -----------------------------------------------------------------------------------------------

    def _await_transactions(self, now_ns: int) -> None:
        """Nobody new may charge; who charges may finish. A connector that gets free is closed within a second."""
        self._close_connectors(now_ns)
        if self.charge_point.transactions:
            self.then(now_ns + _WAIT_NS, self._await_transactions)
        else:
            self._install(now_ns)

    def _install(self, now_ns: int) -> None:
        self.installing = True
        self._installed_ns = now_ns + int(self.charge_point.profile.install_s * NS_PER_S)
        self._report(b"Installing", now_ns)
        self._go_on_installing(now_ns)

    def _go_on_installing(self, now_ns: int) -> None:
        """A connector whose driver leaves only now is closed as well (L01.FR.07)."""
        self._close_connectors(now_ns)
        if now_ns < self._installed_ns:
            self.then(min(now_ns + _WAIT_NS, self._installed_ns), self._go_on_installing)
        else:
            self._end_installation(now_ns)

    def _end_installation(self, now_ns: int) -> None:
        if self._weak_point == _INSTALLATION:
            self._fail(b"InstallationFailed", now_ns)
            self._open_connectors(now_ns)
        elif self.is_signed:
            self._report(b"InstallRebooting", now_ns)
            self.then(now_ns + _WAIT_NS, self._restart)
        else:
            self._restart(now_ns)

    def _restart(self, now_ns: int) -> None:
        self._restarting = True
        if self._version:
            maintenance_of(self.charge_point).firmware_version = self._version
        self.charge_point.reboot(now_ns, self.charge_point.profile.reboot_s)
        stop_all(self.charge_point, now_ns, b"Reboot")  # who found a connector between two looks at them

    # Inside -----------------------------------------------------------------------------------------------------

    def _draw_weak_point(self) -> str:
        """Where it is going to fail; empty: nowhere."""
        probability = self.charge_point.profile.firmware_failure
        draw = self.charge_point.draw()
        if draw >= probability:
            return ""
        places = (_DOWNLOAD, _SIGNATURE, _INSTALLATION) if self.is_signed else (_DOWNLOAD, _INSTALLATION)
        return places[int(draw / probability * len(places))]

    def _fail(self, status: bytes, now_ns: int) -> None:
        self.over = True
        self._report(status, now_ns)

    def _report(self, status: bytes, now_ns: int) -> None:
        self.status = status
        action = SIGNED_FIRMWARE_STATUS_NOTIFICATION if self.is_signed else FIRMWARE_STATUS_NOTIFICATION
        self.charge_point.offer(action, now_ns, progress(status, self.request_id))

    def _close_connectors(self, now_ns: int) -> None:
        """All that are not in use, which ends their reservations (OCPP 1.6 section 5.13)."""
        for number in range(1, self.charge_point.profile.connectors + 1):
            if self.charge_point.connector_status(number) in (states.AVAILABLE, states.RESERVED):
                self.charge_point.connector(number).reservation = None
                self.charge_point.set_status(number, states.UNAVAILABLE, now_ns)
                self._closed.add(number)

    def _open_connectors(self, now_ns: int) -> None:
        """Those that were closed for the update, unless the central system has taken them out of service since."""
        for number in sorted(self._closed):
            connector = self.charge_point.connector(number)
            if connector.operative and connector.status == states.UNAVAILABLE:
                self.charge_point.set_status(number, states.AVAILABLE, now_ns)
        self._closed.clear()


def signed_notification(update: FirmwareUpdate | None) -> bytes:
    """How the signed update stands: its last status, *Idle* after *Installed* and before the first (L01.FR.28, 29)."""
    if update is None or not update.is_signed or update.status in (b"", _INSTALLED):
        return progress(b"Idle")
    return progress(update.status, update.request_id)


def unsigned_notification(update: FirmwareUpdate | None) -> bytes:
    """How the unsigned update stands: *Idle* unless it is under way (OCPP 1.6 section 7.25)."""
    if update is None or update.is_signed or update.over or not update.status:
        return progress(b"Idle")
    return progress(update.status)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        return False
