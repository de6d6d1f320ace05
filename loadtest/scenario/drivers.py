"""Who comes to charge: how many, when, for how long, and with what car."""

from __future__ import annotations

import math

import msgspec

from loadtest.scenario.quantiles import Quantiles

HOURS_PER_DAY = 24


class Drivers(msgspec.Struct, frozen=True, kw_only=True):
    """The drivers of one charge point. Times are as in life, before :attr:`ChargePointProfile.time_scale`.

    Attributes:
        per_day: Mean number of arrivals at a charge point in a day.
        by_hour: How they spread over the day: 24 weights, of which only the proportions count; the first is the
            hour after midnight.
        stay_s: How long a car stays connected, in seconds.
        energy_wh: What a car wants, in Wh; it gets less when it leaves before.
        vehicle_power_w: The most a car takes, in watts.
        battery_wh: Capacity of its battery, in Wh.
    """

    per_day: float
    by_hour: tuple[float, ...] = (1.0,) * HOURS_PER_DAY
    stay_s: Quantiles
    energy_wh: Quantiles
    vehicle_power_w: float
    battery_wh: float

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name`` and the field."""
        found = self.stay_s.faults(f"{name}.stay_s") + self.energy_wh.faults(f"{name}.energy_wh")
        if not 0 <= self.per_day < math.inf:
            found.append(f"{name}.per_day: {self.per_day:g} is not a number of 0 or more")
        for field in ("vehicle_power_w", "battery_wh"):
            value = getattr(self, field)
            if not 0 < value < math.inf:
                found.append(f"{name}.{field}: {value:g} is not a number above 0")
        weights = self.by_hour
        if len(weights) != HOURS_PER_DAY:
            found.append(f"{name}.by_hour: has {len(weights)} weights instead of {HOURS_PER_DAY}")
        elif not all(weight >= 0 for weight in weights) or not 0 < sum(weights) < math.inf:
            found.append(f"{name}.by_hour: weights must be 0 or more, and one of them above 0")
        return found
