"""Who has been silent too long: the two detectors of EMQX, and connections whose peer does not finish closing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from loadtest.gateway import counters
from loadtest.transport.websocket_connection import CLOSE_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from loadtest.gateway.charge_point_connection import ChargePointConnection

SWEEP_PARTS = 10
"""Each connection's silence is looked at once in so many ticks, a part of them in each, so that none takes long."""


class SilenceWatch:
    """Looks at every connection once in :data:`SWEEP_PARTS` ticks and drops the silent.

    Args:
        connections: Those to watch, as they come and go.
        held: Those that are not being read: they are not silent, they are not listened to.
        idle_timeout_s: Longest silence, pings included; 0: any.
        heartbeat_checks: Ends of heartbeat intervals at which EMQX may find that no text came within the interval.
            Counted from the last text the silence is then one interval longer: the rest of that text's own interval.
    """

    def __init__(
        self,
        connections: Mapping[bytes, ChargePointConnection],
        held: Collection[ChargePointConnection],
        *,
        idle_timeout_s: float,
        heartbeat_checks: int,
    ) -> None:
        self._connections = connections
        self._held = held
        self._idle_timeout_s = idle_timeout_s
        self._intervals = 1 + max(1, heartbeat_checks)
        self._sweep: Iterator[ChargePointConnection] = iter(())
        self._share = 0
        self._ticks = 0

    def tick(self, now_s: float) -> None:
        """Look at the next part."""
        if self._ticks % SWEEP_PARTS == 0:
            self._sweep = iter(list(self._connections.values()))
            self._share = len(self._connections) // SWEEP_PARTS + 1
        self._ticks += 1
        idle_timeout_s, intervals = self._idle_timeout_s, self._intervals
        for connection in islice(self._sweep, self._share):
            heartbeat_s = connection.heartbeat_s
            if heartbeat_s and now_s - connection.text_heard_s >= intervals * heartbeat_s:
                cause = counters.KEEPALIVE
            elif idle_timeout_s and now_s - connection.heard_s >= idle_timeout_s:
                cause = counters.IDLE
            elif not connection.is_open and now_s - connection.heard_s >= CLOSE_TIMEOUT_S:
                cause = counters.VIOLATION  # it was told so and does not read it
            else:
                continue
            if connection not in self._held:
                connection.drop(cause)
