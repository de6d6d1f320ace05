"""The door to ``aiomqtt``: a second opinion on what the lean client measures, at low rates.

Same interface as far as a subscriber needs it, nothing else shared: another codec, another socket path, other
queues. It costs about five times the CPU, so its own lag shows above a few thousand messages per second.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_url, tls
from loadtest.transport.mqtt5_properties import NO_PROPERTIES, read_variable_integer, variable_integer

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.transport.mqtt_url import BrokerAddress

RECONNECT_DELAY_S = 0.2
CLOSE_TIMEOUT_S = 2.0
PUBLISHERS = 20
"""aiomqtt's ``publish`` returns with the acknowledgement; this many may wait for theirs at once."""

_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""paho leaves Nagle's algorithm on, which costs 44 ms wherever it meets a delayed acknowledgement."""


class Delivery(NamedTuple):
    """How a message came, beside its topic and payload.

    Attributes:
        qos: Quality of service of this delivery.
        retained: Its retain flag.
        properties: MQTT 5 properties by name, those of the packet itself included; empty over MQTT 3.1.1.
    """

    qos: int
    retained: bool
    properties: dict[str, Any]


class AiomqttClient:
    """A client that stays connected. Made by :func:`connect`, never directly.

    Attributes:
        delivery: How the message being delivered came.
        properties: Those of the message being delivered as bytes (MQTT 5), not decoded.
        dropped: QoS 0 messages given up because there was no connection.
        refused: Always 0: aiomqtt does not tell what a broker has acknowledged with a reason code of failure.
        too_large: Always 0: paho does not look.
        reconnects: Connections lost and restored.
        unacknowledged: Messages published but not yet done with.
        backlog_bytes: Always 0: paho does not tell.
    """

    backlog_bytes = 0
    refused = 0
    too_large = 0

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        on_message: Callable[[bytes, bytes], None],
        on_lost: Callable[[str], None],
        on_restored: Callable[[], None],
        *,
        mqtt5: bool = False,
    ) -> None:
        self.delivery = Delivery(0, False, {})  # noqa: FBT003 - a flag of the packet
        self.properties = NO_PROPERTIES
        self.dropped = 0
        self.reconnects = 0
        self.unacknowledged = 0
        self._address = address
        self._client_id = client_id
        self._version = aiomqtt.ProtocolVersion.V5 if mqtt5 else aiomqtt.ProtocolVersion.V311
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._outgoing: asyncio.Queue[tuple[bytes, bytes, int, bytes]] = asyncio.Queue()
        self._filters: dict[bytes, int] = {}
        self._client: aiomqtt.Client | None = None
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.get_running_loop().create_task(self._live(), name="aiomqtt-client")

    def received_ns(self) -> int:
        """When the message being delivered arrived, task and queue behind it: what this client costs."""
        return monotonic_ns()

    def publish(self, topic: bytes, payload: bytes, qos: int, properties: bytes = NO_PROPERTIES) -> None:
        """Queue a message; without a connection QoS 0 is counted in :attr:`dropped`."""
        if qos == 0 and self._client is None:
            self.dropped += 1
            return
        self.unacknowledged += 1
        self._outgoing.put_nowait((topic, payload, qos, properties))

    async def subscribed(self, filters: list[tuple[bytes, int]]) -> list[int]:
        """Ask for filters and wait for the broker's word on each: the QoS granted, or 0x80 where refused.

        Raises:
            EnvironmentNotReady: There is no connection, or the broker does not answer.
        """
        if self._client is None:
            raise EnvironmentNotReady(f"MQTT broker {self._address}: there is no connection to subscribe on")
        self._filters.update(filters)
        try:
            granted = await self._client.subscribe([(topic_filter.decode(), qos) for topic_filter, qos in filters])
        except aiomqtt.MqttError as error:
            raise EnvironmentNotReady(f"MQTT broker {self._address}: {error}") from None
        return [code if isinstance(code, int) else code.value for code in granted]

    async def connected(self) -> None:
        """Wait for the first connection.

        Raises:
            EnvironmentNotReady: Nothing answers there, or the broker refuses us.
        """
        await self._first

    async def close(self) -> None:
        """Wait shortly until everything queued is acknowledged, then disconnect."""
        if self._client is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._outgoing.join()
            except TimeoutError:
                pass
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            reason = await self._connect_once()
            if not self._first.done():
                self._first.set_exception(
                    EnvironmentNotReady(f"MQTT broker {self._address}: {reason}", hint="is it running?")
                )
                return
            if self._client is not None:
                self._client = None
                self._on_lost(reason)
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _connect_once(self) -> str:
        """One connection from CONNECT to its loss; returns why it ended."""
        reason = "the broker closed the connection"
        try:
            async with aiomqtt.Client(
                self._address.host,
                self._address.port,
                username=self._address.username,
                password=self._address.password,
                identifier=self._client_id,
                protocol=self._version,
                socket_options=_NODELAY,
                tls_context=tls.client_context() if self._address.encrypted else None,
            ) as client:
                client.pending_calls_threshold = PUBLISHERS  # so many wait on purpose, which is worth no warning
                if self._filters:
                    await client.subscribe([(topic.decode(), qos) for topic, qos in self._filters.items()])
                self._client = client
                if self._first.done():
                    self.reconnects += 1
                    self._on_restored()
                else:
                    self._first.set_result(None)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read(client))
                    for _ in range(PUBLISHERS):
                        tasks.create_task(self._write(client))
        except* aiomqtt.MqttError as errors:
            reason = str(errors.exceptions[0])
        return reason

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            properties: dict[str, Any] = {}
            self.properties = NO_PROPERTIES
            if message.properties is not None:
                properties = message.properties.json()  # type: ignore[no-untyped-call]
                packed = message.properties.pack()  # type: ignore[no-untyped-call]
                _, start = read_variable_integer(packed, 0, len(packed))
                self.properties = packed[start:]
            self.delivery = Delivery(message.qos, message.retain, properties)
            self._on_message(message.topic.value.encode(), payload)

    async def _write(self, client: aiomqtt.Client) -> None:
        while True:
            topic, payload, qos, properties = await self._outgoing.get()
            try:
                await client.publish(topic.decode(), payload, qos, properties=_unpacked(properties))
            except aiomqtt.MqttError:
                if qos:
                    self._outgoing.put_nowait((topic, payload, qos, properties))
                else:
                    self.dropped += 1
                    self.unacknowledged -= 1
                raise
            else:
                self.unacknowledged -= 1
            finally:
                self._outgoing.task_done()


def _unpacked(properties: bytes) -> PahoProperties | None:
    """As paho takes them."""
    if not properties:
        return None
    found = PahoProperties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    found.unpack(variable_integer(len(properties)) + properties)  # type: ignore[no-untyped-call]
    return found


async def connect(
    url: str,
    *,
    client_id: str,
    on_message: Callable[[bytes, bytes], None],
    on_lost: Callable[[str], None],
    on_restored: Callable[[], None],
    mqtt5: bool = False,
) -> AiomqttClient:
    """Connect and stay connected, as :func:`loadtest.transport.mqtt_client.connect` does, over MQTT 3.1.1 or 5.

    Raises:
        UsageError: The URL is not one.
        EnvironmentNotReady: Nothing answers there, or the broker refuses us.
    """
    client = AiomqttClient(mqtt_url.parse(url), client_id, on_message, on_lost, on_restored, mqtt5=mqtt5)
    try:
        await client.connected()
    except BaseException:
        await client.close()  # else it would go on trying
        raise
    return client
