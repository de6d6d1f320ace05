"""Connections whose request has not come yet: so many at a time, each for so long."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.gateway.charge_point_connection import ChargePointConnection


class Handshakes:
    """Keeps clients that say nothing from filling the process.

    Args:
        timeout_s: How long a client may take to send its request.
        most: How many may be at it at once; one more is cut.

    Attributes:
        under_way: Connections whose handshake is neither finished nor given up.
    """

    def __init__(self, timeout_s: float, most: int) -> None:
        self.under_way = 0
        self._timeout_s = timeout_s
        self._most = most
        self._begun: deque[tuple[float, ChargePointConnection]] = deque()

    def begin(self, connection: ChargePointConnection, now_s: float) -> bool:
        """A client has connected. False: there are too many, cut it; :meth:`end` follows all the same."""
        self.under_way += 1
        if self.under_way > self._most:
            return False
        self._begun.append((now_s + self._timeout_s, connection))
        return True

    def end(self) -> None:
        """One has opened, or its TCP connection has ended."""
        self.under_way -= 1

    def expire(self, now_s: float) -> int:
        """Cut who took too long; how many that were."""
        cut = 0
        while self._begun and self._begun[0][0] <= now_s:
            connection = self._begun.popleft()[1]
            if connection.is_opening:
                cut += 1
                connection.abort()
        return cut

    def abort_all(self) -> None:
        """Cut everyone."""
        for _, connection in self._begun:
            if connection.is_opening:
                connection.abort()
