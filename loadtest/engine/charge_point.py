"""One emulated charge point: OCPP 1.6-J over one WebSocket connection at a time.

The object *is* the asyncio protocol of its connection and is used again for the next one. It owns no task, queue,
future or timer; everything rare is made when needed, because there are tens of thousands of these in a process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine import answers, payloads
from loadtest.engine.operations import (
    BOOT_NOTIFICATION,
    HEARTBEAT,
    STATUS_NOTIFICATION,
    TRANSACTION_RELATED,
    OperationCell,
)
from loadtest.engine.transaction import Transaction
from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import frames, stamp
from loadtest.scenario.schedule import exponential_s
from loadtest.transport.websocket_client import ClientHandshake, WebSocketClient
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.profile import ChargePointProfile

OFFLINE, CONNECTING, OPEN, REJECTED, REGISTERED, RETIRED = range(6)
"""States: not connected; connection being made; open, not accepted (yet); told to be silent; accepted; done."""

QUEUE_LIMIT = 200
"""Operations that may wait behind an outstanding CALL or for a connection; what is beyond is dropped and counted."""

_REGISTRATION_RETRY_S = 60.0
_SUBPROTOCOLS = ("ocpp1.6",)


Payload = bytes | Callable[[], bytes]
"""A payload as JSON text, or what renders it."""


class BootResult(msgspec.Struct):
    """BootNotification.conf."""

    status: str
    interval: int = 0


_boot_result = msgspec.json.Decoder(BootResult)


class ChargePoint(WebSocketClient):
    """A charge point of the fleet.

    Args:
        fleet: What all charge points of the process share.
        number: Its number in the whole fleet.
        profile: What kind it is.
    """

    __slots__ = (
        "beat_due_ns",
        "boot_due_ns",
        "call_cell",
        "call_id",
        "call_intended_ns",
        "call_sent_ns",
        "call_transaction",
        "connect_intended_ns",
        "connect_started_ns",
        "draws",
        "energy_wh",
        "failures",
        "fleet",
        "heartbeat_ns",
        "number",
        "profile",
        "queue",
        "sequence",
        "standing",
        "state",
        "transaction",
        "transaction_due_ns",
    )

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile) -> None:
        super().__init__()
        self.fleet = fleet
        self.number = number
        self.profile = profile
        self.state = OFFLINE
        # What the last BootNotification.conf made of it: OPEN is Pending, OFFLINE that there was none.
        self.standing = OFFLINE
        self.sequence = 0
        self.draws = 0
        self.failures = 0
        self.energy_wh = 0
        self.heartbeat_ns = self.beat_due_ns = self.boot_due_ns = 0
        self.connect_intended_ns = self.connect_started_ns = 0
        self.call_id: bytes | None = None
        self.call_cell: OperationCell | None = None
        self.call_transaction: Transaction | None = None
        self.call_intended_ns = self.call_sent_ns = 0
        self.queue: deque[tuple[OperationCell, int, Payload, Transaction | None]] | None = None
        self.transaction: Transaction | None = None
        self.transaction_due_ns = 0

    # Operations -----------------------------------------------------------------------------------------------

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

    def _send_next(self) -> None:
        if self.queue and self.state == REGISTERED and self.call_id is None:
            self._send(*self.queue.popleft())
            if not self.queue:
                self.queue = None

    # Incoming -------------------------------------------------------------------------------------------------

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
            if self.state != REJECTED:  # while rejected a charge point stays silent (OCPP 1.6 section 4.2.1)
                answers.answer(self, message, now_ns)
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
            self._on_boot_result(payload, now_ns)
        if self.queue is not None:
            self._send_next()

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
            if self.standing != REGISTERED:
                self.standing = OFFLINE
            self._boot_later(_REGISTRATION_RETRY_S, now_ns)
        self._send_next()

    def expire(self, now_ns: int) -> None:
        """Give up what has waited longer than the timeout: an answer, or the handshake."""
        timeout_ns = self.fleet.call_timeout_ns
        if self.call_id is not None:
            if now_ns - self.call_sent_ns >= timeout_ns:
                cell = self._close_call(now_ns, sample=True)
                cell.timed_out += 1
                self._after_failure(cell.action, now_ns)
        elif self.state == CONNECTING and now_ns - self.connect_started_ns >= timeout_ns:
            self.fleet.abandon_connect(self)

    # Connection and registration ------------------------------------------------------------------------------

    def connect(self, due_ns: int) -> None:
        """A connection is due, by the ramp or after a loss."""
        if self.state != OFFLINE or self.fleet.draining:
            return
        self.state = CONNECTING
        # A register time runs from the first attempt: what fails before counts as waiting.
        self.connect_intended_ns = self.connect_intended_ns or due_ns
        self.connect_started_ns = monotonic_ns()
        self.fleet.start_connect(self)

    def handshake(self) -> ClientHandshake:
        """What to ask the gateway for."""
        return ClientHandshake(f"{self.fleet.gateway_url}/{quote(self.identity)}", _SUBPROTOCOLS)

    @property
    def identity(self) -> str:
        """The charge point's id."""
        return self.profile.charge_point_id(self.number)

    def on_open(self) -> None:
        """The handshake is complete; before anything else comes the BootNotification (OCPP 1.6 section 4.2)."""
        now_ns = monotonic_ns()
        self.fleet.connected(self, now_ns)
        if self.standing == REGISTERED and not self.profile.boot_on_reconnect:
            self._registered(now_ns)
        elif self.standing in (OPEN, REJECTED) and now_ns < self.boot_due_ns:
            self.state = self.standing  # a new connection does not shorten the wait the central system demanded
        else:
            self.state = OPEN
            self.boot(now_ns)

    def on_refused(self, status: int, reason: str) -> None:
        """The gateway refused the handshake."""
        self.fleet.refused(self, status, reason)

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The connection is gone, whether closed or cut."""
        if self.call_id is not None:
            cell = self._close_call(0, sample=False)
            cell.cut_off += 1
            if self.call_transaction is not None:
                self.call_transaction.on_failure(cell.action, monotonic_ns())
        self._drop_what_needs_a_connection()
        self.fleet.disconnected(self)

    def _drop_what_needs_a_connection(self) -> None:
        if self.queue is None:
            return
        kept = deque(entry for entry in self.queue if entry[0].action in TRANSACTION_RELATED)
        for cell, *_ in self.queue:
            if cell.action not in TRANSACTION_RELATED:
                cell.dropped += 1
                self.fleet.counters.dropped_offline += 1
        self.queue = kept or None

    def boot(self, due_ns: int) -> None:
        """A BootNotification is due: the first of a connection, a repeated or a triggered one."""
        profile, fleet = self.profile, self.fleet
        self.boot_due_ns = 0
        payload = payloads.boot_notification(profile.vendor, profile.model, self.identity)
        if self.state == REGISTERED:
            self.offer(BOOT_NOTIFICATION, due_ns, payload)
        elif self.state in (OPEN, REJECTED) and self.call_id is None and not fleet.draining:
            self.state = OPEN
            cell = fleet.operations.cell(BOOT_NOTIFICATION, due_ns)
            cell.offered += 1
            self._send(cell, due_ns, payload, None)

    def _boot_later(self, wait_s: float, now_ns: int) -> None:
        self.boot_due_ns = self.fleet.at(now_ns + int(wait_s * NS_PER_S), self._boot_again)

    def _boot_again(self, due_ns: int) -> None:
        """The wait is over, unless a BootNotification has been sent meanwhile for another reason."""
        if due_ns == self.boot_due_ns:
            self.boot(due_ns)

    def _on_boot_result(self, payload: bytes, now_ns: int) -> None:
        """Obey the registration status (OCPP 1.6 section 4.2): Accepted beats, anything else waits and boots again."""
        try:
            result = _boot_result.decode(payload)
        except msgspec.DecodeError:
            self.fleet.counters.malformed += 1
            result = BootResult("Rejected")
        if result.status == "Accepted":
            if not self.heartbeat_ns:
                self.fleet.registered_ever += 1
            interval_s = result.interval if result.interval > 0 else self.profile.default_heartbeat_s
            self.heartbeat_ns = int(interval_s * NS_PER_S)
            self._registered(now_ns)
        else:
            wait_s = result.interval if result.interval > 0 else _REGISTRATION_RETRY_S
            self.fleet.counters.not_accepted += 1
            self.state = self.standing = OPEN if result.status == "Pending" else REJECTED
            self._boot_later(wait_s, now_ns)

    def _registered(self, now_ns: int) -> None:
        """Report every connector, behind what has waited for the connection, and begin to beat."""
        self.state = self.standing = REGISTERED
        self.failures = 0
        self.fleet.registered(self, now_ns)
        timestamp = self.fleet.timestamp(now_ns)
        for connector in range(self.profile.connectors + 1):
            status = self.connector_status(connector)
            self.offer(STATUS_NOTIFICATION, now_ns, payloads.status_notification(connector, status, timestamp))
        self.beat_due_ns = self.fleet.at(now_ns + int(self.heartbeat_ns * self.draw()), self.beat)
        if self.transaction is None and not self.transaction_due_ns:
            self.plan_transaction(now_ns)
        self._send_next()

    def beat(self, due_ns: int) -> None:
        """A heartbeat is due; the next one follows at the interval the central system gave."""
        if due_ns != self.beat_due_ns or self.state != REGISTERED:
            return
        self.beat_due_ns = self.fleet.at(due_ns + self.heartbeat_ns, self.beat)
        self.offer(HEARTBEAT, due_ns, payloads.HEARTBEAT)

    # Transactions ---------------------------------------------------------------------------------------------

    def plan_transaction(self, now_ns: int) -> None:
        """Choose when the next driver comes; never, when the profile has no transactions."""
        gap_s = self.profile.transaction_gap_s
        if gap_s:
            wait_s = exponential_s(gap_s, self.draw())
            self.transaction_due_ns = self.fleet.at(now_ns + int(wait_s * NS_PER_S), self._driver_comes)

    def _driver_comes(self, due_ns: int) -> None:
        if due_ns != self.transaction_due_ns:
            return
        self.transaction_due_ns = 0
        if self.state == REGISTERED and self.transaction is None:
            connector = 1 + int(self.draw() * self.profile.connectors)
            self.begin_transaction(connector, b"TAG%07d" % self.number, due_ns)

    def connector_status(self, connector: int) -> bytes:
        """The state of a connector; 0 is the charge point itself."""
        transaction = self.transaction
        return transaction.status if transaction is not None and transaction.connector == connector else b"Available"

    def begin_transaction(self, connector: int, id_tag: bytes, due_ns: int) -> None:
        """A driver presents a tag, or the central system does it for one."""
        duration_s = exponential_s(self.profile.transaction_duration_s, self.draw())
        self.transaction = Transaction(self, connector, id_tag, int(duration_s * NS_PER_S))
        self.transaction.begin(due_ns)

    # For the fleet --------------------------------------------------------------------------------------------

    def draw(self) -> float:
        """The charge point's next random number, uniform in [0, 1)."""
        self.draws += 1
        return self.fleet.draw(self.number, self.draws)

    @property
    def is_registered(self) -> bool:
        """The central system has accepted it, and the connection is there: anything may be sent."""
        return self.state == REGISTERED

    @property
    def idle(self) -> bool:
        """Nothing is outstanding and nothing waits to be sent."""
        return self.call_id is None and (self.queue is None or self.state != REGISTERED)

    def retire(self) -> None:
        """Account for what can no longer be sent or awaited, and close for good."""
        if self.queue is not None:
            for cell, *_ in self.queue:
                cell.dropped += 1
            self.fleet.counters.dropped_at_end += len(self.queue)
            self.queue = None
        if self.call_id is not None:
            self._close_call(0, sample=False).unfinished += 1
        self.state = RETIRED
        if self.transaction is not None:
            self.transaction.over = True  # its instants to come are nobody's any more
            self.transaction = None
        self.close()
