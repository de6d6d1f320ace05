"""A car that charges: how much power it takes, and when it has had enough."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.scenario.drivers import Drivers

KNEE = 0.8
"""State of charge up to which the current is constant (CC); from there on it falls (CV)."""

END_SHARE = 0.1
"""What a car still takes of its greatest power at a state of charge of 1."""

_SECONDS_PER_HOUR = 3600.0


class Vehicle:
    """A battery on a connector. Times are as in life: multiply by the profile's ``time_scale`` first.

    Up to :data:`KNEE` it takes its greatest power; from there the power falls linearly with the state of charge to
    :data:`END_SHARE` of it. It stops at the state of charge its driver wants. Every advance is in closed form, so the
    energy does not depend on how often it is asked.

    Args:
        battery_wh: Capacity.
        power_w: The most it takes.
        soc: State of charge, 0 to 1.
        target: State of charge at which it stops, from ``soc`` to 1.
    """

    __slots__ = ("_stored_wh", "_target_wh", "battery_wh", "greatest_w")

    def __init__(self, battery_wh: float, power_w: float, soc: float, target: float = 1.0) -> None:
        self.battery_wh = battery_wh
        self.greatest_w = power_w
        self._stored_wh = soc * battery_wh
        self._target_wh = target * battery_wh

    @classmethod
    def arriving(cls, drivers: Drivers, wanted_wh: float, share: float) -> Vehicle:
        """A driver's car that has room for the energy wanted: any state of charge that leaves it is as likely.

        Args:
            drivers: Whose car.
            wanted_wh: What it will take, at most what the battery holds.
            share: The draw for its state of charge, uniform in [0, 1).
        """
        part = min(1.0, wanted_wh / drivers.battery_wh)
        soc = (1.0 - part) * share
        return cls(drivers.battery_wh, drivers.vehicle_power_w, soc, min(1.0, soc + part))

    @property
    def full(self) -> bool:
        """It has what its driver wanted, and takes nothing more."""
        return self._stored_wh >= self._target_wh

    @property
    def soc_percent(self) -> float:
        """State of charge, 0 to 100."""
        return 100.0 * self._stored_wh / self.battery_wh

    def power_w(self, limit_w: float) -> float:
        """The power it takes now, when it is offered ``limit_w``."""
        if self.full:
            return 0.0
        return max(0.0, min(limit_w, self.greatest_w, self._tapered_w(self._stored_wh)))

    def charge(self, duration_s: float, limit_w: float) -> float:
        """Charge for a time while ``limit_w`` is offered; returns the energy taken, in Wh."""
        flat_w = min(limit_w, self.greatest_w)
        room_wh = self._target_wh - self._stored_wh
        if flat_w <= 0.0 or duration_s <= 0.0 or room_wh <= 0.0:
            return 0.0
        hours = duration_s / _SECONDS_PER_HOUR
        # The power is constant until the falling line has come down to it.
        until_taper_wh = max(0.0, self._taper_from_wh(flat_w) - self._stored_wh)
        taken_wh = flat_w * hours
        if taken_wh > until_taper_wh:
            taper_h = hours - until_taper_wh / flat_w
            begin_w = min(flat_w, self._tapered_w(self._stored_wh + until_taper_wh))
            fall = self._fall_per_h
            taken_wh = until_taper_wh - begin_w / fall * math.expm1(-fall * taper_h)
        if taken_wh >= room_wh:
            self._stored_wh = self._target_wh
            return room_wh
        self._stored_wh += taken_wh
        return taken_wh

    def full_after_s(self, limit_w: float) -> float:
        """How long until it has what its driver wanted, when ``limit_w`` is offered; ``inf`` when that is nothing."""
        if self.full:
            return 0.0
        flat_w = min(limit_w, self.greatest_w)
        if flat_w <= 0.0:
            return math.inf
        # As in charge(): first at constant power, then along the falling line.
        taper_from_wh = min(self._target_wh, max(self._stored_wh, self._taper_from_wh(flat_w)))
        begin_w = min(flat_w, self._tapered_w(taper_from_wh))
        fall = self._fall_per_h
        taper_h = -math.log1p(-fall * (self._target_wh - taper_from_wh) / begin_w) / fall
        return ((taper_from_wh - self._stored_wh) / flat_w + taper_h) * _SECONDS_PER_HOUR

    @property
    def _fall_per_h(self) -> float:
        """How fast the power falls with the energy stored, in W per Wh: the rate of its exponential decay."""
        return self.greatest_w * (1.0 - END_SHARE) / ((1.0 - KNEE) * self.battery_wh)

    def _tapered_w(self, stored_wh: float) -> float:
        """The falling line, above the greatest power before the knee."""
        return self.greatest_w - self._fall_per_h * (stored_wh - KNEE * self.battery_wh)

    def _taper_from_wh(self, power_w: float) -> float:
        """The energy stored at which the falling line has come down to a power."""
        return KNEE * self.battery_wh + (self.greatest_w - power_w) / self._fall_per_h
