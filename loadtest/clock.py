"""Time: one monotonic clock for every measurement, wall time only as a label.

``CLOCK_MONOTONIC`` is shared by all processes of a host, so a stamp made in one process can be
subtracted from a reading in another. ``loop.time()`` is never used for measuring: it moves in steps of 1 ms.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol

monotonic_ns = time.monotonic_ns


class Clock(Protocol):
    """A source of monotonic nanoseconds; tests pass a virtual one."""

    def __call__(self) -> int:
        """Now, in nanoseconds, from an arbitrary fixed origin."""
        ...


def utc_now() -> dt.datetime:
    """Wall time now, for labels in records and for OCPP timestamps."""
    return dt.datetime.now(dt.UTC)


def rfc3339(moment: dt.datetime) -> str:
    """``2026-01-31T12:00:00.000Z``: how OCPP-J and our records write an instant (RFC 3339, milliseconds)."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_rfc3339(text: str) -> dt.datetime:
    """The instant that a text such as ``2026-01-31T12:00:00Z`` names; without an offset it is UTC.

    Raises:
        ValueError: It is none.
    """
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
