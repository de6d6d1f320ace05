"""A gateway that answers every CALL at once and does nothing else: as fast as Python can be on the other side.

It looks for what it needs at fixed places of the text, which only charge points of ours are sure to write.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadtest.calibration.serving_thread import ServingThread
from loadtest.protocol.stamp import STAMP_LENGTH
from loadtest.transport.websocket_server import Accept, WebSocketServerConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = slice(3, 5 + STAMP_LENGTH)
"""Of ``[2,"<id>",…``: the id in its quotes."""
_TIME = b'"currentTime":"2026-01-01T00:00:00.000Z"'
_BOOT = b'{"status":"Accepted","interval":0,' + _TIME + b"}]"
_BEAT = b"{" + _TIME + b"}]"


class FastStub(ServingThread):
    """The stub; it leaves the heartbeat interval to the charge points."""

    def __init__(self) -> None:
        super().__init__("fast stub")
        self._server: asyncio.Server

    async def begin(self) -> str:
        """Start serving; returns the URL."""
        self._server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ocpp"

    async def end(self) -> None:
        """Stop serving."""
        self._server.close()


class _Connection(WebSocketServerConnection):
    __slots__ = ()

    def on_request(self, path: str, headers: Mapping[str, str]) -> Accept:
        """Everybody is let in."""
        del path, headers
        return Accept("ocpp1.6")

    def on_text(self, payload: bytes) -> None:
        """Answer a CALL."""
        if payload.startswith(b"[2,"):
            action = payload[_ID.stop + 1 : _ID.stop + 8]
            answer = _BEAT if action == b'"Heartb' else _BOOT if action == b'"BootNo' else b"{}]"
            self.send_text(b"[3," + payload[_ID] + b"," + answer)
