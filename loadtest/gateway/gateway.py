"""The gateway proper: charge points' connections on one side, one MQTT connection on the other."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from loadtest.clock import monotonic_ns
from loadtest.gateway import admission, counters, translation
from loadtest.gateway.charge_point_connection import ChargePointConnection
from loadtest.gateway.counters import GatewayCounters
from loadtest.protocol import topics
from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.transport.websocket_server import Accept, Reject
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loadtest.gateway.settings import GatewaySettings

CALL_PREFIX = topics.call_topic("").encode()
REPLY_SUFFIX = topics.reply_topic("x").removeprefix(topics.call_topic("x")).encode()
DOWNSTREAM_PREFIX = topics.downstream_topic("").encode()

SWEEP_PARTS = 10
"""Each connection's silence is looked at once in so many ticks, a part of them in each, so that none takes long."""

STOP_TIMEOUT_S = 2.0


class Broker(Protocol):
    """What the gateway asks of its MQTT client (:class:`loadtest.transport.mqtt_client.MqttClient`)."""

    @property
    def congested(self) -> bool:
        """Publish no more until told."""
        ...

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        """Send without waiting."""
        ...

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None:
        """Ask without waiting."""
        ...

    def unsubscribe(self, filters: list[bytes]) -> None:
        """Give up without waiting."""
        ...


class Peers(Protocol):
    """The gateway processes that share the port (:class:`loadtest.gateway.peers.PeerLinks`)."""

    def claim(self, identity: bytes, opened_ns: int) -> None:
        """Tell them that the charge point's connection is here."""
        ...


