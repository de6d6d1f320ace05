"""What the central system answers to each action of a charge point: JSON payloads, rendered once where possible.

Valid against the official schemas of OCPP 1.6 and of its security extension. No I/O; time is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest import clock
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.units import NS_PER_MS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from loadtest.csms.registration import Registration

TIMESTAMP_AGE_NS = 10 * NS_PER_MS
"""How old ``currentTime`` may be: rendering it costs more than the rest of an answer."""

_ACCEPTED_TAG = b'"idTagInfo":{"status":"Accepted"}'
_STATIC = {
    **dict.fromkeys(FROM_CHARGE_POINT, b"{}"),
    "Authorize": b"{" + _ACCEPTED_TAG + b"}",
    "DataTransfer": b'{"status":"Accepted"}',
    "SignCertificate": b'{"status":"Accepted"}',
}


class Responses:
    """Payloads of CALLRESULTs.

    Args:
        registration: Decides on BootNotifications.
        first_transaction_id: The first ``transactionId`` given out, at least 1.
        transaction_id_step: Distance to the next; the number of subscribers, so that theirs never collide.
        utc_now: Wall time, for ``currentTime``.
    """

    def __init__(
        self,
        registration: Registration,
        *,
        first_transaction_id: int = 1,
        transaction_id_step: int = 1,
        utc_now: Callable[[], dt.datetime] = clock.utc_now,
    ) -> None:
        self._registration = registration
        self._next_transaction_id = first_transaction_id
        self._transaction_id_step = transaction_id_step
        self._utc_now = utc_now
        self._current_time = b""
        self._rendered_ns = -TIMESTAMP_AGE_NS
        self._makers: dict[str, Callable[[bytes, int], bytes]] = {
            "BootNotification": self._boot_notification,
            "Heartbeat": self._heartbeat,
            "StartTransaction": self._start_transaction,
        }

    def payload(self, action: str, charge_point: bytes, now_ns: int) -> bytes | None:
        """The payload of the answer; ``None`` for an action no charge point sends.

        Args:
            action: Of the CALL.
            charge_point: Anything that identifies its sender.
            now_ns: When it arrived, on the monotonic clock.
        """
        maker = self._makers.get(action)
        return _STATIC.get(action) if maker is None else maker(charge_point, now_ns)

    def _boot_notification(self, charge_point: bytes, now_ns: int) -> bytes:
        status, interval_s = self._registration.boot(charge_point)
        return b'{"status":"%b","currentTime":"%b","interval":%d}' % (status.encode(), self._time(now_ns), interval_s)

    def _heartbeat(self, _charge_point: bytes, now_ns: int) -> bytes:
        return b'{"currentTime":"%b"}' % self._time(now_ns)

    def _start_transaction(self, _charge_point: bytes, _now_ns: int) -> bytes:
        transaction_id = self._next_transaction_id
        self._next_transaction_id = transaction_id + self._transaction_id_step
        return b'{"transactionId":%d,%b}' % (transaction_id, _ACCEPTED_TAG)

    def _time(self, now_ns: int) -> bytes:
        if now_ns - self._rendered_ns >= TIMESTAMP_AGE_NS:
            self._rendered_ns = now_ns
            self._current_time = clock.rfc3339(self._utc_now()).encode()
        return self._current_time
