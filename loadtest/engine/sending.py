"""Sending CALLs: one outstanding, the others waiting behind it (OCPP-J 1.6 section 4.1.1), all on the books."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from loadtest.clock import monotonic_ns
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.operations import STATUS_NOTIFICATION, TRANSACTION_RELATED, OperationCell
from loadtest.engine.outbox import Outbox
from loadtest.engine.transaction_messages import TransactionMessage
from loadtest.errors import LocalProtocolError
from loadtest.measure.transaction_records import CROWDED_OUT, RUN_ENDED
from loadtest.protocol import stamp
from loadtest.transport.wire import Wire
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.protocol import frames

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
        """It was refused, never answered, cut off or dropped, and will not be sent again."""
        ...


Waiting = tuple[OperationCell, int, Payload, Asker | None]
"""An operation that waits to be sent: its cell, intended instant, payload, and who wants the answer."""


class SendingConnection(Wire):
    """A connection that takes what is due, and sends it one at a time.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        configuration: Its configuration keys.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = (
        "books",
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
        "reports_lost",
        "sequence",
        "state",
    )

    def __init__(self, fleet: Fleet, number: int, configuration: Configuration) -> None:
        super().__init__()
        self.fleet = fleet
        self.books = fleet.books.of(number)
        self.number = number
        self.configuration = configuration
        self.state = OFFLINE
        self.reports_lost = False  # a StatusNotification never arrived, or may not have
        self.sequence = 0
        self.call_id: bytes | None = None
        self.call_cell: OperationCell | None = None
        self.call_asker: Asker | None = None
        self.call_payload: Payload = b""
        self.call_intended_ns = self.call_sent_ns = 0
        self.queue: deque[Waiting] | None = None
        self.outbox: Outbox | None = None

    @abstractmethod
    def send_call(self, message_id: bytes, action: bytes, payload: bytes) -> None:
        """Write a CALL; ``payload`` is JSON text.

        Raises:
            LocalProtocolError: The connection is not open.
        """

    @abstractmethod
    def send_result(self, call: frames.Call, payload: bytes) -> None:
        """Write the answer to a CALL of the central system; raises as :meth:`send_call`."""

    @abstractmethod
    def send_error(self, call: frames.Call, code: str, description: str) -> None:
        """Write the refusal of a CALL of the central system; raises as :meth:`send_call`."""

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
        cell = self.books.operations.cell(action, intended_ns)
        cell.offered += 1
        if self.state == REGISTERED and self.call_id is None and self.queue is None and self.outbox is None:
            self._send(cell, intended_ns, payload, asker)
        elif action in TRANSACTION_RELATED:
            self.outbox = self.outbox or Outbox()
            crowded_out = self.outbox.append((cell, intended_ns, payload, asker))
            if crowded_out is not None:
                crowded_out[0].dropped += 1
                self.books.counters.dropped_queue_full += 1
                self._count_if_away(1)
                if isinstance(crowded_out[3], TransactionMessage):
                    crowded_out[3].dropped(CROWDED_OUT)
            self.send_next()
        elif self.state == REGISTERED:
            self._enqueue((cell, intended_ns, payload, asker))
            self.send_next()
        else:
            self.drop_offline(cell, asker)

    def offer_unregistered(self, action: int, intended_ns: int, payload: bytes, asker: Asker | None = None) -> None:
        """A BootNotification, or a message asked for, is due on a connection that is not accepted (yet).

        Nothing waits then (OCPP 1.6 section 4.2): with a CALL outstanding it is dropped.
        """
        cell = self.books.operations.cell(action, intended_ns)
        cell.offered += 1
        if self.call_id is None:
            self._send(cell, intended_ns, payload, asker)
        else:
            self.drop_offline(cell, asker)

    def _enqueue(self, entry: Waiting) -> None:
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) < QUEUE_LIMIT:
            self.queue.append(entry)
        else:
            self.books.counters.dropped_queue_full += 1
            self._drop(entry[0], entry[3])

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
            self.send_call(message_id, cell.name, text)
        except LocalProtocolError:  # the gateway has begun to close: as good as offline
            if cell.action in TRANSACTION_RELATED:
                self.outbox = self.outbox or Outbox()
                self.outbox.entries.appendleft((cell, intended_ns, payload, asker))
            else:
                self.drop_offline(cell, asker)
            return
        if not self.number + self.sequence & fleet.checks.mask:
            fleet.checks.note_call(cell.name, text)
        self.sequence += 1
        self.call_id = message_id
        self.call_cell = cell
        self.call_asker = asker
        self.call_payload = payload
        self.call_intended_ns = intended_ns
        self.call_sent_ns = sent_ns
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

    def drop_offline(self, cell: OperationCell, asker: Asker | None) -> None:
        """What makes no sense without a connection is never sent."""
        self.books.counters.dropped_offline += 1
        self._count_if_away(1)
        self._drop(cell, asker)

    def _count_if_away(self, dropped: int) -> None:
        """What is dropped while the charge point's own link or restart keeps it away is nobody else's fault."""
        if self.fleet.link_cuts.is_away(self.number):
            self.books.counters.dropped_by_link += dropped

    def _drop(self, cell: OperationCell, asker: Asker | None) -> None:
        cell.dropped += 1
        self.reports_lost |= cell.action == STATUS_NOTIFICATION
        if asker is not None:
            asker.on_failure(cell.action, monotonic_ns())

    def drop_waiting(self) -> None:
        """The run ends: what waits is never sent."""
        for waiting in (self.queue, self.outbox.entries if self.outbox is not None else None):
            if waiting is not None:
                for cell, _, _, asker in waiting:
                    cell.dropped += 1
                    if isinstance(asker, TransactionMessage):
                        asker.dropped(RUN_ENDED)
                self.books.counters.dropped_at_end += len(waiting)
                self._count_if_away(len(waiting))
        self.queue = self.outbox = None

    @property
    def waiting(self) -> int:
        """Operations offered and not yet sent."""
        return len(self.queue or ()) + (len(self.outbox.entries) if self.outbox is not None else 0)

    @property
    def idle(self) -> bool:
        """Nothing is outstanding and nothing waits that could be sent."""
        sendable = self.queue is not None or (self.outbox is not None and self.outbox.ready)
        return self.call_id is None and not (sendable and self.state == REGISTERED)
