"""The gateway proper: charge points' connections on one side, one MQTT connection on the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.gateway import counters, translation
from loadtest.gateway.back_pressure import BackPressure
from loadtest.gateway.charge_point_connection import ChargePointConnection, limited
from loadtest.gateway.checks import Checks
from loadtest.gateway.counters import GatewayCounters
from loadtest.gateway.door import Door
from loadtest.gateway.piggyback import Batches
from loadtest.gateway.silence import SilenceWatch
from loadtest.gateway.tls_port import TlsPort
from loadtest.gateway.topic_routes import TopicRoutes, templates
from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.gateway.admission import Authenticate
    from loadtest.gateway.settings import GatewaySettings
    from loadtest.gateway.surroundings import Broker, Peers
    from loadtest.transport.websocket_server import Accept, Reject

STOP_TIMEOUT_S = 2.0


class Gateway:
    """Charge points in, topics out, and back. Unless told otherwise, nothing is answered, correlated or repeated.

    Args:
        settings: The process's configuration.
        authenticate: Looks at HTTP Basic credentials; without it everyone is let in.

    Attributes:
        counters: Running totals.
        broker: The MQTT client; its owner passes on messages, losses and restorations.
        peers: Set when other processes share the port.
        tls_port: There when the port speaks TLS.
        now_s: See :class:`~loadtest.gateway.charge_point_connection.Switchboard`.
    """

    def __init__(self, settings: GatewaySettings, authenticate: Authenticate | None = None) -> None:
        self.counters = GatewayCounters()
        self.now_s = monotonic_ns() / NS_PER_S
        self.broker: Broker
        self.peers: Peers | None = None
        self.tls_port = (
            TlsPort(settings, self.counters.tls_handshake_failed, self.connection) if settings.tls_certificate else None
        )
        self._settings = settings
        self._door = Door(settings, self.counters, authenticate)
        self._connection_type = limited(settings.max_frame_bytes, settings.max_unsent_bytes)
        self._connections: dict[bytes, ChargePointConnection] = {}
        self._back_pressure = BackPressure()
        self._silence = SilenceWatch(
            self._connections,
            self._back_pressure.held,
            idle_timeout_s=settings.idle_timeout_s,
            heartbeat_checks=settings.heartbeat_checking_times_backoff,
        )
        self._all_closed: asyncio.Event | None = None

        # What an ordinary message needs, looked up once.
        topics = templates(settings)
        self._upstream_qos = settings.qos if settings.upstream_qos is None else settings.upstream_qos
        self._call_prefix, self._call_suffix = topics.call.prefix, topics.call.suffix
        self._result_prefix, self._result_suffix = topics.result.prefix, topics.result.suffix
        self._error_prefix, self._error_suffix = topics.error.prefix, topics.error.suffix
        self._down_prefix, self._down_suffix = topics.downstream.prefix, topics.downstream.suffix
        self._id_begin, self._id_end = len(self._down_prefix), -len(self._down_suffix) or None

        # What it does not need, absent unless asked for.
        self._routes = None if topics.plain else TopicRoutes(topics)
        self._batches = Batches() if settings.piggyback == "single" else None
        self._checks = Checks(settings, self.counters, self._pass_on) if Checks.wanted(settings) else None

    @property
    def connected(self) -> int:
        """Charge points connected here now."""
        return len(self._connections)

    def connection(self) -> ChargePointConnection:
        """A new connection, for ``loop.create_server``."""
        return self._connection_type(self)

    def owned(self) -> list[tuple[bytes, int]]:
        """Every charge point connected here, with the instant its connection opened."""
        return [(identity, connection.opened_ns) for identity, connection in self._connections.items()]

    # -- life of a connection ----------------------------------------------------------------------------------------

    def begun(self, connection: ChargePointConnection) -> None:
        """Give a client a limited time to send its request."""
        if self.tls_port is not None:
            self.tls_port.completed(connection)
        self._door.begun(connection, self.now_s)

    def admit(self, connection: ChargePointConnection, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        """Decide on a request."""
        return self._door.admit(connection, path, headers, self._connections)

    def refuse_handshakes(self, status: int, share: float) -> None:
        """Turn a share of all handshakes down from now on; with share 0 no more."""
        self._door.refuse_handshakes(status, share)

    def refused(self, status: int, reason: str) -> None:
        """Count a refusal."""
        self._door.refused(status, reason)

    def abandoned(self, connection: ChargePointConnection) -> None:
        """A connection that never opened has ended."""
        self._door.passed()

    def opened(self, connection: ChargePointConnection) -> None:
        """Enter a connection: the newcomer wins over an older one with its id."""
        self._door.passed()
        identity = connection.identity
        connection.opened_ns = monotonic_ns()
        connection.heartbeat_s = self._settings.default_heartbeat_interval_s
        older = self._connections.get(identity)
        self._connections[identity] = connection
        self.counters.accepted += 1
        if older is None:
            self.broker.subscribe([(self._down_prefix + identity + self._down_suffix, self._settings.qos)])
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
        self._back_pressure.held.discard(connection)
        if self._checks is not None:
            self._checks.forget(connection)
        if self._connections.get(connection.identity) is connection:
            del self._connections[connection.identity]
            self.broker.unsubscribe([self._down_prefix + connection.identity + self._down_suffix])
        if self._all_closed is not None and not self._connections:
            self._all_closed.set()

    # -- messages ----------------------------------------------------------------------------------------------------

    def upstream(self, connection: ChargePointConnection, frame: bytes) -> None:
        """Publish a charge point's frame; a malformed one is dropped and the connection stays."""
        totals = self.counters
        try:
            message = translation.upstream(frame)
        except translation.UntranslatableError as fault:
            totals.upstream_dropped[fault.reason] += 1
            if self._checks is not None:
                self._checks.malformed(connection, frame)
            return
        if self._checks is not None and not self._checks.passes_up(connection, frame, message, self.now_s):
            return
        kind = message[0]
        if self._routes is not None:
            topic = self._routes.topic(connection.identity, message)
            if topic is None:
                totals.upstream_dropped[counters.TOPIC] += 1
                return
        elif kind == CALL:
            topic = self._call_prefix + connection.identity + self._call_suffix
        elif kind == CALL_RESULT:
            topic = self._result_prefix + connection.identity + self._result_suffix
        else:
            topic = self._error_prefix + connection.identity + self._error_suffix
        if kind == CALL:
            totals.upstream_calls += 1
        elif kind == CALL_RESULT:
            totals.upstream_results += 1
        else:
            totals.upstream_errors += 1
        totals.published += 1
        self.broker.publish(topic, message[1], self._upstream_qos)
        if (self._back_pressure.broker_away or self.broker.congested) and self._back_pressure.hold(connection):
            totals.paused += 1

    def downstream(self, topic: bytes, envelope: bytes) -> None:
        """Send a central system's message to its charge point; whom it cannot reach never sees it."""
        totals = self.counters
        try:
            message = translation.downstream(envelope)
        except translation.UntranslatableError as fault:
            totals.downstream_dropped[fault.reason] += 1
            return
        kind = message[0]
        connection = self._connections.get(topic[self._id_begin : self._id_end])
        if connection is None or not connection.is_open:
            totals.downstream_dropped[counters.CALL_OFFLINE if kind == CALL else counters.OFFLINE] += 1
            return
        if kind == CALL_RESULT:
            interval_s = translation.heartbeat_interval(message)
            if interval_s is not None and connection.heartbeat_s:
                connection.heartbeat_s = interval_s
                connection.text_heard_s = self.now_s
        if self._checks is None or self._checks.passes_down(connection, message, self.now_s):
            self._pass_on(connection, kind, message[1])

    def _pass_on(self, connection: ChargePointConnection, kind: int, text: bytes) -> None:
        """Send a charge point a message and count it."""
        totals = self.counters
        if kind == CALL_RESULT:
            totals.downstream_results += 1
        elif kind == CALL:
            totals.downstream_calls += 1
        else:
            totals.downstream_errors += 1
        totals.sent_bytes += len(text)
        if self._batches is None:
            connection.send_text(text)
        else:
            self._batches.add(connection, text)

    # -- the broker --------------------------------------------------------------------------------------------------

    def broker_lost(self) -> None:
        """From now on whoever sends something is not read again before the broker is back."""
        self._back_pressure.broker_away = True

    def broker_restored(self) -> None:
        """The broker is back, with all subscriptions."""
        self._back_pressure.broker_away = False
        self.drained()

    def drained(self) -> None:
        """The broker takes messages: read everybody again."""
        if not (self._back_pressure.broker_away or self.broker.congested):
            self._back_pressure.release(self.now_s)

    def holds(self, connection: ChargePointConnection) -> bool:
        """Whether the connection is not to be read for now."""
        return connection in self._back_pressure.held

    # -- time --------------------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Let time pass: end what has been silent too long. Called every tenth of a second or so."""
        self.now_s = now_s
        if self.tls_port is not None:
            self.tls_port.tick(now_s)
        self._door.tick(now_s)
        self._silence.tick(now_s)
        if self._checks is not None:
            self._checks.tick(now_s)

    async def stop(self) -> None:
        """Close every connection with code 1000; cut those that do not answer in time."""
        self._door.shut()
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
