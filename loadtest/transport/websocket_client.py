"""The client's side of a WebSocket: one object per connection, tens of thousands per process, reusable."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtest.errors import LocalProtocolError
from loadtest.transport.websocket_client_opening import ClientHandshake, ClientOpening
from loadtest.transport.websocket_connection import ENDED, OPEN, OPENING, WebSocketConnection
from loadtest.transport.websocket_frames import FINAL_TEXT, TEXT, client_frame, is_utf8
from loadtest.transport.websocket_handshake import HandshakeRefused

if TYPE_CHECKING:
    import asyncio

_SHORT_TEXT = (None, None, *(bytes((FINAL_TEXT, length)) for length in range(126)))
"""How data begins that is one unmasked text frame with a length of 7 bits, by the size of the whole."""

__all__ = ["ClientHandshake", "WebSocketClient"]


class WebSocketClient(WebSocketConnection):
    """Subclass it, override the hooks, and give it to ``loop.create_connection(lambda: client, host, port)``.

    It opens the WebSocket as soon as TCP is connected. A deadline for the handshake is the owner's business: it calls
    ``abort()``. When the server refuses, :meth:`on_refused` comes first and ``on_closed`` still follows; when TCP ends
    during the handshake without an answer, ``on_closed`` comes alone. After it, the same object may connect again.
    """

    __slots__ = ()

    _is_server = False
    frame = staticmethod(client_frame)

    @abstractmethod
    def handshake(self) -> ClientHandshake:
        """What to ask the server for; called at each connection made.

        Its URI must be valid: a :class:`~loadtest.errors.UsageError` raised here surfaces in the loop.
        """

    def on_refused(self, status: int, reason: str) -> None:
        """The server did not open the WebSocket.

        Args:
            status: HTTP status; 0 when the answer broke the handshake's rules, a subprotocol not selected included.
            reason: The first line of the body, else the status phrase, else what was wrong.
        """

    def send_text(self, payload: bytes) -> None:
        """Send a text message of one frame.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        if self._state != OPEN:
            raise LocalProtocolError("WebSocket message on a connection that is not open")
        self.transport.write(client_frame(TEXT, payload))  # type: ignore[union-attr]  # an open one has a transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop: send the request."""
        opening = ClientOpening(self.handshake())
        self._begin(transport, opening)
        assert self.transport is not None
        self.transport.write(opening.request)

    def data_received(self, data: bytes) -> None:
        """Called by the loop. Whole text frames go straight to ``on_text``; the rest takes the general path."""
        if self._incoming is not None:
            if self._state == OPENING:
                self._answer_received(data)
            else:
                self._read_frames(data)
            return
        size = len(data)
        # Nearly always it is one short text frame.
        if size < 128 and data[:2] == _SHORT_TEXT[size] and self._state == OPEN:
            payload = data[2:]
            if payload.isascii():
                self.on_text(payload)
                return
        start = 0
        while size - start >= 2 and data[start] == FINAL_TEXT and self._state == OPEN:
            length, begin = data[start + 1], start + 2
            if length == 126 and size - start >= 4:
                length, begin = data[start + 2] << 8 | data[start + 3], start + 4
            elif length > 125:  # masked, 64-bit, or cut inside the length
                break
            stop = begin + length
            if stop > size or length > self.max_message_bytes:
                break
            payload = data[begin:stop]
            if not (payload.isascii() or is_utf8(payload)):
                break
            self.on_text(payload)
            start = stop
        if start < size:
            self._read_frames(data[start:] if start else data)

    def _answer_received(self, data: bytes) -> None:
        opening = self._incoming
        assert isinstance(opening, ClientOpening)
        try:
            rest = opening.feed(data)
        except HandshakeRefused as refusal:
            self._refused(refusal)
            return
        if rest is None:
            return
        self._incoming = None
        self._state = OPEN
        self.on_open()
        if rest:
            self.data_received(rest)

    def eof_received(self) -> None:
        """Called by the loop: a refusal may end with the stream."""
        opening = self._incoming
        if self._state == OPENING and isinstance(opening, ClientOpening):
            try:
                opening.end()
            except HandshakeRefused as refusal:
                self._refused(refusal)
        self._state = ENDED

    def _refused(self, refusal: HandshakeRefused) -> None:
        self._state = ENDED
        self.on_refused(refusal.status, refusal.reason)
        self._end_tcp()
