"""What happens while the broker is slow or away: whoever sends something is not read again before it can be published.

So the messages of tens of thousands of charge points wait where they belong, in their own sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.gateway.charge_point_connection import ChargePointConnection


class BackPressure:
    """Connections that are held back.

    Attributes:
        broker_away: The connection to the broker is lost.
        held: Connections that are not being read. They are not silent, they are not listened to.
    """

    def __init__(self) -> None:
        self.broker_away = False
        self.held: set[ChargePointConnection] = set()

    def hold(self, connection: ChargePointConnection) -> bool:
        """Do not read a connection for now; whether it was read until now."""
        if connection in self.held:
            return False
        self.held.add(connection)
        connection.pause_reading()
        return True

    def release(self, now_s: float) -> None:
        """Read everybody again, from now on counting their silence."""
        held = list(self.held)
        self.held.clear()
        for connection in held:
            connection.heard_s = connection.text_heard_s = now_s
            connection.resume_reading()
