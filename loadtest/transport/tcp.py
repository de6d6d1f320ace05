"""What TCP sockets are made to do beyond sending and receiving."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER for no time: closing drops what was not sent, and sends RST."""


def reset_when_aborted(transport: asyncio.Transport) -> None:
    """Have ``transport.abort()`` end the connection as a crash or a network element does, with a RST."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
