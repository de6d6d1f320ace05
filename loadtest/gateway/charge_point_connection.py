"""One charge point's connection as the gateway sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from loadtest.gateway import counters
from loadtest.transport.websocket_frames import FrameError
from loadtest.transport.websocket_server import Accept, Reject, WebSocketServerConnection

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping


class Switchboard(Protocol):
    """What a connection asks of the gateway it belongs to.

    Attributes:
        now_s: Monotonic seconds, refreshed several times a second: exact enough for silence, and free.
    """

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

    __slots__ = ("_cause", "heard_s", "heartbeat_s", "identity", "opened_ns", "switchboard", "text_heard_s")

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self.switchboard = switchboard
        self.identity = b""
        self.opened_ns = 0
        self.heard_s = self.text_heard_s = switchboard.now_s
        self.heartbeat_s: float = 0
        self._cause = ""

    def drop(self, cause: str) -> None:
        """Cut the connection without a Close frame, as EMQX does, and remember why."""
        self._cause = self._cause or cause
        self.abort()

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

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """Say why, if it was open."""
        if self.opened_ns:
            ending = counters.VIOLATION if isinstance(exc, FrameError) else counters.LOST
            self.switchboard.closed(self, self._cause or (counters.BY_PEER if code is not None else ending))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        super().connection_made(transport)
        self.switchboard.begun(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self.heard_s = self.switchboard.now_s
        WebSocketServerConnection.data_received(self, data)

    def pause_writing(self) -> None:
        """Called by the loop when too much waits for a charge point that does not read."""
        self.drop(counters.SLOW_READER)
