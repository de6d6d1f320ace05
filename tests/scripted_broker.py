"""A broker of MQTT 5 that says what a test tells it to, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_properties import Properties, encode

if TYPE_CHECKING:
    from loadtest.transport.mqtt_client import MqttClient


def connack(code: int = 0, *, session_present: bool = False, **granted: Any) -> bytes:
    properties = encode(Properties(**granted))
    return codec.packet(codec.CONNACK, bytes((session_present, code, len(properties))) + properties)


class ScriptedBroker:
    """Says what it is told to, and keeps what it hears; each connection is answered with the next CONNACK."""

    def __init__(self, *connacks: bytes) -> None:
        self.url = ""
        self.marks = 0
        self.client: MqttClient
        self.heard: list[bytes] = []
        self._connacks = iter(connacks)
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> ScriptedBroker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, length = await reader.readexactly(2)
                assert length < 0x80, "short packets only"
                self.heard.append(bytes((first, length)) + await reader.readexactly(length))
                if first & 0xF0 == 0x10:
                    self.say(next(self._connacks))

    def say(self, packet: bytes) -> None:
        self._writers[-1].write(packet)

    def end(self) -> None:
        self._writers[-1].transport.abort()

    async def until(self, count: int) -> list[bytes]:
        """What has been heard once it is so much."""
        async with asyncio.timeout(10):
            while len(self.heard) < count:  # noqa: ASYNC110 - the client's doing
                await asyncio.sleep(0.001)
        return self.heard

    async def settled(self) -> list[bytes]:
        """What has been heard by the time that something published later than all of it is."""
        self.marks += 1
        self.client.publish(b"mark%d" % self.marks, b"", 0)
        async with asyncio.timeout(10):
            while not self.heard or b"mark%d" % self.marks not in self.heard[-1]:  # noqa: ASYNC110 - the client's doing
                await asyncio.sleep(0.001)
        return [packet for packet in self.heard if b"mark" not in packet]
