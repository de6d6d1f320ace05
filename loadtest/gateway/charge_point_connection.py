"""One charge point's connection as the gateway sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from loadtest.gateway import counters
from loadtest.transport.websocket_frames import FrameError
from loadtest.transport.websocket_server import Accept, Reject, WebSocketServerConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.gateway.counters import GatewayCounters

TURN_BYTES = 16 * 1024
"""What one charge point is given of the loop's time before the others have theirs. One turn of the loop can bring
8 MiB of six-byte frames: seconds in which nobody else would be served. Bursts of ordinary messages are shorter."""

INVALID_DATA = 1007
"""Close code for text that is not what it should be (RFC 6455 section 7.4.1)."""


class Switchboard(Protocol):
    """What a connection asks of the gateway it belongs to.

    Attributes:
        counters: Running totals.
        now_s: Monotonic seconds, refreshed several times a second: exact enough for silence, and free.
    """

    counters: GatewayCounters
    now_s: float

    def admit(self, connection: ChargePointConnection, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        """Decide on a request and give the connection its id."""
        ...

    def begun(self, connection: ChargePointConnection) -> None:
        """TCP is there, the request is not."""
        ...

    def refused(self, status: int, reason: str) -> None:
        """A request was refused."""
        ...

    def opened(self, connection: ChargePointConnection) -> None:
        """The connection takes and gives messages."""
        ...

    def upstream(self, connection: ChargePointConnection, frame: bytes) -> None:
        """A text message has come."""
        ...

    def holds(self, connection: ChargePointConnection) -> bool:
        """Whether the connection is not to be read for now."""
        ...

    def abandoned(self, connection: ChargePointConnection) -> None:
        """A connection that never opened has ended."""
        ...

    def closed(self, connection: ChargePointConnection, cause: str) -> None:
        """An opened connection has ended."""
        ...


class ChargePointConnection(WebSocketServerConnection):
    """State of one connection: who it is, and when it was last heard of.

    Attributes:
        identity: The charge point's id, UTF-8; empty until its request is admitted.
        opened_ns: When it opened, on the host's monotonic clock; the newest of one id wins.
        heard_s: When anything last came.
        text_heard_s: When text last came, or a BootNotification's answer was passed on.
        heartbeat_s: Heartbeat interval; 0: text silence is not looked at.
    """

    __slots__ = ("_cause", "_waiting", "heard_s", "heartbeat_s", "identity", "opened_ns", "switchboard", "text_heard_s")

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self.switchboard = switchboard
        self.identity = b""
        self.opened_ns = 0
        self.heard_s = self.text_heard_s = switchboard.now_s
        self.heartbeat_s: float = 0
        self._cause = ""
        self._waiting = b""  # read from the socket, but not this connection's turn

    def drop(self, cause: str) -> None:
        """Cut the connection without a Close frame, as EMQX does, and remember why."""
        self._cause = self._cause or cause
        self.abort()

    def reject_text(self) -> None:
        """Close over text that is no JSON."""
        self._cause = self._cause or counters.INVALID_JSON
        self.close(INVALID_DATA)

    def leave(self) -> None:
        """Close because the gateway stops."""
        self._cause = self._cause or counters.STOP
        self.close()

    def on_request(self, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        """Leave the decision to the gateway."""
        return self.switchboard.admit(self, path, headers)

    def on_refused(self, status: int, reason: str) -> None:
        """Have it counted."""
        self.identity = b""
        self.switchboard.refused(status, reason)

    def on_open(self) -> None:
        """Enter the connection, its downstream subscription included, before any frame of it is looked at."""
        self.switchboard.opened(self)

    def on_text(self, payload: bytes) -> None:
        """Pass a frame on; an empty one is ignored."""
        if payload:
            self.text_heard_s = self.switchboard.now_s
            self.switchboard.upstream(self, payload)

    def on_binary(self, payload: bytes) -> None:
        """End the connection."""
        self.drop(counters.BINARY)

    def on_ping(self) -> None:
        """Count it."""
        self.switchboard.counters.pings += 1

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """Say why, if it was open."""
        if self.opened_ns:
            ending = counters.VIOLATION if isinstance(exc, FrameError) else counters.LOST
            self.switchboard.closed(self, self._cause or (counters.BY_PEER if code is not None else ending))
        else:
            self.switchboard.abandoned(self)

    def resume_reading(self) -> None:
        """Take from the peer again, once what was read before is dealt with."""
        if not self._waiting:
            super().resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        super().connection_made(transport)
        self.switchboard.begun(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        switchboard = self.switchboard
        self.heard_s = switchboard.now_s
        switchboard.counters.received_bytes += len(data)
        if len(data) > TURN_BYTES or self._waiting:
            self._take_turns(data)
        else:
            WebSocketServerConnection.data_received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._waiting = b""
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the loop when too much waits for a charge point that does not read."""
        self.drop(counters.SLOW_READER)

    def _take_turns(self, data: bytes) -> None:
        """Deal with a part of what was read now and with the rest in later turns of the loop, reading nothing more."""
        if self._waiting:
            self._waiting += data
        else:
            self._waiting = data
            self.pause_reading()
            self._take_turn()

    def _take_turn(self) -> None:
        turn, self._waiting = self._waiting[:TURN_BYTES], self._waiting[TURN_BYTES:]
        WebSocketServerConnection.data_received(self, turn)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take_turn)
        elif not self.switchboard.holds(self):
            self.resume_reading()


def limited(max_frame_bytes: int, max_unsent_bytes: int) -> type[ChargePointConnection]:
    """A class of connections with other limits: longest message taken, and most that may wait for a slow reader."""

    class Limited(ChargePointConnection):
        __slots__ = ()

        max_message_bytes = max_frame_bytes
        write_limit_bytes = max_unsent_bytes

    return Limited
