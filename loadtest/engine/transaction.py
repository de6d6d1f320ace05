"""One charging transaction of one connector, from the driver's tag to the connector being free again.

StatusNotification(Preparing), Authorize, StartTransaction, StatusNotification(Charging), MeterValues…,
StopTransaction, StatusNotification(Finishing), StatusNotification(Available): OCPP 1.6 sections 4.8 to 4.10.
Steps that follow an answer are due when it arrives; meter values and the end are due by the schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine import authorization, payloads, reservation, smart_charging
from loadtest.engine.authorization import Decision
from loadtest.engine.operations import AUTHORIZE, METER_VALUES, START_TRANSACTION, STOP_TRANSACTION
from loadtest.engine.transaction_messages import TransactionMessage
from loadtest.engine.transaction_meter import TransactionMeter
from loadtest.engine.transaction_result import UNKNOWN_TRANSACTION, read
from loadtest.protocol import connector_states as states
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.meter import Context
    from loadtest.engine.visit import Visit

LEAVE_S = 60.0
"""How long the car stays plugged in after a stop that its driver did not make, as in life."""


class Transaction:
    """A driver at a connector.

    Args:
        charge_point: Who charges.
        visit: Who comes, where, for how long and with what car.
        id_tag: The tag presented, at most 20 characters.
        remote: The central system presents it for the driver, who is still to plug in.

    Attributes:
        transaction_id: What the central system calls it.
        started_ns: When charging began; 0: not yet.
        ordinal: The charge point's own count of transactions, from 1; 0: not begun.
        messages: How many messages it has had so far.
        meter: Runs from then on.
        end_ns: When the driver leaves.
        over: It has stopped, or will never start; the connector may still be occupied.
    """

    __slots__ = (
        "charge_point",
        "connector",
        "end_ns",
        "full_due_ns",
        "id_tag",
        "limit_due_ns",
        "messages",
        "meter",
        "ordinal",
        "over",
        "remote",
        "sample_due_ns",
        "started_ns",
        "transaction_id",
        "visit",
    )

    def __init__(self, charge_point: ChargePoint, visit: Visit, id_tag: bytes, *, remote: bool) -> None:
        self.charge_point = charge_point
        self.visit = visit
        self.connector = visit.connector
        self.id_tag = id_tag
        self.remote = remote
        self.transaction_id = UNKNOWN_TRANSACTION
        self.meter: TransactionMeter | None = None
        self.started_ns = self.end_ns = self.sample_due_ns = self.full_due_ns = self.limit_due_ns = 0
        self.ordinal = self.messages = 0
        self.over = False

    # Before -----------------------------------------------------------------------------------------------------

    def begin(self, due_ns: int) -> None:
        """The driver is there, or the central system asks for one."""
        charge_point = self.charge_point
        charge_point.fleet.transactions += 1
        charge_point.set_status(self.connector, states.PREPARING, due_ns)
        # Whatever happens to the answers, the connector is free again some time later.
        self.end_ns = charge_point.fleet.at(due_ns + self.visit.stay_ns, self._driver_leaves)
        if self.remote and not charge_point.configuration.boolean("AuthorizeRemoteTxRequests"):
            self._authorized(due_ns)
            return
        decision = authorization.decide(charge_point, self.id_tag, due_ns)
        if decision is Decision.ASK:
            charge_point.offer(AUTHORIZE, due_ns, payloads.authorize(self.id_tag), self)
        elif decision is Decision.ACCEPT:
            self._authorized(due_ns)
        else:
            self.free(due_ns)

    def _authorized(self, now_ns: int) -> None:
        """The cable is in, unless a driver announced by the central system is still to come."""
        if not self.remote:
            self._start(now_ns)
            return
        timeout_ns = self.charge_point.configuration.connection_timeout_ns
        in_time = not timeout_ns or self.visit.plug_in_ns <= timeout_ns
        wait_ns = self.visit.plug_in_ns if in_time else timeout_ns
        self.charge_point.fleet.at(now_ns + wait_ns, self._start if in_time else self._never_came)

    def _never_came(self, due_ns: int) -> None:
        """ConnectionTimeOut (OCPP 1.6 section 9.1.5)."""
        if not self.over:
            self.free(due_ns)

    def _start(self, now_ns: int) -> None:
        if self.over:
            return
        charge_point, fleet = self.charge_point, self.charge_point.fleet
        self.started_ns = now_ns
        self.meter = TransactionMeter(charge_point, self.visit, now_ns)
        reserved = reservation.consume(charge_point, self.connector, self.id_tag, now_ns)
        if not fleet.draining:
            charge_point.transactions_begun += 1
            self.ordinal = charge_point.transactions_begun
            charge_point.books.transactions_started += 1
        charge_point.offer(
            START_TRANSACTION,
            now_ns,
            payloads.start_transaction(
                self.connector, self.id_tag, int(self.meter.start_wh), fleet.timestamp(now_ns), reserved
            ),
            TransactionMessage(self, START_TRANSACTION, now_ns),
        )
        self.limits_changed(now_ns)
        smart_charging.rebalance(charge_point, now_ns)
        self.schedule_sample(now_ns)

    # Answers ----------------------------------------------------------------------------------------------------

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        """One of its CALLs was answered, perhaps after this transaction has ended."""
        result = read(payload)
        if result is None:
            self.charge_point.books.counters.malformed += 1
            self.on_failure(action, now_ns)
            return
        info = result.idTagInfo
        if info is not None:
            authorization.learn(self.charge_point, self.id_tag, info.status, info.expiryDate, info.parentIdTag, now_ns)
        if action == START_TRANSACTION:
            self.transaction_id = result.transactionId
        if self.over:
            return
        if action == AUTHORIZE:
            if result.accepted:
                self._authorized(now_ns)
            else:
                self.free(now_ns)
        elif (
            action == START_TRANSACTION
            and not result.accepted
            and self.charge_point.configuration.boolean("StopTransactionOnInvalidId")
        ):
            self.stop_now(now_ns, b"DeAuthorized")

    def on_failure(self, action: int, now_ns: int) -> None:
        """A CALL of this transaction was refused, never answered or cut off for good.

        Without authorization nothing starts. A transaction whose start was not confirmed goes on all the same.
        """
        if action == AUTHORIZE and not self.over:
            self.free(now_ns)

    # Charging ---------------------------------------------------------------------------------------------------

    def limits_changed(self, now_ns: int) -> None:
        """Charge with the power that is allowed from now on."""
        if self.meter is None or self.over:
            return
        charging = self.meter.charging
        limit_w, until_ns = None, 0
        features = self.charge_point.features_or_none
        if features is not None and features.charging is not None:
            limit_w, until_ns = smart_charging.limit_w(self.charge_point, self.connector, now_ns)
        charging.limit(limit_w, now_ns)
        self.limit_due_ns = self.charge_point.fleet.at(until_ns, self._limit_due) if 0 < until_ns < self.end_ns else 0
        full_ns = now_ns + charging.full_after_ns + NS_PER_MS
        self.full_due_ns = self.charge_point.fleet.at(int(full_ns), self._full) if full_ns < self.end_ns else 0
        self._show_state(now_ns)

    def _limit_due(self, due_ns: int) -> None:
        """The limit changes by its schedule, unless it has been replaced."""
        if due_ns == self.limit_due_ns:
            self.limits_changed(due_ns)

    def _full(self, due_ns: int) -> None:
        """The car has what its driver wanted, unless limits have changed meanwhile."""
        if self.meter is not None and not self.over and due_ns == self.full_due_ns:
            self.meter.charging.advance(due_ns)
            self._show_state(due_ns)

    def _show_state(self, now_ns: int) -> None:
        assert self.meter is not None
        status = self.meter.charging.status
        if status != self.charge_point.connector_status(self.connector):
            self.charge_point.set_status(self.connector, status, now_ns)

    def schedule_sample(self, now_ns: int) -> None:
        """Plan the next sampled meter value, if the configuration asks for any."""
        interval_ns = self.charge_point.configuration.meter_interval_ns
        self.sample_due_ns = self.charge_point.fleet.at(now_ns + interval_ns, self._sample) if interval_ns else 0

    def _sample(self, due_ns: int) -> None:
        if self.over or due_ns != self.sample_due_ns or self.meter is None:
            return
        configuration = self.charge_point.configuration
        if configuration.sampled:
            self.offer_meter_values(due_ns, configuration.sampled, "Sample.Periodic")
        self.meter.keep(due_ns, configuration.stop_sampled, "Sample.Periodic")
        self._show_state(due_ns)
        self.schedule_sample(due_ns)

    def offer_meter_values(self, due_ns: int, measurands: tuple[str, ...], context: Context) -> None:
        """Offer MeterValues of this transaction."""
        assert self.meter is not None
        element = self.meter.element(due_ns, measurands, context)

        def render() -> bytes:
            return payloads.meter_values(self.connector, self.transaction_id, element)

        known = self.transaction_id != UNKNOWN_TRANSACTION
        message = TransactionMessage(self, METER_VALUES, due_ns)
        self.charge_point.offer(METER_VALUES, due_ns, render() if known else render, message)

    # After ------------------------------------------------------------------------------------------------------

    def _driver_leaves(self, due_ns: int) -> None:
        if due_ns != self.end_ns:
            return
        if self.started_ns and not self.over:
            self.stop_now(due_ns, b"Local", self.id_tag)
        else:
            self.free(due_ns)

    def stop_now(self, now_ns: int, reason: bytes, id_tag: bytes | None = None) -> None:
        """End it; unless the driver does so, the car stays plugged in for a while."""
        if self.over or self.meter is None:
            return
        charge_point, fleet = self.charge_point, self.charge_point.fleet
        self.meter.keep(now_ns, charge_point.configuration.stop_sampled, "Transaction.End")
        self.meter.charging.limit(0.0, now_ns)
        meter_wh, data = int(self.meter.register_wh), self.meter.take_kept()
        timestamp = fleet.timestamp(now_ns)

        def render() -> bytes:
            return payloads.stop_transaction(self.transaction_id, id_tag, meter_wh, timestamp, reason, data)

        known = self.transaction_id != UNKNOWN_TRANSACTION
        if not fleet.draining:
            fleet.transaction_book.stop(charge_point.number, self.ordinal)
        message = TransactionMessage(self, STOP_TRANSACTION, now_ns)
        charge_point.offer(STOP_TRANSACTION, now_ns, render() if known else render, message)
        self._end()
        smart_charging.transaction_ended(charge_point, self.connector, now_ns)
        charge_point.set_status(self.connector, states.FINISHING, now_ns)
        if reason == b"Local":
            self.free(now_ns)
        else:
            wait_ns = int(LEAVE_S / charge_point.profile.time_scale * NS_PER_S)
            self.end_ns = fleet.at(now_ns + wait_ns, self._driver_leaves)

    def free(self, now_ns: int) -> None:
        """The connector is free again; a transaction that has not begun never will."""
        self._end()
        self.end_ns = 0
        if not self.started_ns:
            smart_charging.transaction_ended(self.charge_point, self.connector, now_ns)
        self.charge_point.vacate(self.connector, now_ns)

    def abandon(self) -> None:
        """Its instants to come are nobody's any more."""
        self._end()
        self.end_ns = 0

    def _end(self) -> None:
        self.charge_point.fleet.transactions -= not self.over
        self.over = True
