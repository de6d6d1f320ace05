"""The server's side of a WebSocket: one small object per connection, tens of thousands per process."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from loadtest.errors import LocalProtocolError
from loadtest.transport.websocket_connection import ENDED, OPEN, OPENING, WebSocketConnection
from loadtest.transport.websocket_frames import FINAL_TEXT, TEXT, is_utf8, server_frame, unmask
from loadtest.transport.websocket_handshake import HandshakeRefused
from loadtest.transport.websocket_server_opening import Accept, Reject, ServerOpening

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

__all__ = ["Accept", "Reject", "WebSocketServerConnection"]

_MASK = 0x80


class WebSocketServerConnection(WebSocketConnection):
    """Subclass it, override the hooks, and give the class to ``loop.create_server``.

    A deadline for the handshake is the owner's business: it calls ``abort()``. A peer that does not read is reported by
    asyncio's ``pause_writing()`` once :attr:`write_limit_bytes` are waiting, and by ``resume_writing()`` afterwards.

    Attributes:
        write_limit_bytes: What may wait to be written before ``pause_writing()`` is called. Set on the class.
    """

    __slots__ = ()

    write_limit_bytes: ClassVar[int] = 256 * 1024
    _is_server = True
    frame = staticmethod(server_frame)

    @abstractmethod
    def on_request(self, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        """Decide on an upgrade request; whether it really is one is checked after a yes.

        Args:
            path: The request target as sent, query included.
            headers: By lower-case name; the values of a repeated header joined by commas.
        """

    def on_refused(self, status: int, reason: str) -> None:
        """The request was refused, by :meth:`on_request` or because it broke the rules; ``on_closed`` follows."""

    def send_text(self, payload: bytes) -> None:
        """Send a text message of one frame.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        if self._state != OPEN:
            raise LocalProtocolError("WebSocket message on a connection that is not open")
        self.transport.write(server_frame(TEXT, payload))  # type: ignore[union-attr]  # an open one has a transport

    def pause_reading(self) -> None:
        """Take nothing more from the peer for now; what was read already is still delivered."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the peer again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._begin(transport, ServerOpening(self.on_request))
        assert self.transport is not None
        self.transport.set_write_buffer_limits(high=self.write_limit_bytes)

    def data_received(self, data: bytes) -> None:
        """Called by the loop. Whole text frames go straight to ``on_text``; the rest takes the general path."""
        if self._incoming is not None:
            if self._state == OPENING:
                self._request_received(data)
            else:
                self._read_frames(data)
            return
        start, size = 0, len(data)
        while size - start >= 6 and data[start] == FINAL_TEXT and self._state == OPEN:
            length, begin = data[start + 1], start + 6
            if _MASK <= length <= _MASK + 125:
                length -= _MASK
            elif length == _MASK + 126 and size - start >= 8:
                length, begin = data[start + 2] << 8 | data[start + 3], start + 8
            else:  # unmasked, 64-bit, or cut inside the head
                break
            stop = begin + length
            if stop > size or length > self.max_message_bytes:
                break
            payload = unmask(data[begin:stop], data[begin - 4 : begin])
            if not (payload.isascii() or is_utf8(payload)):
                break
            self.on_text(payload)
            start = stop
        if start < size:
            self._read_frames(data[start:] if start else data)

    def _request_received(self, data: bytes) -> None:
        opening = self._incoming
        assert isinstance(opening, ServerOpening)
        assert self.transport is not None
        try:
            rest = opening.feed(data)
        except HandshakeRefused as refusal:
            self._state = ENDED
            self.transport.write(opening.response)
            self.on_refused(refusal.status, refusal.reason)
            self._end_tcp()
            return
        if rest is None:
            return
        self._incoming = None
        self._state = OPEN
        self.transport.write(opening.response)
        self.on_open()
        if rest:
            self.data_received(rest)
