"""What a charge point stands on: one connection at a time, to a gateway or straight to a broker."""

from __future__ import annotations

import asyncio
from abc import abstractmethod


class Wire(asyncio.Protocol):
    """What connections have in common, whatever they speak. Without a body of its own, so that it costs nothing.

    Attributes:
        transport: The TCP connection, None while there is none.
    """

    __slots__ = ()

    transport: asyncio.Transport | None

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Messages can be sent and are delivered."""

    @abstractmethod
    def send_ping(self) -> None:
        """Ask the peer for a sign of life.

        Raises:
            LocalProtocolError: The connection is not open.
        """

    @abstractmethod
    def close(self) -> None:
        """End the connection in good order; before it is open, cut it."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the TCP connection, dropping what is still to be written."""