class Gateway:
    """Charge points in, topics out, and back. Nothing is answered, correlated, stored or repeated.

    Attributes:
        counters: Running totals.
        broker: The MQTT client; its owner passes on messages, losses and restorations.
        peers: Set when other processes share the port.
        now_s: See :class:`~loadtest.gateway.charge_point_connection.Switchboard`.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self.counters = GatewayCounters()
        self.now_s = monotonic_ns() / NS_PER_S
        self.broker: Broker
        self.peers: Peers | None = None
        self._settings = settings
        self._connections: dict[bytes, ChargePointConnection] = {}
        self._unopened: deque[tuple[float, ChargePointConnection]] = deque()
        self._held: set[ChargePointConnection] = set()
        self._broker_away = False
        self._sweep: Iterator[ChargePointConnection] = iter(())
        self._sweep_share = 0
        self._ticks = 0
        self._all_closed: asyncio.Event | None = None

    @property
    def connected(self) -> int:
        """Charge points connected here now."""
        return len(self._connections)

    def connection(self) -> ChargePointConnection:
        """A new connection, for ``loop.create_server``."""
        return ChargePointConnection(self)

    def owned(self) -> list[tuple[bytes, int]]:
        """Every charge point connected here, with the instant its connection opened."""
        return [(identity, connection.opened_ns) for identity, connection in self._connections.items()]

    # -- life of a connection ----------------------------------------------------------------------------------------

    def begun(self, connection: ChargePointConnection) -> None:
        """Give a client a limited time to send its request."""
        self._unopened.append((self.now_s + self._settings.handshake_timeout_s, connection))

    def admit(self, connection: ChargePointConnection, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        """Decide on a request."""
        decision = admission.admit(path, headers, path=self._settings.path, credentials=self._settings.credentials)
        if isinstance(decision, Reject):
            return decision
        connection.identity = decision
        return Accept(admission.SUBPROTOCOL)

    def refused(self, status: int, reason: str) -> None:
        """Count a refusal. Only our own reason words are kept: others quote what a stranger has sent."""
        self.counters.refused[reason if reason in admission.REASONS else f"http_{status}"] += 1

    def opened(self, connection: ChargePointConnection) -> None:
        """Enter a connection: the newcomer wins over an older one with its id."""
        identity = connection.identity
        connection.opened_ns = monotonic_ns()
        connection.heartbeat_s = self._settings.default_heartbeat_interval_s
        older = self._connections.get(identity)
        self._connections[identity] = connection
        self.counters.accepted += 1
        if older is None:
            self.broker.subscribe([(DOWNSTREAM_PREFIX + identity, self._settings.qos)])
        else:
            self.counters.takeovers += 1
            older.drop(counters.TAKEOVER)
        if self.peers is not None:
            self.peers.claim(identity, connection.opened_ns)

    def claimed(self, identity: bytes, opened_ns: int) -> None:
        """Another process has a connection of this charge point: if it is newer, ours ends."""
        connection = self._connections.get(identity)
        if connection is not None and connection.opened_ns < opened_ns:
            self.counters.takeovers += 1
            connection.drop(counters.TAKEOVER)

    def closed(self, connection: ChargePointConnection, cause: str) -> None:
        """Forget an ended connection."""
        self.counters.closed[cause] += 1
        self._held.discard(connection)
        if self._connections.get(connection.identity) is connection:
            del self._connections[connection.identity]
            self.broker.unsubscribe([DOWNSTREAM_PREFIX + connection.identity])
        if self._all_closed is not None and not self._connections:
            self._all_closed.set()

    # -- messages ----------------------------------------------------------------------------------------------------

    def upstream(self, connection: ChargePointConnection, frame: bytes) -> None:
        """Publish a charge point's frame; a malformed one is dropped and the connection stays."""
        totals = self.counters
        try:
            kind, envelope, _ = translation.upstream(frame)
        except translation.UntranslatableError as fault:
            totals.upstream_dropped[fault.reason] += 1
            return
        topic = CALL_PREFIX + connection.identity
        if kind == CALL:
            totals.upstream_calls += 1
        else:
            topic += REPLY_SUFFIX
            if kind == CALL_RESULT:
                totals.upstream_results += 1
            else:
                totals.upstream_errors += 1
        totals.published += 1
        self.broker.publish(topic, envelope, self._settings.qos)
        if self._broker_away or self.broker.congested:
            self._hold(connection)

    def downstream(self, topic: bytes, envelope: bytes) -> None:
        """Send a central system's message to its charge point; whom it cannot reach never sees it."""
        totals = self.counters
        connection = self._connections.get(topic[len(DOWNSTREAM_PREFIX) :])
        if connection is None or not connection.is_open:
            totals.downstream_dropped[counters.OFFLINE] += 1
            return
        try:
            message = translation.downstream(envelope)
        except translation.UntranslatableError as fault:
            totals.downstream_dropped[fault.reason] += 1
            return
        if message.kind == CALL_RESULT:
            totals.downstream_results += 1
            interval_s = translation.heartbeat_interval(message)
            if interval_s is not None and connection.heartbeat_s:
                connection.heartbeat_s = interval_s
                connection.text_heard_s = self.now_s
        elif message.kind == CALL:
            totals.downstream_calls += 1
        else:
            totals.downstream_errors += 1
        connection.send_text(message.text)

    # -- back-pressure -----------------------------------------------------------------------------------------------

    def broker_lost(self) -> None:
        """From now on whoever sends something is not read again before the broker is back."""
        self._broker_away = True

    def broker_restored(self) -> None:
        """The broker is back, with all subscriptions."""
        self._broker_away = False
        self.drained()

    def drained(self) -> None:
        """Read everybody again. Those held were not silent, they were not listened to."""
        if self._broker_away or self.broker.congested:
            return
        held, self._held = self._held, set()
        for connection in held:
            connection.heard_s = connection.text_heard_s = self.now_s
            connection.resume_reading()

    def _hold(self, connection: ChargePointConnection) -> None:
        if connection not in self._held:
            self._held.add(connection)
            self.counters.paused += 1
            connection.pause_reading()

    # -- time --------------------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Let time pass: end what has been silent too long. Called every tenth of a second or so."""
        self.now_s = now_s
        while self._unopened and self._unopened[0][0] <= now_s:
            connection = self._unopened.popleft()[1]
            if connection.is_opening:
                self.counters.handshake_timeouts += 1
                connection.abort()
        if self._ticks % SWEEP_PARTS == 0:
            self._sweep = iter(list(self._connections.values()))
            self._sweep_share = len(self._connections) // SWEEP_PARTS + 1
        self._ticks += 1
        idle_timeout_s = self._settings.idle_timeout_s
        for connection in islice(self._sweep, self._sweep_share):
            # EMQX looks at each end of an interval whether any text came within it, and gives up at the second in vain.
            if connection.heartbeat_s and now_s - connection.text_heard_s >= 2 * connection.heartbeat_s:
                cause = counters.KEEPALIVE
            elif idle_timeout_s and now_s - connection.heard_s >= idle_timeout_s:
                cause = counters.IDLE
            else:
                continue
            if connection not in self._held:
                connection.drop(cause)

    async def stop(self) -> None:
        """Close every connection with code 1000; cut those that do not answer in time."""
        for _, unopened in self._unopened:
            if unopened.is_opening:
                unopened.abort()
        if not self._connections:
            return
        self._all_closed = asyncio.Event()
        for connection in list(self._connections.values()):
            connection.resume_reading()  # or the answer to our Close frame would never be seen
            connection.leave()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._all_closed.wait()
        except TimeoutError:
            for connection in list(self._connections.values()):
                connection.abort()
