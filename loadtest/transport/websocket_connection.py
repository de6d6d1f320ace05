"""One WebSocket connection, whichever side: delivery of messages, pings, and the closing handshake.

The object *is* the loop's protocol, and meant to be subclassed by what owns the connection: no task, queue, future or
lasting timer exists per connection. Between messages it holds four references and nothing else.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, cast

from loadtest.errors import LocalProtocolError
from loadtest.transport.websocket_frames import (
    BINARY,
    CLOSE,
    NO_STATUS,
    NORMAL,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameReader,
    close_code,
    close_payload,
)
from loadtest.transport.wire import Wire

if TYPE_CHECKING:
    from loadtest.transport.websocket_client_opening import ClientOpening
    from loadtest.transport.websocket_server_opening import ServerOpening

CLOSE_TIMEOUT_S = 10.0
"""How long the peer may take to finish the closing handshake before the connection is cut."""

CLOSED, OPENING, OPEN, CLOSING, ENDED = range(5)
"""States: no transport; opening handshake; messages flow; our Close is sent and its echo awaited; only TCP remains."""


class WebSocketConnection(Wire):
    """What client and server share. Hooks are called by the loop, must not block, and do nothing by default.

    A connection goes through :meth:`on_open` (only when the handshake succeeds), any number of :meth:`on_text`, and
    exactly one :meth:`on_closed` once its TCP connection has ended, whatever ended it. After ``close()`` or
    ``abort()`` no further message is delivered. The object can then be used for another connection.

    Attributes:
        transport: The TCP connection, None while there is none.
        max_message_bytes: Longest message taken; a longer one closes the connection with 1009. Set on the class, to 125
            at least, which is what a control frame may have.
    """

    __slots__ = ("_ending", "_incoming", "_state", "transport")

    max_message_bytes: ClassVar[int] = 1024 * 1024
    _is_server: ClassVar[bool]

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._state = CLOSED
        # What takes the next bytes: the handshake, a reader with a part of a message, or None between messages.
        self._incoming: ClientOpening | ServerOpening | FrameReader | None = None
        # How it ends: the peer's close code, or the fault that made us close.
        self._ending: int | FrameError | None = None

    # -- hooks -------------------------------------------------------------------------------------------------------

    def on_open(self) -> None:
        """The handshake has succeeded; messages may be sent."""

    def on_text(self, payload: bytes) -> None:
        """A text message, valid UTF-8."""

    def on_binary(self, payload: bytes) -> None:
        """A binary message; OCPP-J has none."""

    def on_ping(self) -> None:
        """A ping; it has been answered."""

    def on_pong(self) -> None:
        """An answer to a ping of ours, or an unsolicited one."""

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The TCP connection has ended.

        Args:
            code: Of the peer's Close frame (1005: a Close without code), None when none came.
            exc: The peer's protocol violation (``FrameError``) or the network's error, None for an orderly end.
        """

    # -- sending -----------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Messages can be sent and are delivered."""
        return self._state == OPEN

    @property
    def is_opening(self) -> bool:
        """TCP is connected and the handshake is not over."""
        return self._state == OPENING

    @staticmethod
    @abstractmethod
    def frame(opcode: int, payload: bytes) -> bytes:
        """One frame as this side writes it."""

    def send_text(self, payload: bytes) -> None:
        """Send a text message of one frame.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._write(TEXT, payload)

    def send_ping(self, payload: bytes = b"") -> None:
        """Send a ping; the answer arrives at :meth:`on_pong`.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._write(PING, payload)

    def close(self, code: int = NORMAL) -> None:
        """Start the closing handshake; give up on the peer's part of it after :data:`CLOSE_TIMEOUT_S`.

        Before the connection is open this is :meth:`abort`; after it has begun to close, nothing.
        """
        if self._state == OPEN:
            self._write(CLOSE, close_payload(code))
            self._state = CLOSING
            self._cut_later()
        elif self._state == OPENING:
            self.abort()

    def abort(self) -> None:
        """Cut the TCP connection without a Close frame, dropping what is still to be written."""
        if self.transport is not None:
            self._state = ENDED
            self.transport.abort()

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._state != OPEN:
            raise LocalProtocolError("WebSocket message on a connection that is not open")
        assert self.transport is not None
        self.transport.write(self.frame(opcode, payload))

    # -- receiving ---------------------------------------------------------------------------------------------------

    def _read_frames(self, data: bytes) -> None:
        """The general path: anything but whole text frames between messages."""
        if self._state not in {OPEN, CLOSING}:
            return
        reader = self._incoming
        if reader is None:
            reader = FrameReader(expect_masked=self._is_server, max_message_bytes=self.max_message_bytes)
        assert isinstance(reader, FrameReader)
        fault = None
        try:
            messages = reader.feed(data)
        except FrameError as error:
            fault, messages = error, error.messages
        self._incoming = None if reader.empty else reader
        for opcode, payload in messages:
            self._deliver(opcode, payload)
        if fault is not None:
            self._fail(fault)

    def _deliver(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._peer_closes(payload)
        elif self._state != OPEN:
            return
        elif opcode == TEXT:
            self.on_text(payload)
        elif opcode == BINARY:
            self.on_binary(payload)
        elif opcode == PING:
            self._write(PONG, payload)
            self.on_ping()
        else:
            self.on_pong()

    def _peer_closes(self, payload: bytes) -> None:
        if self._state not in {OPEN, CLOSING}:
            return
        code = self._ending = close_code(payload)
        if self._state == OPEN:
            self._write(CLOSE, b"" if code == NO_STATUS else close_payload(code))
            self._cut_later()
        self._state = ENDED
        # The server ends TCP first (section 7.1.1), so that TIME_WAIT does not use up the client's ports.
        if self._is_server:
            self._end_tcp()

    def _fail(self, fault: FrameError) -> None:
        """Answer a violation by closing (section 7.1.7)."""
        if self._state not in {OPEN, CLOSING}:
            return
        self._ending = fault
        if self._state == OPEN:
            self._write(CLOSE, close_payload(fault.close_code))
        self._end_tcp()

    def _end_tcp(self) -> None:
        """Close TCP once everything is written."""
        if self.transport is not None:
            self._state = ENDED
            self.transport.close()

    def _cut_later(self) -> None:
        assert self.transport is not None
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    # -- called by the loop ------------------------------------------------------------------------------------------

    def _begin(self, transport: asyncio.BaseTransport, opening: ClientOpening | ServerOpening) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it
        self._state = OPENING
        self._incoming = opening
        self._ending = None

    def eof_received(self) -> None:
        """The peer will send no more; the loop closes the connection after this."""
        self._state = ENDED

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection has ended."""
        ending = self._ending
        self.transport = self._incoming = self._ending = None
        self._state = CLOSED
        if isinstance(ending, FrameError):
            self.on_closed(None, ending)
        else:
            self.on_closed(ending, exc)
