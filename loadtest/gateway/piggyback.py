"""EMQX's ``piggyback = single``: messages that leave together leave as one text frame of arrays without separator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.gateway.charge_point_connection import ChargePointConnection


class Batches:
    """Messages that came in this turn of the event loop, by connection."""

    def __init__(self) -> None:
        self._waiting: dict[ChargePointConnection, list[bytes]] = {}

    def add(self, connection: ChargePointConnection, text: bytes) -> None:
        """Let a message leave at the end of the turn, behind those before it."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.setdefault(connection, []).append(text)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection, texts in waiting.items():
            if connection.is_open:  # else its end, which is counted, came before theirs
                connection.send_text(b"".join(texts))
