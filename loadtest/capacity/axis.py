"""What is searched for the most of, and how a level of it becomes the settings of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.measure.capacity_record import CHARGE_POINTS, CONNECT_RATE, RATE, AxisName
from loadtest.measure.tags import CONNECT, REGISTER, ROUND_TRIP, UPLINK
from loadtest.protocol.phases import RAMP, STEADY
from loadtest.protocol.stamp import MAX_CHARGE_POINTS

if TYPE_CHECKING:
    from loadtest.scenario.settings import RunSettings

WARMUP = "5s"
"""Before what counts, at every level, where nobody says otherwise and there is something to warm up."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a level counts.

    Attributes:
        name: As it is asked for.
        unit: What stands behind a level.
        lowest: Where a search begins unless told.
        highest: Where it ends unless told.
        phase: Whose latencies tell how the load is borne.
        legs: Which of them, the first above all.
        warmup: Of each run unless told.
    """

    name: AxisName
    unit: str
    lowest: int
    highest: int
    phase: str
    legs: tuple[str, ...]
    warmup: str

    def settings(self, level: int, base: RunSettings) -> dict[str, str]:
        """What makes a run one at this level.

        Args:
            level: Of this axis.
            base: As given for all levels. In a search for charge points its ramp is that of its number of charge
                points: a larger fleet takes longer, so that all connect at the same rate, which is an axis of its own.
        """
        if self.name == CHARGE_POINTS:
            return {"charge_points": str(level), "ramp": f"{base.ramp_s * level / base.charge_points:.9g}s"}
        if self.name == CONNECT_RATE:
            return {"ramp": f"{base.charge_points / level:.9g}s"}
        return {"heartbeat_interval": f"{base.charge_points / level:.9g}s"}


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis(CHARGE_POINTS, "charge points", 100, MAX_CHARGE_POINTS, STEADY, (ROUND_TRIP, UPLINK), WARMUP),
        Axis(RATE, "heartbeats/s", 50, 1_000_000, STEADY, (ROUND_TRIP, UPLINK), WARMUP),
        Axis(CONNECT_RATE, "connects/s", 50, 1_000_000, RAMP, (REGISTER, CONNECT), "0s"),
    )
}
"""By name."""

OWN_SETTINGS: dict[str, tuple[str, ...]] = {
    CHARGE_POINTS: (),
    RATE: ("heartbeat_interval",),
    CONNECT_RATE: ("ramp",),
}
"""Settings that a level decides, so that giving them as well would contradict it."""
