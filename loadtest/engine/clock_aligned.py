"""Instants of clock-aligned data: multiples of an interval from midnight (OCPP 1.6 section 9.1.4), UTC.

Every charge point of the world finds the same ones, which makes a fleet's clock-aligned data a spike.
"""

from __future__ import annotations

from loadtest.units import NS_PER_S

DAY_NS = 86_400 * NS_PER_S


def next_boundary_ns(wall_ns: int, interval_ns: int) -> int:
    """The first boundary after a wall time, both in ns since 1970; the day begins anew at midnight."""
    midnight_ns = wall_ns - wall_ns % DAY_NS
    steps = (wall_ns - midnight_ns) // interval_ns + 1
    return midnight_ns + min(steps * interval_ns, DAY_NS)
