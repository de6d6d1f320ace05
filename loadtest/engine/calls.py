"""What becomes of CALLs: answered, refused, never answered, or cut off with their connection.

Every operation ends in exactly one of the fates of :mod:`loadtest.engine.operations`. A transaction message that is
to be sent again is an operation of its own, due when it may be.
"""

from __future__ import annotations

from abc import abstractmethod

from loadtest.clock import monotonic_ns
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.operations import BOOT_NOTIFICATION, STATUS_NOTIFICATION, TRANSACTION_RELATED, OperationCell
from loadtest.engine.outbox import Outbox
from loadtest.engine.sending import SendingConnection
from loadtest.engine.transaction_messages import TransactionMessage
from loadtest.measure.transaction_records import CALL_ERROR, CUT_OFF, LINK_CUT, TIMED_OUT, UNFINISHED
from loadtest.protocol import frames, stamp
from loadtest.units import NS_PER_US


class CallingConnection(SendingConnection):
    """A connection that makes CALLs and keeps their books."""

    __slots__ = NO_SLOTS

    @abstractmethod
    def on_call(self, call: frames.Call, now_ns: int) -> None:
        """The central system calls."""

    @abstractmethod
    def on_boot_answer(self, payload: bytes, now_ns: int) -> None:
        """The BootNotification was answered."""

    @abstractmethod
    def on_boot_failure(self, now_ns: int) -> None:
        """The BootNotification was refused, or never answered."""

    # Receiving --------------------------------------------------------------------------------------------------

    def take(self, message: frames.Message, now_ns: int) -> None:
        """A message arrived that has been read in full."""
        if isinstance(message, frames.Call):
            self.books.counters.calls_received += 1
            self.fleet.commands_received.arrived(self.number, message, now_ns)
            self.on_call(message, now_ns)
        elif self.call_id is None or message.message_id.encode() != self.call_id:
            known = stamp.decode(message.message_id)
            if known is not None and known.charge_point == self.number and known.sequence < self.sequence:
                self.books.counters.late_or_duplicate_answers += 1
            else:
                self.books.counters.unknown_answers += 1
        elif isinstance(message, frames.CallResult):
            self.answered(now_ns, bytes(message.payload))
        else:
            cell = self._close_call(now_ns, sample=True)
            cell.call_error += 1
            self._not_answered(CALL_ERROR)
            self._after_failure(cell.action, now_ns)

    def answered(self, now_ns: int, payload: bytes) -> None:
        """The outstanding CALL is answered with this payload."""
        cell = self.call_cell
        assert cell is not None
        cell.answered += 1
        cell.intended_us.append((now_ns - self.call_intended_ns) // NS_PER_US)
        cell.service_us.append((now_ns - self.call_sent_ns) // NS_PER_US)
        self.call_id = None
        self.call_intended_ns = self.call_sent_ns = 0  # a resting charge point keeps no more than it must
        if not self.number + self.sequence - 1 & self.fleet.checks.mask:
            self.fleet.checks.note_answer(cell.name, payload)
        if self.outbox is not None and cell.action in TRANSACTION_RELATED:
            self._delivered(self.outbox)
        self.call_payload = b""
        if self.call_asker is not None:
            self.call_asker.on_result(cell.action, payload, now_ns)
        elif cell.action == BOOT_NOTIFICATION:
            self.on_boot_answer(payload, now_ns)
        if self.queue is not None or self.outbox is not None:
            self.send_next()

    # What does not go well --------------------------------------------------------------------------------------

    def _close_call(self, now_ns: int, *, sample: bool) -> OperationCell:
        cell = self.call_cell
        assert cell is not None
        if sample:
            cell.intended_us.append((now_ns - self.call_intended_ns) // NS_PER_US)
            cell.service_us.append((now_ns - self.call_sent_ns) // NS_PER_US)
        self.call_id = self.call_cell = None
        return cell

    def _not_answered(self, fate: int) -> None:
        """Book what became of a sending of a transaction message."""
        if isinstance(self.call_asker, TransactionMessage):
            self.call_asker.not_answered(fate)

    def _after_failure(self, action: int, now_ns: int) -> None:
        """A CALL was refused or never answered: go on as a charge point must."""
        asker = self.call_asker
        if action in TRANSACTION_RELATED and self._attempt_again(action, now_ns):
            pass
        elif asker is not None:
            asker.on_failure(action, now_ns)
        elif action == BOOT_NOTIFICATION:
            self.on_boot_failure(now_ns)
        self.send_next()

    def _attempt_again(self, action: int, now_ns: int) -> bool:
        """Plan the next attempt of a transaction message: after the interval times the attempts before (3.7.1)."""
        outbox = self.outbox = self.outbox or Outbox()
        outbox.attempts += 1
        counters = self.books.counters
        if self.fleet.draining or outbox.attempts >= self.configuration.transaction_attempts:
            counters.transaction_messages_given_up += 1
            self._delivered(outbox)  # the others need not wait for it any longer
            return False
        counters.transaction_retries += 1
        wait_ns = self.configuration.transaction_retry_ns * outbox.attempts
        outbox.retry_ns = self.fleet.at(now_ns + wait_ns, self._retry)
        self._offer_again(outbox, action, outbox.retry_ns)
        return True

    def _offer_again(self, outbox: Outbox, action: int, due_ns: int) -> None:
        cell = self.books.operations.cell(action, due_ns)
        cell.offered += 1
        outbox.entries.appendleft((cell, due_ns, self.call_payload, self.call_asker))

    def _retry(self, due_ns: int) -> None:
        if self.outbox is not None and self.outbox.retry_ns == due_ns:
            self.outbox.retry_ns = 0
            self.send_next()

    def _delivered(self, outbox: Outbox) -> None:
        """The first transaction message is done with."""
        outbox.attempts = 0
        if not outbox.entries:
            self.outbox = None

    def expire_call(self, now_ns: int) -> None:
        """Give up an answer that is overdue; over a half-open link that says nothing about who should have answered."""
        if self.call_id is not None and now_ns - self.call_sent_ns >= self.configuration.message_timeout_ns:
            self.fleet.connections.answer_overdue(self)
            if self.fleet.link_cuts.took(self.number):
                cell = self._lose_with_link()
            else:
                cell = self._close_call(now_ns, sample=True)
                cell.timed_out += 1
                self._not_answered(TIMED_OUT)
            self._after_failure(cell.action, now_ns)

    def _lose_with_link(self) -> OperationCell:
        """The charge point's own link or restart has taken the connection on which the answer should have come."""
        cell = self._close_call(0, sample=False)
        cell.link_cut += 1
        self.fleet.link_cuts.lost_answer(self.number, self.sequence - 1, self.call_sent_ns, cell)
        self._not_answered(LINK_CUT)
        return cell

    def cut_off(self) -> None:
        """The connection is gone: so is the outstanding CALL, and what makes no sense without a connection.

        A transaction message is sent again on the next connection. That is no attempt of its own: nobody failed to
        process it.
        """
        if self.call_id is not None:
            now_ns = monotonic_ns()
            if self.fleet.link_cuts.took(self.number):
                cell = self._lose_with_link()
            else:
                cell = self._close_call(0, sample=False)
                cell.cut_off += 1
                self._not_answered(CUT_OFF)
            self.reports_lost |= cell.action == STATUS_NOTIFICATION
            if cell.action in TRANSACTION_RELATED and not self.fleet.draining:
                self.outbox = self.outbox or Outbox()
                self._offer_again(self.outbox, cell.action, now_ns)
            elif self.call_asker is not None:
                self.call_asker.on_failure(cell.action, now_ns)
        queue, self.queue = self.queue, None
        for cell, _, _, asker in queue or ():
            self.drop_offline(cell, asker)

    def close_books(self) -> None:
        """The run ends: what waits is dropped, what is outstanding stays unfinished."""
        self.drop_waiting()
        if self.call_id is None:
            return
        if self.fleet.link_cuts.took(self.number):
            self._lose_with_link()
        else:
            self._close_call(0, sample=False).unfinished += 1
            self._not_answered(UNFINISHED)
