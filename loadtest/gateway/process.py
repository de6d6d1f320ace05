"""The gateway process: obeys its parent's commands and reports each second."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.control.life import ChildLife
from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.gateway import descriptors, passwords
from loadtest.gateway.gateway import Gateway
from loadtest.gateway.peers import PeerLinks
from loadtest.gateway.settings import gateway_settings
from loadtest.measure.health import HealthMonitor
from loadtest.measure.interval import IntervalReport
from loadtest.measure.run_events import OUT_OF_DESCRIPTORS
from loadtest.protocol.phases import UNDER_LOAD
from loadtest.transport import mqtt_client, tls
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from loadtest.control.child import ControlChannel
    from loadtest.gateway.settings import GatewaySettings
    from loadtest.transport.mqtt_client import MqttClient

TICK_NS = 100 * NS_PER_MS
BACKLOG = 4096
"""Connections the kernel may hold for us while we are busy; a boot storm needs it."""


class GatewayProcess:
    """One gateway process, from its configuration to its final report."""

    def __init__(self) -> None:
        self._configured: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._life = ChildLife("gateway_fault")
        self._service: GatewayService | None = None

    async def run(self) -> None:
        """Serve the parent until it says stop or goes away."""
        life = self._life
        await life.begin(self._on_command)
        over = asyncio.ensure_future(life.over.wait())
        await asyncio.wait((over, self._configured), return_when=asyncio.FIRST_COMPLETED)
        if self._configured.done():
            try:
                settings = gateway_settings(self._configured.result())
                async with AsyncExitStack() as stack:
                    self._service = GatewayService(settings, life.channel)
                    await self._service.start(stack)
                    await over
            except (UsageError, EnvironmentNotReady) as error:
                life.channel.send(messages.Refused(list(error.faults), error.hint))
            if life.parent_gone.is_set() and settings.peer_sockets:
                with contextlib.suppress(OSError):  # another process still has its socket there, and sees to it
                    Path(settings.peer_sockets[0]).parent.rmdir()
        over.cancel()
        await life.end()

    def _on_command(self, command: messages.Command) -> None:
        match command:
            case messages.Configure(plain) if not self._configured.done():
                self._configured.set_result(plain)
            case messages.EnterPhase(phase=phase) if phase in UNDER_LOAD and not gc.get_freeze_count():
                # Connections are there and stay: a collection that walks them would stop the clock for nothing, also
                # one last time, for it finds no cycle.
                gc.freeze()
            case messages.RefuseHandshakes(status, share) if self._service is not None:
                self._service.refuse_handshakes(status, share)
            case messages.Drain() if self._service is not None:
                self._service.report(final=True)
            case messages.Stop():
                self._life.over.set()


class GatewayService:
    """A gateway with its broker, its peers, its port and its reports."""

    def __init__(self, settings: GatewaySettings, channel: ControlChannel) -> None:
        self._settings = settings
        self._channel = channel
        self._gateway = Gateway(
            settings, passwords.read(Path(settings.password_file)) if settings.password_file else None
        )
        self._health = HealthMonitor()
        self._broker: MqttClient
        self._next_tick_ns = 0
        self._reported_index = 0
        self._final_sent = False
        self._shortage_told = False

    async def start(self, stack: AsyncExitStack) -> None:
        """Open everything, and have ``stack`` close it: first the port, then the connections, last the broker.

        Raises:
            EnvironmentNotReady: The port is taken, or the broker is not there.
        """
        gateway, settings = self._gateway, self._settings
        stack.callback(self._health.close)
        self._broker = gateway.broker = await mqtt_client.connect(
            settings.broker_url,
            client_id=f"loadtest-gateway-{settings.process_index}-{secrets.token_hex(4)}",
            on_message=gateway.downstream,
            on_lost=self._on_broker_lost,
            on_restored=self._on_broker_restored,
            on_drained=gateway.drained,
            max_in_flight=mqtt_client.IN_FLIGHT_BY_QOS[settings.qos],
        )
        stack.callback(self.report, final=True)  # unless it has been asked for before: the last act but one
        stack.push_async_callback(self._broker.close)
        if len(settings.peer_sockets) > 1:
            peers = PeerLinks(
                settings.process_index, settings.peer_sockets, owned=gateway.owned, on_claim=gateway.claimed
            )
            stack.push_async_callback(peers.stop)
            await peers.start()
            gateway.peers = peers
        stack.push_async_callback(gateway.stop)
        loop = asyncio.get_running_loop()
        port = gateway.tls_port
        try:
            server = await loop.create_server(
                gateway.connection if port is None else port.connection,
                settings.host,
                settings.port,
                reuse_port=True,
                backlog=BACKLOG,
                ssl=None if port is None else port.context,
                ssl_handshake_timeout=None if port is None else settings.handshake_timeout_s,
                ssl_shutdown_timeout=None if port is None else tls.SHUTDOWN_TIMEOUT_S,
            )
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise EnvironmentNotReady(
                f"gateway cannot listen on {settings.host} port {settings.port}: "
                + ("the port is in use" if taken else str(error.strerror or error)),
                hint="choose another port, or stop what uses it" if taken else "",
            ) from error
        stack.callback(server.close)
        self._next_tick_ns = monotonic_ns() + TICK_NS
        self._reported_index = self._index(self._next_tick_ns)
        ticking = loop.create_task(self._tick(), name="gateway-tick")
        stack.callback(ticking.cancel)
        self._channel.send(messages.Ready(os.getpid(), {"port": settings.port, "qos": settings.qos}))

    def refuse_handshakes(self, status: int, share: float) -> None:
        """Have the gateway turn handshakes down."""
        self._gateway.refuse_handshakes(status, share)

    def report(self, *, final: bool = False) -> None:
        """Send what has happened up to now; nothing after the final report."""
        if self._final_sent:
            return
        self._final_sent = final
        now_ns = monotonic_ns()
        broker = self._broker
        report = IntervalReport(
            index=self._index(now_ns) - (0 if final else 1),  # one sent after a second's end covers the second before
            final=final,
            counters=self._gateway.counters.report()
            | {
                "gateway.broker_reconnects": broker.reconnects,
                "gateway.broker_subscriptions_refused": broker.subscriptions_refused,
                "gateway.dropped_without_broker": broker.dropped,
            },
            gauges={"gateway.connected": self._gateway.connected, "unacknowledged": broker.unacknowledged},
            health=self._health.take_interval(backlog_bytes=self._channel.backlog_bytes),
        )
        self._channel.send(messages.Report(report))

    def _index(self, now_ns: int) -> int:
        return (now_ns - self._settings.epoch_ns) // NS_PER_S

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(max(0, self._next_tick_ns - monotonic_ns()) / NS_PER_S)
            now_ns = monotonic_ns()
            self._health.note_loop_lag(max(0, now_ns - self._next_tick_ns) // NS_PER_US)
            self._next_tick_ns = max(self._next_tick_ns + TICK_NS, now_ns)
            self._gateway.tick(now_ns / NS_PER_S)
            index = self._index(now_ns)
            if index != self._reported_index:
                self._reported_index = index
                self.report()
                self._tell_shortage()

    def _tell_shortage(self) -> None:
        if not self._shortage_told and descriptors.none_left():
            self._shortage_told = True
            text = (
                f"gateway process {self._settings.process_index} has none of its {descriptors.limit():,} file "
                "descriptors left: new connections are closed"
            )
            self._channel.send(messages.Event(OUT_OF_DESCRIPTORS, text))

    def _on_broker_lost(self, reason: str) -> None:
        self._gateway.broker_lost()
        self._channel.send(messages.Event("broker_lost", f"gateway process {self._settings.process_index}: {reason}"))

    def _on_broker_restored(self) -> None:
        self._gateway.broker_restored()
        self._channel.send(messages.Event("broker_restored", f"gateway process {self._settings.process_index}"))
