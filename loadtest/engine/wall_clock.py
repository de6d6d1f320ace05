"""Wall time for what charge points write and read: the monotonic clock plus an offset taken once.

So wall time never jumps within a run, and every instant in it stands for one monotonic instant.
"""

from __future__ import annotations

import datetime as dt

from loadtest.clock import monotonic_ns, parse_rfc3339, rfc3339, utc_now
from loadtest.engine.clock_aligned import next_boundary_ns
from loadtest.units import NS_PER_MS, NS_PER_S

_TIMESTAMP_AGE_NS = 10 * NS_PER_MS


class WallClock:
    """Translates between monotonic instants and wall times."""

    __slots__ = ("_offset_ns", "_timestamp", "_timestamp_ns")

    def __init__(self) -> None:
        self._offset_ns = int(utc_now().timestamp() * NS_PER_S) - monotonic_ns()
        self._timestamp = b""
        self._timestamp_ns = 0

    def timestamp(self, now_ns: int) -> bytes:
        """The present wall time as OCPP writes it, at most 10 ms old."""
        if now_ns - self._timestamp_ns > _TIMESTAMP_AGE_NS or now_ns < self._timestamp_ns:
            wall_s = (now_ns + self._offset_ns) / NS_PER_S
            self._timestamp = rfc3339(dt.datetime.fromtimestamp(wall_s, dt.UTC)).encode()
            self._timestamp_ns = now_ns
        return self._timestamp

    def instant_ns(self, text: str) -> int:
        """The monotonic instant of a wall time as OCPP writes it.

        Raises:
            ValueError: It is none.
        """
        return int(parse_rfc3339(text).timestamp() * NS_PER_S) - self._offset_ns

    def next_aligned_ns(self, now_ns: int, interval_ns: int) -> int:
        """The monotonic instant of the next clock-aligned boundary."""
        return next_boundary_ns(now_ns + self._offset_ns, interval_ns) - self._offset_ns
