"""What TCP sockets are made to do beyond sending and receiving."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER for no time: closing drops what was not sent, and sends RST."""
_BYTES_RECEIVED_AT, _BYTES_SENT_AT, _TCP_INFO_BYTES = 128, 200, 208
"""Places in Linux' struct tcp_info (linux/tcp.h), which only ever grows at its end."""
_U64 = struct.Struct("=Q")


def reset_when_aborted(transport: asyncio.Transport) -> None:
    """Have ``transport.abort()`` end the connection as a crash or a network element does, with a RST."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def transferred_bytes(transport: asyncio.Transport) -> tuple[int, int] | None:
    """What a connection has sent, repetitions included, and received, without headers.

    TLS's own bytes are among them. The connection may have ended if its socket is not closed yet, as in
    ``connection_lost`` without TLS.

    Returns:
        ``None``: the socket is closed, or the kernel does not tell (Linux does from 4.19 on).
    """
    connection = transport.get_extra_info("socket")
    if connection is None or sys.platform != "linux":
        return None
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except (OSError, ValueError):  # the latter from a descriptor that uvloop has closed
        return None
    if len(told) < _TCP_INFO_BYTES:
        return None
    (received,) = _U64.unpack_from(told, _BYTES_RECEIVED_AT)
    (sent,) = _U64.unpack_from(told, _BYTES_SENT_AT)
    return sent, received
