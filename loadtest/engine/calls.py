"""The charge point's side of OCPP-J: one CALL outstanding, the others queued behind it, each with its fate.

Every operation offered here ends in exactly one of the fates of :mod:`loadtest.engine.operations`. A transaction
message that is to be sent again is an operation of its own, due when it may be.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from loadtest.clock import monotonic_ns
from loadtest.engine.operations import BOOT_NOTIFICATION, TRANSACTION_RELATED, OperationCell
from loadtest.engine.outbox import Outbox
from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import frames, stamp
from loadtest.transport.websocket_client import WebSocketClient
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet

OFFLINE, CONNECTING, OPEN, REJECTED, REGISTERED, RETIRED = range(6)
"""States: not connected; connection being made; open, not accepted (yet); told to be silent; accepted; done."""

QUEUE_LIMIT = 200
"""Operations that may wait behind an outstanding CALL; what is beyond is dropped and counted."""

Payload = bytes | Callable[[], bytes]
"""A payload as JSON text, or what renders it."""


class Asker(Protocol):
    """Who waits for the answer to a CALL, by then perhaps with other things to do."""

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        """It was answered."""
        ...

    def on_failure(self, action: int, now_ns: int) -> None:
        """It was refused, never answered or cut off, and will not be sent again."""
        ...


Waiting = tuple[OperationCell, int, Payload, Asker | None]
"""An operation that waits to be sent: its cell, intended instant, payload, and who wants the answer."""


class CallingConnection(WebSocketClient):
    """A connection that makes CALLs, one at a time (OCPP-J 1.6 section 4.1.1), and keeps their books.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        configuration: Its configuration keys.
    """

    __slots__ = (
        "call_asker",
        "call_cell",
        "call_id",
        "call_intended_ns",
        "call_payload",
        "call_sent_ns",
        "configuration",
        "fleet",
        "number",
        "outbox",
        "queue",
        "sequence",
        "state",
    )

    def __init__(self, fleet: Fleet, number: int, configuration: Configuration) -> None:
        super().__init__()
        self.fleet = fleet
        self.number = number
        self.configuration = configuration
        self.state = OFFLINE
        self.sequence = 0
        self.call_id: bytes | None = None
        self.call_cell: OperationCell | None = None
        self.call_asker: Asker | None = None
        self.call_payload: Payload = b""
        self.call_intended_ns = self.call_sent_ns = 0
        self.queue: deque[Waiting] | None = None
        self.outbox: Outbox | None = None

    @abstractmethod
    def on_call(self, call: frames.Call, now_ns: int) -> None:
        """The central system calls."""

    @abstractmethod
    def on_boot_answer(self, payload: bytes, now_ns: int) -> None:
        """The BootNotification was answered."""

    @abstractmethod
    def on_boot_failure(self, now_ns: int) -> None:
        """The BootNotification was refused, or never answered."""

    # Offering and sending ---------------------------------------------------------------------------------------

    def offer(self, action: int, intended_ns: int, payload: Payload, asker: Asker | None = None) -> None:
        """An operation is due: send it, queue it behind the outstanding CALL, or drop it (OCPP-J 1.6 section 4.1.1).

        Offline, transaction-related messages wait for the connection and all others are dropped (OCPP 1.6 3.7.1).
        While the run drains nothing is due any more.

        Args:
            action: Position in ``FROM_CHARGE_POINT``.
            intended_ns: When it is due.
            payload: JSON text; what depends on an answer still to come is a function, called when it is sent.
            asker: Who waits for the answer.
        """
        if self.fleet.draining:
            return
        cell = self.fleet.operations.cell(action, intended_ns)
        cell.offered += 1
        if self.state == REGISTERED and self.call_id is None and self.queue is None and self.outbox is None:
            self._send(cell, intended_ns, payload, asker)
        elif action in TRANSACTION_RELATED:
            self.outbox = self.outbox or Outbox()
            crowded_out = self.outbox.append((cell, intended_ns, payload, asker))
            if crowded_out is not None:
                crowded_out.dropped += 1
                self.fleet.counters.dropped_queue_full += 1
            self.send_next()
        elif self.state == REGISTERED:
            self._enqueue((cell, intended_ns, payload, asker))
            self.send_next()
        else:
            cell.dropped += 1
            self.fleet.counters.dropped_offline += 1

    def offer_unregistered(self, action: int, intended_ns: int, payload: bytes, asker: Asker | None = None) -> None:
        """A BootNotification, or a message asked for, is due on a connection that is not accepted (yet).

        Nothing waits then (OCPP 1.6 section 4.2): with a CALL outstanding it is dropped.
        """
        cell = self.fleet.operations.cell(action, intended_ns)
        cell.offered += 1
        if self.call_id is None:
            self._send(cell, intended_ns, payload, asker)
        else:
            cell.dropped += 1
            self.fleet.counters.dropped_offline += 1

    def _enqueue(self, entry: Waiting) -> None:
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) < QUEUE_LIMIT:
            self.queue.append(entry)
        else:
            entry[0].dropped += 1
            self.fleet.counters.dropped_queue_full += 1

    def _send(self, cell: OperationCell, intended_ns: int, payload: Payload, asker: Asker | None) -> None:
        fleet = self.fleet
        text = payload if isinstance(payload, bytes) else payload()
        sent_ns = monotonic_ns()
        message_id = stamp.encode(
            fleet.run_tag,
            cell.phase,
            self.number,
            self.sequence,
            (intended_ns - fleet.epoch_ns) // NS_PER_US,
            (sent_ns - intended_ns) // NS_PER_US,
        )
        try:
            self.send_text(b'[2,"%b","%b",%b]' % (message_id, cell.name, text))
        except LocalProtocolError:  # the gateway has begun to close: as good as offline
            if cell.action in TRANSACTION_RELATED:
                self.outbox = self.outbox or Outbox()
                self.outbox.entries.appendleft((cell, intended_ns, payload, asker))
            else:
                cell.dropped += 1
                fleet.counters.dropped_offline += 1
            return
        if not self.number + self.sequence & fleet.checks.mask:
            fleet.checks.note_call(cell.name, text)
        self.sequence += 1
        self.call_id, self.call_cell, self.call_asker, self.call_payload = message_id, cell, asker, payload
        self.call_intended_ns, self.call_sent_ns = intended_ns, sent_ns
        cell.sent += 1

    def send_next(self) -> None:
        """Send what has waited longest, if anything may be sent now."""
        if self.state != REGISTERED or self.call_id is not None:
            return
        queue, outbox = self.queue, self.outbox
        if outbox is not None and outbox.ready and (queue is None or outbox.entries[0][1] <= queue[0][1]):
            entry = outbox.entries.popleft()
            if not outbox.entries and not outbox.attempts:
                self.outbox = None
            self._send(*entry)
        elif queue is not None:
            entry = queue.popleft()
            if not queue:
                self.queue = None
            self._send(*entry)

    # Receiving --------------------------------------------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        """A text message arrived. The answer that is waited for takes the short way; all else is read in full."""
        now_ns = monotonic_ns()
        if (
            payload[4:40] == self.call_id
            and payload[:4] == b'[3,"'
            and payload[40:42] == b'",'
            and payload[-2:] == b"}]"
            and payload.rfind(b"[") == 0  # no second message, however separated
        ):
            self._answered(now_ns, payload[42:-1])
            return
        try:
            for message in frames.decode_all(payload):
                self._on_message(message, now_ns)
        except RemoteProtocolError:
            self.fleet.counters.malformed += 1

    def _on_message(self, message: frames.Message, now_ns: int) -> None:
        if isinstance(message, frames.Call):
            self.fleet.counters.calls_received += 1
            self.fleet.commands_received.arrived(self.number, message, now_ns)
            self.on_call(message, now_ns)
        elif self.call_id is None or message.message_id.encode() != self.call_id:
            known = stamp.decode(message.message_id)
            if known is not None and known.charge_point == self.number and known.sequence < self.sequence:
                self.fleet.counters.late_or_duplicate_answers += 1
            else:
                self.fleet.counters.unknown_answers += 1
        elif isinstance(message, frames.CallResult):
            self._answered(now_ns, bytes(message.payload))
        else:
            cell = self._close_call(now_ns, sample=True)
            cell.call_error += 1
            self._after_failure(cell.action, now_ns)

    def _answered(self, now_ns: int, payload: bytes) -> None:
        cell = self.call_cell
        assert cell is not None
        cell.answered += 1
        cell.intended_us.append((now_ns - self.call_intended_ns) // NS_PER_US)
        cell.service_us.append((now_ns - self.call_sent_ns) // NS_PER_US)
        self.call_id = None
        if not self.number + self.sequence - 1 & self.fleet.checks.mask:
            self.fleet.checks.note_answer(cell.name, payload)
        if self.outbox is not None and cell.action in TRANSACTION_RELATED:
            self._delivered(self.outbox)
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
        counters = self.fleet.counters
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
        cell = self.fleet.operations.cell(action, due_ns)
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
        """Give up an answer that is overdue."""
        if self.call_id is not None and now_ns - self.call_sent_ns >= self.configuration.message_timeout_ns:
            cell = self._close_call(now_ns, sample=True)
            cell.timed_out += 1
            self._after_failure(cell.action, now_ns)

    def cut_off(self) -> None:
        """The connection is gone: so is the outstanding CALL, and what makes no sense without a connection.

        A transaction message is sent again on the next connection. That is no attempt of its own: nobody failed to
        process it.
        """
        if self.call_id is not None:
            now_ns = monotonic_ns()
            cell = self._close_call(0, sample=False)
            cell.cut_off += 1
            if cell.action in TRANSACTION_RELATED and not self.fleet.draining:
                self.outbox = self.outbox or Outbox()
                self._offer_again(self.outbox, cell.action, now_ns)
            elif self.call_asker is not None:
                self.call_asker.on_failure(cell.action, now_ns)
        if self.queue is not None:
            for cell, *_ in self.queue:
                cell.dropped += 1
            self.fleet.counters.dropped_offline += len(self.queue)
            self.queue = None

    def close_books(self) -> None:
        """The run ends: what waits is dropped, what is outstanding stays unfinished."""
        for waiting in (self.queue, self.outbox.entries if self.outbox is not None else None):
            if waiting is not None:
                for cell, *_ in waiting:
                    cell.dropped += 1
                self.fleet.counters.dropped_at_end += len(waiting)
        self.queue = self.outbox = None
        if self.call_id is not None:
            self._close_call(0, sample=False).unfinished += 1

    @property
    def waiting(self) -> int:
        """Operations offered and not yet sent."""
        return len(self.queue or ()) + (len(self.outbox.entries) if self.outbox is not None else 0)

    @property
    def idle(self) -> bool:
        """Nothing is outstanding and nothing waits that could be sent."""
        sendable = self.queue is not None or (self.outbox is not None and self.outbox.ready)
        return self.call_id is None and not (sendable and self.state == REGISTERED)
