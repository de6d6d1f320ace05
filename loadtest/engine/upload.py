"""The upload of a diagnostics or log file: what is told about it, for no file is sent anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine.maintenance import Procedure, Retries, progress
from loadtest.engine.operations import DIAGNOSTICS_STATUS_NOTIFICATION, LOG_STATUS_NOTIFICATION
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

IDLE = b"Idle"
UPLOADING = b"Uploading"
UPLOADED = b"Uploaded"

_FAILED = {DIAGNOSTICS_STATUS_NOTIFICATION: b"UploadFailed", LOG_STATUS_NOTIFICATION: b"UploadFailure"}


class Upload(Procedure):
    """*Uploading*, then *Uploaded* or the failure, after the retries the request allowed.

    OCPP 1.6 section 4.4 (DiagnosticsStatusNotification); security whitepaper, N01 (LogStatusNotification).
    Each attempt takes the profile's ``upload_s`` and fails with its ``upload_failure``, or because the location
    cannot be reached.

    Args:
        charge_point: Who uploads.
        action: Which notification tells about it.
        request: The request, for its ``retries`` and ``retryInterval``.
        request_id: What the notifications name, if any.
        reachable: Whether the location can be reached at all.
    """

    __slots__ = ("_action", "_reachable", "_request_id", "_retries")

    def __init__(
        self,
        charge_point: ChargePoint,
        action: int,
        request: dict[str, Any],
        *,
        request_id: int | None = None,
        reachable: bool,
    ) -> None:
        super().__init__(charge_point)
        self._action = action
        self._request_id = request_id
        self._retries = Retries(request)
        self._reachable = reachable

    def begin(self, now_ns: int) -> None:
        """Tell of an attempt and make it."""
        self._report(UPLOADING, now_ns)
        self.then(now_ns + int(self.charge_point.profile.upload_s * NS_PER_S), self._end_attempt)

    @property
    def notification(self) -> bytes:
        """The payload that tells how it stands now; once it is over, nothing is going on."""
        return progress(IDLE) if self.over else progress(UPLOADING, self._request_id)

    def _end_attempt(self, now_ns: int) -> None:
        if self._reachable and self.charge_point.draw() >= self.charge_point.profile.upload_failure:
            self.over = True
            self._report(UPLOADED, now_ns)
        elif self._retries.take():
            self.then(now_ns + self._retries.interval_ns, self.begin)
        else:
            self.over = True
            self._report(_FAILED[self._action], now_ns)

    def _report(self, status: bytes, now_ns: int) -> None:
        self.charge_point.offer(self._action, now_ns, progress(status, self._request_id))
