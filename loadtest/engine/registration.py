"""A charge point's connection to its central system: made, registered, lost, and made again.

OCPP 1.6 section 4.2 (BootNotification), 5.14 (Reset).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine import payloads
from loadtest.engine.keep_alive import LivingConnection
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.operations import BOOT_NOTIFICATION
from loadtest.engine.sending import CONNECTING, OFFLINE, OPEN, REGISTERED, REJECTED
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.profile import ChargePointProfile

_REGISTRATION_RETRY_S = 60.0
_BEHIND_ANOTHER_S = 1.0


class BootResult(msgspec.Struct):
    """BootNotification.conf."""

    status: str
    interval: int = 0


_boot_result = msgspec.json.Decoder(BootResult)


class RegisteringConnection(LivingConnection):
    """A connection that registers as OCPP wants it, and comes back.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        profile: What kind it is.
        configuration: What it starts with.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = (
        "boot_due_ns",
        "connect_intended_ns",
        "connect_started_ns",
        "failures",
        "profile",
        "register_intended_ns",
        "restart_due_ns",
        "standing",
    )

    path: ClassVar[str]
    """How it reaches the broker: ``gateway`` or ``direct``."""
    handshake_name: ClassVar[str]
    """What opening its connection is called in tables."""
    peer_name: ClassVar[str]
    """What is at the other end of it."""

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile, configuration: Configuration) -> None:
        super().__init__(fleet, number, configuration)
        self.profile = profile
        # What the last BootNotification.conf made of it: OPEN is Pending, OFFLINE that there was none.
        self.standing = OFFLINE
        self.failures = 0
        self.boot_due_ns = self.restart_due_ns = 0
        self.connect_intended_ns = self.register_intended_ns = self.connect_started_ns = 0

    @abstractmethod
    def draw(self) -> float:
        """The charge point's next random number, uniform in [0, 1)."""

    @abstractmethod
    def on_registered(self, now_ns: int, *, booted: bool) -> None:
        """Anything may be sent from now on; ``booted`` after a BootNotification."""

    @property
    def firmware_version(self) -> str:
        """What runs on it."""
        return self.profile.firmware_version

    @property
    def identity(self) -> str:
        """The charge point's id."""
        return self.profile.charge_point_id(self.number)

    @property
    def is_registered(self) -> bool:
        """The central system has accepted it, and the connection is there: anything may be sent."""
        return self.state == REGISTERED

    @property
    def is_pending(self) -> bool:
        """The central system has answered *Pending*: only what it asks for may be sent."""
        return self.state == self.standing == OPEN

    # Connecting -------------------------------------------------------------------------------------------------

    def connect(self, due_ns: int) -> None:
        """A connection is due, by the ramp or after a loss."""
        if self.state != OFFLINE or self.fleet.draining or due_ns < self.restart_due_ns:
            return
        if self.transport is not None:
            return  # a connection that was refused or given up has yet to end; that makes the next one due
        self.state = CONNECTING
        self.restart_due_ns = 0
        # Both times run from the first attempt: what fails before counts as waiting.
        self.connect_intended_ns = self.connect_intended_ns or due_ns
        self.register_intended_ns = self.register_intended_ns or self.connect_intended_ns
        self.connect_started_ns = monotonic_ns()
        self.fleet.connections.attempt(self)

    def on_open(self) -> None:
        """The handshake is complete; before anything else comes the BootNotification (OCPP 1.6 section 4.2)."""
        now_ns = monotonic_ns()
        self.fleet.connections.opened(self, now_ns)
        self.pong_missing = False
        self.schedule_ping(now_ns)
        if self.standing == REGISTERED and not self.profile.boot_on_reconnect:
            self._registered(now_ns, booted=False)
        elif self.standing in (OPEN, REJECTED) and now_ns < self.boot_due_ns:
            self.state = self.standing  # a new connection does not shorten the wait the central system demanded
        else:
            self.state = OPEN
            self.boot(now_ns)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, while the socket can still be asked."""
        self.fleet.connections.count_bytes(self)
        super().connection_lost(exc)

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The connection is gone, whether closed or cut."""
        self.cut_off()
        self.fleet.connections.ended(self, exc)

    def expire(self, now_ns: int) -> None:
        """Give up what has waited longer than the timeout: an answer, or the handshake."""
        if self.state == CONNECTING and now_ns - self.connect_started_ns >= self.fleet.connect_timeout_ns:
            self.fleet.connections.abandon(self)
        else:
            self.expire_call(now_ns)

    def reboot(self, now_ns: int, down_s: float) -> None:
        """Restart: the connection ends at once, what is not stored is gone, and after ``down_s`` it boots again."""
        self.standing = OFFLINE
        self.beat_due_ns = self.boot_due_ns = self.ping_due_ns = 0
        self.restart_due_ns = self.fleet.at(now_ns + int(down_s * NS_PER_S), self.connect)
        self.books.counters.reboots += 1
        if self.transport is not None:
            self.fleet.connections.take_away(self)
            self.close()
        else:
            self.fleet.connections.stop_attempt(self)

    # Registration -----------------------------------------------------------------------------------------------

    def boot(self, due_ns: int) -> None:
        """A BootNotification is due: the first of a connection, a repeated or a triggered one."""
        self.boot_due_ns = 0
        payload = payloads.boot_notification(self.profile, self.identity, self.firmware_version)
        if self.state == REGISTERED:
            self.offer(BOOT_NOTIFICATION, due_ns, payload)
        elif self.state in (OPEN, REJECTED) and self.call_id is None and not self.fleet.draining:
            self.state = OPEN
            self.offer_unregistered(BOOT_NOTIFICATION, due_ns, payload)
        elif self.call_id is not None and self.call_cell is not None and self.call_cell.action != BOOT_NOTIFICATION:
            self._boot_later(_BEHIND_ANOTHER_S, due_ns)  # a message asked for still waits for its answer

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
            self.books.counters.malformed += 1
            result = BootResult("Rejected")
        if result.status == "Accepted":
            if not self.heartbeat_ns:
                self.books.registered_ever += 1
            given_s = result.interval if result.interval > 0 else self.profile.default_heartbeat_s
            self.heartbeat_ns = self.fleet.shared_interval_ns(self.profile.heartbeat_s or given_s)
            self._registered(now_ns, booted=True)
        else:
            wait_s = result.interval if result.interval > 0 else _REGISTRATION_RETRY_S
            self.books.counters.not_accepted += 1
            self.fleet.connections.not_let_in(self)
            self.state = self.standing = OPEN if result.status == "Pending" else REJECTED
            self._boot_later(wait_s, now_ns)

    def on_boot_failure(self, now_ns: int) -> None:
        """Try again later; a registration that stands is not lost by it."""
        self.fleet.connections.not_let_in(self)
        if self.standing != REGISTERED:
            self.standing = OFFLINE
        self._boot_later(_REGISTRATION_RETRY_S, now_ns)

    def _registered(self, now_ns: int, *, booted: bool) -> None:
        """Begin to beat, and send what has waited."""
        self.state = self.standing = REGISTERED
        self.failures = 0
        self.fleet.connections.registered(self, now_ns)
        self.beat_due_ns = self.fleet.at(now_ns + int(self.heartbeat_ns * self.draw()), self.beat)
        self.on_registered(now_ns, booted=booted)
        self.send_next()
