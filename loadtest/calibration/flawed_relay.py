"""A relay between MQTT clients and their broker that loses, repeats and swaps messages, and knows exactly which.

It concerns CALLs of charge points on their way to the broker, counted one after the other; everything else passes. The
clients must publish them with QoS 0: what is lost then stays lost, and nobody acknowledges what was repeated. A
BootNotification always passes: without its answer a charge point would keep silent for a minute.

::

    with FlawedRelay("127.0.0.1", 1883) as relay:
        ...  # point the gateway at relay.url
    assert len(relay.dropped) == ...
"""

from __future__ import annotations

import asyncio
import contextlib
import re

from loadtest.calibration.serving_thread import ServingThread

DROP_EVERY, DUPLICATE_EVERY, SWAP_EVERY = 100, 150, 200
_DUPLICATE_AT, _SWAP_AT = 75, 50  # so that no message is due for two flaws

_CALL = re.compile(rb'"MessageTypeId":\s*2,\s*"UniqueId":\s*"([0-9a-f]{36})",\s*"Action":\s*"(\w+)"')
_PUBLISH = 3
_CHARGE_POINT = slice(5, 11)  # of the stamp in the message id


class FlawedRelay(ServingThread):
    """The relay, served by a thread while its ``with`` block lasts.

    A message that is to be swapped is held back until the next one of its charge point has passed.

    Args:
        host: Of the broker.
        port: Of the broker.

    Attributes:
        url: Where clients connect.
        calls: CALLs of charge points that came by.
        dropped: Message id and action of those that were not passed on.
        duplicated: Those passed on twice.
        swapped: Those passed on after the next one of the same charge point.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__("flawed relay")
        self.calls = 0
        self.dropped: list[tuple[str, str]] = []
        self.duplicated: list[tuple[str, str]] = []
        self.swapped: list[tuple[str, str]] = []
        self._broker = host, port
        self._held: dict[bytes, tuple[tuple[str, str], bytes]] = {}
        self._server: asyncio.Server
        self._connections: set[asyncio.Task[None]] = set()

    async def begin(self) -> str:
        """Start serving; returns the URL."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def end(self) -> None:
        """Stop serving; what is still held back was dropped."""
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self.dropped += [call for call, _ in self._held.values()]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._connections.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(*self._broker)
        both = [
            asyncio.ensure_future(self._upstream(reader, to_broker)),
            asyncio.ensure_future(_copy(from_broker, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            for end in (writer, to_broker):
                end.close()
            await asyncio.gather(*both, return_exceptions=True)

    async def _upstream(self, reader: asyncio.StreamReader, to_broker: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                to_broker.write(self._judge(await _packet(reader)))

    def _judge(self, packet: bytes) -> bytes:
        """What is passed on in place of a packet."""
        found = _CALL.search(packet) if packet[0] >> 4 == _PUBLISH else None
        if found is None:
            return packet
        call = found[1].decode(), found[2].decode()
        charge_point = found[1][_CHARGE_POINT]
        self.calls += 1
        spared = found[2] == b"BootNotification"
        if self.calls % DROP_EVERY == 0 and not spared:
            self.dropped.append(call)
            return b""
        if self.calls % SWAP_EVERY == _SWAP_AT and charge_point not in self._held and not spared:
            self._held[charge_point] = call, packet
            return b""
        if self.calls % DUPLICATE_EVERY == _DUPLICATE_AT and not spared:
            self.duplicated.append(call)
            packet += packet
        held = self._held.pop(charge_point, None)
        if held is not None:
            self.swapped.append(held[0])
            packet += held[1]
        return packet


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """One MQTT control packet, as it is (MQTT 3.1.1 section 2.2.3)."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[1:]))
    return head + await reader.readexactly(length)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
