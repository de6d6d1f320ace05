"""A relay between MQTT clients and their broker that cuts the connection at a packet, which is lost with it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

UP, DOWN = "up", "down"


class CuttingRelay:
    """Serves within its ``async with`` block.

    ``cuts`` is asked of each packet, with its direction and its type (3 is PUBLISH), whether to cut there.
    """

    def __init__(self, broker_port: int, cuts: Callable[[str, int], bool]) -> None:
        self.port = 0
        self.connections = 0
        self._broker_port = broker_port
        self._cuts = cuts
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
        both = [
            asyncio.ensure_future(self._pass_on(UP, client, to_broker)),
            asyncio.ensure_future(self._pass_on(DOWN, from_broker, to_client)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            for end in (to_client, to_broker):
                end.close()
            await asyncio.gather(*both, return_exceptions=True)
            self._tasks.discard(task)

    async def _pass_on(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                packet = await _packet(reader)
                if self._cuts(direction, packet[0] >> 4):
                    return
                writer.write(packet)


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[1:]))
    return head + await reader.readexactly(length)
