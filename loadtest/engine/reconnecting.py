"""How long each charge point waits before it connects again, by the policy of its profile; since when it is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.scenario.reconnect import policy_of
from loadtest.scenario.schedule import uniform

if TYPE_CHECKING:
    from loadtest.engine.registration import RegisteringConnection

_MAKE_DRAW = 1 << 45
"""Decides for good which policy of a mixture a charge point has."""


class Reconnecting:
    """The waits of a fleet. A charge point that is connected costs nothing.

    Args:
        seed: Of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._waited_s: dict[int, float] = {}  # the last wait, of those that have no registration now
        self._lost_ns: dict[int, int] = {}  # of those that were registered once

    def wait_s(self, charge_point: RegisteringConnection) -> float:
        """How long a charge point waits now that its connection, or the attempt at one, has failed."""
        number = charge_point.number
        policy = policy_of(charge_point.profile.reconnect, uniform(self._seed, number, _MAKE_DRAW))
        before_s = self._waited_s.get(number, 0.0)
        wait_s = self._waited_s[number] = policy.wait_s(charge_point.failures, before_s, charge_point.draw())
        return wait_s

    def lost(self, charge_point: RegisteringConnection, now_ns: int) -> None:
        """Its connection has ended, and with it its registration."""
        self._lost_ns[charge_point.number] = now_ns

    def succeeded(self, charge_point: RegisteringConnection) -> int:
        """It is registered: waits begin anew. Returns when it was lost; 0: not since it was registered last."""
        self._waited_s.pop(charge_point.number, None)
        return self._lost_ns.pop(charge_point.number, 0)
