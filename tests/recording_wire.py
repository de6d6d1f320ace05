"""A client's MQTT connection that notes whatever happens to it, on a transport in memory or on a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from fuzz.surroundings import MemoryTransport

from loadtest.transport.loop import run
from loadtest.transport.mqtt_packet_stream import OPEN
from loadtest.transport.mqtt_terms import ConnectRequest, MqttOptions
from loadtest.transport.mqtt_wire import MqttWire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from loadtest.transport.mqtt_codec import Will

T = TypeVar("T")

CONNACK = b"\x20\x02\x00\x00"
CONNACK_SESSION_PRESENT = b"\x20\x02\x01\x00"
SUBACK = b"\x90\x03\xff\xff\x01"


class RecordingWire(MqttWire):
    """Notes each hook's call in ``seen``; messages in ``messages`` as well, acknowledgements in ``done``."""

    def __init__(
        self,
        client_id: str = "CP1",
        options: MqttOptions | None = None,
        *,
        topic: bytes = b"down/CP1",
        credentials: tuple[str | None, str | None] = (None, None),
        will: Will | None = None,
    ) -> None:
        super().__init__()
        self.request = ConnectRequest(options or MqttOptions(), client_id, *credentials, will)
        self.topic = topic
        self.follows = False
        self.seen: list[tuple[object, ...]] = []
        self.messages: list[tuple[bytes, bytes]] = []
        self.headers: list[int] = []
        self.properties: list[bytes] = []
        self.done: list[tuple[int, int]] = []
        self.closed: list[tuple[int | None, Exception | None]] = []

    def connect_request(self) -> ConnectRequest:
        return self.request

    def subscription(self) -> tuple[bytes, int]:
        return self.topic, 2

    def on_accepted(self, *, session_present: bool) -> None:
        self.seen.append(("accepted", session_present, self.unacknowledged))

    def on_open(self) -> None:
        self.seen.append(("open",))

    def on_refused(self, status: int, reason: str) -> None:
        self.seen.append(("refused", status, reason))

    def on_redirected(self, code: int, reference: str) -> bool:
        self.seen.append(("redirected", code, reference))
        return self.follows

    def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
        self.seen.append(("message", topic, payload))
        self.messages.append((topic, payload))
        self.headers.append(header)
        self.properties.append(properties)

    def on_acknowledged(self, packet_id: int, code: int) -> None:
        self.seen.append(("acknowledged", packet_id, code))
        self.done.append((packet_id, code))

    def on_stray(self, kind: int, packet_id: int) -> None:
        self.seen.append(("stray", kind, packet_id))

    def on_pong(self) -> None:
        self.seen.append(("pong",))

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        self.seen.append(("closed", code, exc if exc is None else type(exc).__name__))
        self.closed.append((code, exc))

    # Over a transport in memory ------------------------------------------------------------------------------------

    def attach(self) -> MemoryTransport:
        """TCP is connected."""
        transport = MemoryTransport()
        self.connection_made(transport)
        return transport

    def opened(self, connack: bytes = CONNACK, suback: bytes = SUBACK) -> MemoryTransport:
        """The broker agrees; what was written and seen until now is forgotten."""
        transport = self.attach()
        self.data_received(connack + suback)
        assert self._state == OPEN
        transport.written.clear()
        self.seen.clear()
        return transport

    # Over a socket -------------------------------------------------------------------------------------------------

    async def dial(self, port: int, *, wait: bool = True) -> None:
        """Connect, and wait until it is open, or over."""
        self.closed.clear()
        _dialled.append(self)
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        if wait:
            await eventually(lambda: self.is_open or self.closed)


_dialled: list[RecordingWire] = []


def run_and_cut(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, and leave no connection open whatever it comes to: closing the loop would wait for it."""

    async def and_cut() -> T:
        try:
            return await main
        finally:
            for wire in _dialled:
                wire.abort()
            await eventually(lambda: all(wire.transport is None for wire in _dialled))
            _dialled.clear()

    return run(and_cut())


async def eventually(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Wait for what another party does."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition is another party's doing
            await asyncio.sleep(0.005)


def taken(transport: MemoryTransport) -> bytes:
    """What has been written since this was last asked."""
    written = bytes(transport.written)
    transport.written.clear()
    return written
