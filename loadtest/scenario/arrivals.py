"""When the next driver comes: a Poisson process whose rate follows the hour of the day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadtest.scenario.drivers import HOURS_PER_DAY
from loadtest.scenario.schedule import exponential_s

if TYPE_CHECKING:
    from loadtest.scenario.profile import ChargePointProfile

_SECONDS_PER_HOUR = 3600.0


def next_arrival_s(profile: ChargePointProfile, after_s: float, share: float) -> float:
    """The first arrival after a moment, in real seconds since the ramp began; ``inf`` when nobody comes.

    The waiting time is where the cumulative rate has grown by a unit exponential: exact, with one draw.

    Args:
        profile: Whose drivers, and how fast their day goes by.
        after_s: From when on, in real seconds since the ramp began.
        share: The draw, uniform in [0, 1).
    """
    drivers = profile.drivers
    if drivers is None or drivers.per_day == 0:
        return math.inf
    days = exponential_s(1.0, share) / drivers.per_day  # what the wait would be at the day's mean rate
    if math.isinf(days):
        return math.inf
    whole_days = math.floor(days)
    rest = (days - whole_days) * sum(drivers.by_hour)  # in weighted hours
    start_hour = (profile.hour_at_start + after_s * profile.time_scale / _SECONDS_PER_HOUR) % HOURS_PER_DAY
    hour, elapsed_h = int(start_hour), 0.0
    left_h = hour + 1 - start_hour  # of the present hour
    while (weight := drivers.by_hour[hour % HOURS_PER_DAY]) * left_h <= rest:
        rest -= weight * left_h
        elapsed_h += left_h
        hour, left_h = hour + 1, 1.0
    elapsed_h += rest / weight
    return after_s + (whole_days * HOURS_PER_DAY + elapsed_h) * _SECONDS_PER_HOUR / profile.time_scale
