"""One emulated charge point: OCPP 1.6-J over one WebSocket connection at a time.

The object *is* the asyncio protocol of its connection and is used again for the next one. It owns no task, queue,
future or timer; everything rare is made when needed, because there are tens of thousands of these in a process.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine import answers, payloads
from loadtest.engine.calls import CONNECTING, OFFLINE, OPEN, REGISTERED, REJECTED, RETIRED, CallingConnection
from loadtest.engine.operations import BOOT_NOTIFICATION, HEARTBEAT, STATUS_NOTIFICATION
from loadtest.engine.transaction import Transaction
from loadtest.scenario.arrivals import next_arrival_s
from loadtest.transport.websocket_client import ClientHandshake
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.fleet import Fleet
    from loadtest.protocol import frames
    from loadtest.scenario.profile import ChargePointProfile

_REGISTRATION_RETRY_S = 60.0
_STAY_WITHOUT_DRIVERS_S = 1e9
_SUBPROTOCOLS = ("ocpp1.6",)


class BootResult(msgspec.Struct):
    """BootNotification.conf."""

    status: str
    interval: int = 0


_boot_result = msgspec.json.Decoder(BootResult)


class ChargePoint(CallingConnection):
    """A charge point of the fleet.

    Args:
        fleet: What all charge points of the process share.
        number: Its number in the whole fleet.
        profile: What kind it is.
    """

    __slots__ = (
        "beat_due_ns",
        "boot_due_ns",
        "connect_intended_ns",
        "connect_started_ns",
        "draws",
        "energy_wh",
        "failures",
        "heartbeat_ns",
        "profile",
        "register_intended_ns",
        "standing",
        "transaction",
        "transaction_due_ns",
    )

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile) -> None:
        super().__init__(fleet, number)
        self.profile = profile
        # What the last BootNotification.conf made of it: OPEN is Pending, OFFLINE that there was none.
        self.standing = OFFLINE
        self.draws = 0
        self.failures = 0
        self.energy_wh = 0
        self.heartbeat_ns = self.beat_due_ns = self.boot_due_ns = 0
        self.connect_intended_ns = self.register_intended_ns = self.connect_started_ns = 0
        self.transaction: Transaction | None = None
        self.transaction_due_ns = 0

    def on_call(self, call: frames.Call, now_ns: int) -> None:
        """Answer, unless rejected: a rejected charge point stays silent (OCPP 1.6 section 4.2.1)."""
        if self.state != REJECTED:
            answers.answer(self, call, now_ns)

    # Connection and registration ------------------------------------------------------------------------------

    def expire(self, now_ns: int) -> None:
        """Give up what has waited longer than the timeout: an answer, or the handshake."""
        if self.state == CONNECTING and now_ns - self.connect_started_ns >= self.fleet.call_timeout_ns:
            self.fleet.abandon_connect(self)
        else:
            self.expire_call(now_ns)

    def connect(self, due_ns: int) -> None:
        """A connection is due, by the ramp or after a loss."""
        if self.state != OFFLINE or self.fleet.draining:
            return
        self.state = CONNECTING
        # Both times run from the first attempt: what fails before counts as waiting.
        self.connect_intended_ns = self.connect_intended_ns or due_ns
        self.register_intended_ns = self.register_intended_ns or self.connect_intended_ns
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
        self.cut_off()
        self.fleet.disconnected(self)

    def boot(self, due_ns: int) -> None:
        """A BootNotification is due: the first of a connection, a repeated or a triggered one."""
        profile, fleet = self.profile, self.fleet
        self.boot_due_ns = 0
        payload = payloads.boot_notification(profile.vendor, profile.model, self.identity)
        if self.state == REGISTERED:
            self.offer(BOOT_NOTIFICATION, due_ns, payload)
        elif self.state in (OPEN, REJECTED) and self.call_id is None and not fleet.draining:
            self.state = OPEN
            self.offer_boot(due_ns, payload)

    def _boot_later(self, wait_s: float, now_ns: int) -> None:
        self.boot_due_ns = self.fleet.at(now_ns + int(wait_s * NS_PER_S), self._boot_again)

    def _boot_again(self, due_ns: int) -> None:
        """The wait is over, unless a BootNotification has been sent meanwhile for another reason."""
        if due_ns == self.boot_due_ns:
            self.boot(due_ns)

    def on_boot_answer(self, payload: bytes, now_ns: int) -> None:
        """Obey the registration status (OCPP 1.6 section 4.2): Accepted beats, anything else waits and boots again."""
        try:
            result = _boot_result.decode(payload)
        except (msgspec.DecodeError, RecursionError):
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

    def on_boot_failure(self, now_ns: int) -> None:
        """Try again later; a registration that stands is not lost by it."""
        if self.standing != REGISTERED:
            self.standing = OFFLINE
        self._boot_later(_REGISTRATION_RETRY_S, now_ns)

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
        self.send_next()

    def beat(self, due_ns: int) -> None:
        """A heartbeat is due; the next one follows at the interval the central system gave, connected or not."""
        if due_ns != self.beat_due_ns or self.state == RETIRED:
            return
        self.beat_due_ns = self.fleet.at(due_ns + self.heartbeat_ns, self.beat)
        self.offer(HEARTBEAT, due_ns, payloads.HEARTBEAT)

    # Transactions ---------------------------------------------------------------------------------------------

    def plan_transaction(self, now_ns: int) -> None:
        """Choose when the next driver comes; never, when the profile has no transactions."""
        if self.profile.drivers is None:
            return
        epoch_ns = self.fleet.epoch_ns
        arrival_s = next_arrival_s(self.profile, (now_ns - epoch_ns) / NS_PER_S, self.draw())
        if arrival_s < math.inf:
            self.transaction_due_ns = self.fleet.at(epoch_ns + int(arrival_s * NS_PER_S), self._driver_comes)

    def _driver_comes(self, due_ns: int) -> None:
        if due_ns != self.transaction_due_ns:
            return
        self.transaction_due_ns = 0
        if self.transaction is None and self.state != RETIRED:
            connector = 1 + int(self.draw() * self.profile.connectors)
            self.begin_transaction(connector, b"TAG%07d" % self.number, due_ns)

    def connector_status(self, connector: int) -> bytes:
        """The state of a connector; 0 is the charge point itself."""
        transaction = self.transaction
        return transaction.status if transaction is not None and transaction.connector == connector else b"Available"

    def begin_transaction(self, connector: int, id_tag: bytes, due_ns: int) -> None:
        """A driver presents a tag, or the central system does it for one."""
        drivers = self.profile.drivers
        stay_s = drivers.stay_s.draw(self.draw()) if drivers is not None else _STAY_WITHOUT_DRIVERS_S
        duration_s = stay_s / self.profile.time_scale
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

    def retire(self) -> None:
        """Account for what can no longer be sent or awaited, and close for good."""
        self.close_books()
        self.state = RETIRED
        if self.transaction is not None:
            self.transaction.over = True  # its instants to come are nobody's any more
            self.transaction = None
        self.close()
