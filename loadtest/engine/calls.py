"""The charge point's side of OCPP-J: one CALL outstanding, the others queued behind it, each with its fate.

Every operation offered here ends in exactly one of the fates of :mod:`loadtest.engine.operations`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine.operations import BOOT_NOTIFICATION, TRANSACTION_RELATED, OperationCell
from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import frames, stamp
from loadtest.transport.websocket_client import WebSocketClient
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.transaction import Transaction

OFFLINE, CONNECTING, OPEN, REJECTED, REGISTERED, RETIRED = range(6)
"""States: not connected; connection being made; open, not accepted (yet); told to be silent; accepted; done."""

QUEUE_LIMIT = 200
"""Operations that may wait behind an outstanding CALL or for a connection; what is beyond is dropped and counted."""

Payload = bytes | Callable[[], bytes]
"""A payload as JSON text, or what renders it."""


class CallingConnection(WebSocketClient):
    """A connection that makes CALLs, one at a time (OCPP-J 1.6 section 4.1.1), and keeps their books.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
    """

    __slots__ = (
        "call_cell",
        "call_id",
        "call_intended_ns",
        "call_sent_ns",
        "call_transaction",
        "fleet",
        "number",
        "queue",
        "sequence",
        "state",
    )

    def __init__(self, fleet: Fleet, number: int) -> None:
        super().__init__()
        self.fleet = fleet
        self.number = number
        self.state = OFFLINE
        self.sequence = 0
        self.call_id: bytes | None = None
        self.call_cell: OperationCell | None = None
        self.call_transaction: Transaction | None = None
        self.call_intended_ns = self.call_sent_ns = 0
        self.queue: deque[tuple[OperationCell, int, Payload, Transaction | None]] | None = None

    @abstractmethod
    def on_call(self, call: frames.Call, now_ns: int) -> None:
        """The central system calls."""

    @abstractmethod
    def on_boot_answer(self, payload: bytes, now_ns: int) -> None:
        """The BootNotification was answered."""

    @abstractmethod
    def on_boot_failure(self, now_ns: int) -> None:
        """The BootNotification was refused, or never answered."""

    def offer(self, action: int, intended_ns: int, payload: Payload, asking: Transaction | None = None) -> None:
        """An operation is due: send it, queue it behind the outstanding CALL, or drop it (OCPP-J 1.6 section 4.1.1).

        Offline, transaction-related messages wait for the connection and all others are dropped (OCPP 1.6 3.7.1).
        While the run drains nothing is due any more.

        Args:
            action: Position in ``FROM_CHARGE_POINT``.
            intended_ns: When it is due.
            payload: JSON text; what depends on an answer still to come is a function, called when it is sent.
            asking: The transaction that waits for the answer, by then perhaps no longer the present one.
        """
        if self.fleet.draining:
            return
        cell = self.fleet.operations.cell(action, intended_ns)
        cell.offered += 1
        if self.state == REGISTERED:
            if self.call_id is None and self.queue is None:
                self._send(cell, intended_ns, payload, asking)
            else:
                self._enqueue(cell, intended_ns, payload, asking)
        elif action in TRANSACTION_RELATED:
            self._enqueue(cell, intended_ns, payload, asking)
        else:
            cell.dropped += 1
            self.fleet.counters.dropped_offline += 1

    def offer_boot(self, intended_ns: int, payload: bytes) -> None:
        """A BootNotification is due on a connection that is not accepted yet, when nothing else may be sent."""
        cell = self.fleet.operations.cell(BOOT_NOTIFICATION, intended_ns)
        cell.offered += 1
        self._send(cell, intended_ns, payload, None)

    def _enqueue(self, cell: OperationCell, intended_ns: int, payload: Payload, asking: Transaction | None) -> None:
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) < QUEUE_LIMIT:
            self.queue.append((cell, intended_ns, payload, asking))
        else:
            cell.dropped += 1
            self.fleet.counters.dropped_queue_full += 1

    def _send(self, cell: OperationCell, intended_ns: int, payload: Payload, asking: Transaction | None) -> None:
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
                self.queue = self.queue or deque()
                self.queue.appendleft((cell, intended_ns, payload, asking))
            else:
                cell.dropped += 1
                fleet.counters.dropped_offline += 1
            return
        self.sequence += 1
        self.call_id, self.call_cell, self.call_transaction = message_id, cell, asking
        self.call_intended_ns, self.call_sent_ns = intended_ns, sent_ns
        cell.sent += 1

    def send_next(self) -> None:
        """Send what has waited longest, if anything may be sent now."""
        if self.queue and self.state == REGISTERED and self.call_id is None:
            self._send(*self.queue.popleft())
            if not self.queue:
                self.queue = None

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
        if self.call_transaction is not None:
            self.call_transaction.on_result(cell.action, payload, now_ns)
        elif cell.action == BOOT_NOTIFICATION:
            self.on_boot_answer(payload, now_ns)
        if self.queue is not None:
            self.send_next()

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
        if self.call_transaction is not None:
            self.call_transaction.on_failure(action, now_ns)
        elif action == BOOT_NOTIFICATION:
            self.on_boot_failure(now_ns)
        self.send_next()

    def expire_call(self, now_ns: int) -> None:
        """Give up an answer that is overdue."""
        if self.call_id is not None and now_ns - self.call_sent_ns >= self.fleet.call_timeout_ns:
            cell = self._close_call(now_ns, sample=True)
            cell.timed_out += 1
            self._after_failure(cell.action, now_ns)

    def cut_off(self) -> None:
        """The connection is gone: so is the outstanding CALL, and what makes no sense without a connection."""
        if self.call_id is not None:
            cell = self._close_call(0, sample=False)
            cell.cut_off += 1
            if self.call_transaction is not None:
                self.call_transaction.on_failure(cell.action, monotonic_ns())
        if self.queue is None:
            return
        kept = deque(entry for entry in self.queue if entry[0].action in TRANSACTION_RELATED)
        for cell, *_ in self.queue:
            if cell.action not in TRANSACTION_RELATED:
                cell.dropped += 1
                self.fleet.counters.dropped_offline += 1
        self.queue = kept or None

    def close_books(self) -> None:
        """The run ends: what waits is dropped, what is outstanding stays unfinished."""
        if self.queue is not None:
            for cell, *_ in self.queue:
                cell.dropped += 1
            self.fleet.counters.dropped_at_end += len(self.queue)
            self.queue = None
        if self.call_id is not None:
            self._close_call(0, sample=False).unfinished += 1

    @property
    def idle(self) -> bool:
        """Nothing is outstanding and nothing waits to be sent."""
        return self.call_id is None and (self.queue is None or self.state != REGISTERED)
