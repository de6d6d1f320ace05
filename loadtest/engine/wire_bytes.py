"""What connections of charge points have carried: bytes of TCP, TLS included, without the headers of TCP and IP.

The kernel counts them anyway, so that messages cost nothing more. It is asked when a connection ends, and for those
that are left at the run's end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.transport import tcp

if TYPE_CHECKING:
    import asyncio


class WireBytes:
    """Running totals over the connections that have ended.

    Attributes:
        connections: Of which the kernel has told.
        sent: Bytes, repeated ones included.
        received: Bytes.
        uncounted: Connections the kernel could not be asked about any more, as those with TLS that have ended, or
            does not tell about.
    """

    def __init__(self) -> None:
        self.connections = self.sent = self.received = self.uncounted = 0

    def add(self, transport: asyncio.Transport) -> None:
        """A connection ends."""
        counted = tcp.transferred_bytes(transport)
        if counted is None:
            self.uncounted += 1
            return
        sent, received = counted
        self.connections += 1
        self.sent += sent
        self.received += received

    def report(self) -> dict[str, int]:
        """By the names they are reported under."""
        return {
            "engine.tcp_connections": self.connections,
            "engine.tcp_bytes_sent": self.sent,
            "engine.tcp_bytes_received": self.received,
            "engine.tcp_uncounted": self.uncounted,
        }
