"""Energy flowing into a car: its register is the integral of the power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.meter import Reading
from loadtest.protocol import connector_states as states
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.scenario.profile import ChargePointProfile
    from loadtest.scenario.vehicle import Vehicle


class Charging:
    """A car on a connector, under a limit that changes now and then.

    Args:
        vehicle: The car.
        profile: The charge point: what it can give, and how fast life goes.
        now_ns: When charging begins.

    Attributes:
        energy_wh: Energy taken so far.
        offered_w: Power it may take.
    """

    __slots__ = ("_as_of_ns", "_profile", "_vehicle", "energy_wh", "offered_w")

    def __init__(self, vehicle: Vehicle, profile: ChargePointProfile, now_ns: int) -> None:
        self._vehicle = vehicle
        self._profile = profile
        self._as_of_ns = now_ns
        self.energy_wh = 0.0
        self.offered_w = profile.power_w

    def limit(self, limit_w: float | None, now_ns: int) -> None:
        """From now on it may take that much at most, and never more than the connector gives; ``None``: no limit."""
        self.advance(now_ns)
        most_w = self._profile.power_w
        self.offered_w = most_w if limit_w is None else max(0.0, min(most_w, limit_w))

    def reading(self, start_wh: float, now_ns: int) -> Reading:
        """What the meter shows that showed ``start_wh`` in the beginning."""
        self.advance(now_ns)
        vehicle, offered_w = self._vehicle, self.offered_w
        return Reading(start_wh + self.energy_wh, vehicle.power_w(offered_w), offered_w, vehicle.soc_percent)

    @property
    def full_after_ns(self) -> float:
        """When it will have what its driver wants, in real nanoseconds from the last change of the limit."""
        return self._vehicle.full_after_s(self.offered_w) * NS_PER_S / self._profile.time_scale

    @property
    def status(self) -> bytes:
        """The connector's state that belongs to it (OCPP 1.6 section 7.7); SuspendedEVSE outranks SuspendedEV."""
        if self.offered_w <= 0:
            return states.SUSPENDED_EVSE
        return states.SUSPENDED_EV if self._vehicle.full else states.CHARGING

    def advance(self, now_ns: int) -> None:
        """Let it charge until now."""
        duration_s = (now_ns - self._as_of_ns) / NS_PER_S * self._profile.time_scale
        if duration_s > 0:
            self.energy_wh += self._vehicle.charge(duration_s, self.offered_w)
            self._as_of_ns = now_ns
