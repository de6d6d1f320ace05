"""One charging transaction of one charge point, from presenting the tag to freeing the connector.

StatusNotification(Preparing), Authorize, StartTransaction, StatusNotification(Charging), MeterValues…,
StopTransaction, StatusNotification(Finishing), StatusNotification(Available): OCPP 1.6 sections 4.8 to 4.10.
Steps that follow an answer are due when it arrives; meter values and the end are due by the schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.engine import payloads
from loadtest.engine.meter import Reading, meter_template
from loadtest.engine.operations import (
    AUTHORIZE,
    METER_VALUES,
    START_TRANSACTION,
    STATUS_NOTIFICATION,
    STOP_TRANSACTION,
)
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.charge_point import ChargePoint

UNKNOWN_TRANSACTION = -1
"""The transaction id of messages whose StartTransaction never got its answer (OCPP 1.6 errata, 3.18)."""

_SECONDS_PER_HOUR = 3600


class IdTagInfo(msgspec.Struct):
    """Whether a tag may charge."""

    status: str


class AuthorizationResult(msgspec.Struct):
    """What Authorize.conf and StartTransaction.conf have in common."""

    idTagInfo: IdTagInfo  # noqa: N815 - the name on the wire
    transactionId: int = UNKNOWN_TRANSACTION  # noqa: N815 - the name on the wire


_result = msgspec.json.Decoder(AuthorizationResult)


class Transaction:
    """A transaction under way.

    Args:
        charge_point: Who charges.
        connector: Which connector.
        id_tag: The tag presented, at most 20 characters.
        duration_ns: From presenting the tag to stopping.
    """

    __slots__ = (
        "charge_point",
        "connector",
        "duration_ns",
        "end_ns",
        "id_tag",
        "meter_start_wh",
        "over",
        "started_ns",
        "status",
        "transaction_id",
    )

    def __init__(self, charge_point: ChargePoint, connector: int, id_tag: bytes, duration_ns: int) -> None:
        self.charge_point = charge_point
        self.connector = connector
        self.id_tag = id_tag
        self.duration_ns = duration_ns
        self.status = b"Preparing"
        self.transaction_id = UNKNOWN_TRANSACTION
        self.meter_start_wh = charge_point.energy_wh
        self.started_ns = self.end_ns = 0
        self.over = False

    def begin(self, due_ns: int) -> None:
        """The tag is presented."""
        self._report_status(b"Preparing", due_ns)
        self.charge_point.offer(AUTHORIZE, due_ns, payloads.authorize(self.id_tag), self)
        self.end_ns = due_ns + self.duration_ns
        # Whatever happens to the answers, the connector is free again some time later.
        self.charge_point.fleet.at(self.end_ns, self.stop)

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        """Authorize or StartTransaction was answered, perhaps after this transaction has ended."""
        try:
            result = _result.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self.charge_point.fleet.counters.malformed += 1
            self.on_failure(action, now_ns)
            return
        accepted = result.idTagInfo.status == "Accepted"
        if action == START_TRANSACTION:
            self.transaction_id = result.transactionId
        if self.over:
            return
        if action == AUTHORIZE and accepted:
            self._start(now_ns)
        elif action == AUTHORIZE:
            self._free(now_ns)
        elif not accepted:
            self._stop(now_ns, b"DeAuthorized")

    def on_failure(self, action: int, now_ns: int) -> None:
        """A CALL of this transaction was refused, timed out or was cut off.

        Without authorisation nothing starts. A transaction whose start was not confirmed goes on all the same.
        """
        if action == AUTHORIZE and not self.over:
            self._free(now_ns)

    def stop(self, due_ns: int) -> None:
        """The schedule ends the transaction."""
        if self.over or due_ns < self.end_ns:
            return
        if self.started_ns:
            self._stop(due_ns, b"Local")
        else:
            self._free(due_ns)

    def stop_remotely(self, now_ns: int) -> None:
        """The central system asked for the end."""
        if not self.over and self.started_ns:
            self._stop(now_ns, b"Remote")

    def _start(self, now_ns: int) -> None:
        charge_point, fleet = self.charge_point, self.charge_point.fleet
        self.started_ns = now_ns
        charge_point.offer(
            START_TRANSACTION,
            now_ns,
            payloads.start_transaction(self.connector, self.id_tag, self.meter_start_wh, fleet.timestamp(now_ns)),
            self,
        )
        self._report_status(b"Charging", now_ns)
        fleet.at(now_ns + self._meter_interval_ns, self._meter)

    def _meter(self, due_ns: int) -> None:
        fleet = self.charge_point.fleet
        if self.over:
            return
        timestamp, meter_wh = fleet.timestamp(due_ns), self._energy_wh(due_ns)
        profile = self.charge_point.profile
        reading = Reading(meter_wh, profile.power_w, profile.power_w)
        meter_value = meter_template(profile, profile.measurands, "Sample.Periodic").render(reading, timestamp)
        self._offer_with_id(
            METER_VALUES,
            due_ns,
            lambda: payloads.meter_values(self.connector, self.transaction_id, meter_value),
        )
        if due_ns + self._meter_interval_ns < self.end_ns:
            fleet.at(due_ns + self._meter_interval_ns, self._meter)

    def _stop(self, now_ns: int, reason: bytes) -> None:
        meter_wh = self.charge_point.energy_wh = self._energy_wh(now_ns)
        timestamp = self.charge_point.fleet.timestamp(now_ns)
        self._offer_with_id(
            STOP_TRANSACTION,
            now_ns,
            lambda: payloads.stop_transaction(self.transaction_id, self.id_tag, meter_wh, timestamp, reason),
        )
        self._report_status(b"Finishing", now_ns)
        self._free(now_ns)

    def _free(self, now_ns: int) -> None:
        self.over = True
        self._report_status(b"Available", now_ns)
        self.charge_point.transaction = None
        self.charge_point.plan_transaction(now_ns)

    def _offer_with_id(self, action: int, due_ns: int, render: Callable[[], bytes]) -> None:
        """Offer a message that names the transaction, rendered late while the id is still to be learnt."""
        known = self.transaction_id != UNKNOWN_TRANSACTION
        self.charge_point.offer(action, due_ns, render() if known else render)

    @property
    def _meter_interval_ns(self) -> int:
        return int(self.charge_point.profile.meter_interval_s * NS_PER_S)

    def _energy_wh(self, now_ns: int) -> int:
        charged_s = max(0, now_ns - self.started_ns) / NS_PER_S
        return self.meter_start_wh + int(self.charge_point.profile.power_w * charged_s / _SECONDS_PER_HOUR)

    def _report_status(self, status: bytes, due_ns: int) -> None:
        self.status = status
        self.charge_point.offer(
            STATUS_NOTIFICATION,
            due_ns,
            payloads.status_notification(self.connector, status, self.charge_point.fleet.timestamp(due_ns)),
        )
