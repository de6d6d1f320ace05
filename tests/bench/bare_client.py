"""bare_client.py PORT CONNECTIONS PER_SECOND WARMUP_S SECONDS TICK_MS

What the C client does, on the event loop of the engine: a frame made beforehand goes out, answers are counted unread.
No client of this interpreter and loop can cost less, whatever it is to do besides. Arguments and output as of
``c/client.c``.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from loadtest.clock import monotonic_ns
from loadtest.transport.loop import run
from loadtest.units import NS_PER_S

CALL = b'[2,"%036x","Heartbeat",{}]' % 0
FRAME = bytes((0x81, 0x80 | len(CALL), 0, 0, 0, 0)) + CALL
"""Masked with zeros."""
UPGRADE = b"\r\n".join(
    (
        b"GET /ocpp/BARE HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: ocpp1.6",
        b"\r\n",
    )
)
CONNECTING_AT_ONCE = 128


class Connection(asyncio.Protocol):
    """One of them. What it is sent first is the answer to the handshake."""

    __slots__ = ("transport",)

    transport: asyncio.Transport
    heard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        self.transport = transport  # type: ignore[assignment]  # the loop's own class, which is one
        self.transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        """Something was heard: one frame at a time, for one CALL is outstanding at most."""
        Connection.heard += 1


class Sender:
    """Sends at the rate, whichever connection's turn it is; the order is one of chance, as of the C client."""

    def __init__(self, connections: list[Connection], per_second: float, tick_s: float) -> None:
        random.shuffle(connections)
        self._connections = connections
        self._per_ns, self._tick_s = per_second / NS_PER_S, tick_s
        self._loop = asyncio.get_running_loop()
        self._start_ns = monotonic_ns()
        self.sent = 0
        self._tick()

    def _tick(self) -> None:
        self._loop.call_later(self._tick_s, self._tick)
        due = int((monotonic_ns() - self._start_ns) * self._per_ns)
        while self.sent < due:
            self._connections[self.sent % len(self._connections)].transport.write(FRAME)
            self.sent += 1


async def main(
    port: int, count: int, per_second: float, warmup_s: float, window_s: float, tick_ms: float
) -> dict[str, int]:
    """Connect, load, and tell what the window held."""
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    for first in range(0, count, CONNECTING_AT_ONCE):
        some = range(first, min(first + CONNECTING_AT_ONCE, count))
        made = await asyncio.gather(*(loop.create_connection(Connection, "127.0.0.1", port) for _ in some))
        connections.extend(connection for _, connection in made)
    while Connection.heard < count:  # noqa: ASYNC110 - an event would have to be looked for with every answer
        await asyncio.sleep(0.01)
    connect_cpu_ns = time.process_time_ns()
    sender = Sender(connections, per_second, tick_ms / 1000)
    await asyncio.sleep(warmup_s)
    sent, heard, cpu_ns, open_ns = sender.sent, Connection.heard, time.process_time_ns(), monotonic_ns()
    await asyncio.sleep(window_s)
    return {
        "connections": count,
        "sent": sender.sent - sent,
        "round_trips": Connection.heard - heard,
        "cpu_ns": time.process_time_ns() - cpu_ns,
        "window_ns": monotonic_ns() - open_ns,
        "connect_cpu_ns": connect_cpu_ns,
    }


if __name__ == "__main__":
    numbers = [float(argument) for argument in sys.argv[3:]]
    json.dump(run(main(int(sys.argv[1]), int(sys.argv[2]), *numbers)), sys.stdout)
