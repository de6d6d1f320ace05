"""What the kernel tells of a connection, over a real socket and the loop of the engines."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import uvloop

from loadtest.transport import tcp


class Counted(asyncio.Protocol):
    """Sends 1,000 bytes, waits for 300, and asks the kernel when the connection has ended."""

    def __init__(self) -> None:
        self.received = 0
        self.heard = asyncio.Event()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(b"x" * 1_000)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.received == 300:
            self.heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(tcp.transferred_bytes(self.transport))


def test_a_connection_that_was_reset_is_still_told_of_and_one_whose_socket_is_closed_is_not() -> None:
    async def talk(listener: socket.socket) -> None:
        _, protocol = await asyncio.get_running_loop().create_connection(Counted, *listener.getsockname())
        with listener.accept()[0] as peer:
            peer.sendall(b"y" * 300)
            async with asyncio.timeout(10):
                await protocol.heard.wait()
                tcp.reset_when_aborted(protocol.transport)
                protocol.transport.abort()
                assert await protocol.ended == (1_000, 300)
        assert tcp.transferred_bytes(protocol.transport) is None

    with socket.create_server(("127.0.0.1", 0)) as listener:
        uvloop.run(talk(listener))
