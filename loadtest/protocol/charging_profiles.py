"""Charging profiles and what they allow at an instant (OCPP 1.6 edition 2, sections 3.13, 5.16 and 7.8 to 7.14).

A profile is a step function of time that is undefined outside its validity, before its start and after its duration.
At any instant the profile with the highest stack level that is defined there leads (3.13.2); a TxProfile overrules
TxDefaultProfiles, one for a connector those for all; the ChargePointMaxProfile bounds all connectors together (3.13.3).

Instants are integer nanoseconds of one clock, so that the start of a period is hit exactly. Power is in watts.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CHARGE_POINT_MAX = "ChargePointMaxProfile"
TX_DEFAULT = "TxDefaultProfile"
TX = "TxProfile"

AMPERE, WATT = "A", "W"

_MAX_STEPS = 1_000  # a schedule that recurs for decades is not followed to its end


class Supply(NamedTuple):
    """What a connector is fed with; ``phases`` is 0 for direct current."""

    voltage_v: float
    phases: int

    def watts(self, rate: float, unit: str, phases: int) -> float:
        """A charging rate as power."""
        return rate * self.voltage_v * phases if unit == AMPERE else rate

    def rate(self, limit: Limit, unit: str) -> float:
        """A limit as a charging rate, rounded down to the tenths the schema allows."""
        rate = limit.power_w / (self.voltage_v * limit.phases) if unit == AMPERE else limit.power_w
        return int(rate * 10 + 1e-6) / 10  # 21.4 A, made watts and back, must not become 21.3


class Limit(NamedTuple):
    """Power allowed; below ``minimum_w`` charging makes no sense and stops."""

    power_w: float
    phases: int
    minimum_w: float = 0.0


class ChargingProfile(msgspec.Struct, frozen=True, gc=False):
    """One installed profile.

    Attributes:
        profile_id: ``chargingProfileId``.
        connector: The connector it was set for; 0 is the charge point, or for a TxDefaultProfile every connector.
        purpose: One of :data:`CHARGE_POINT_MAX`, :data:`TX_DEFAULT`, :data:`TX`.
        stack_level: The higher leads.
        start_ns: When the schedule starts; ``None``: with the transaction.
        recurrence_ns: After which time it starts again; 0: never.
        valid_from_ns: First instant of validity.
        valid_to_ns: First instant after it; ``None``: it does not end.
        length_ns: How long the schedule lasts, once or each time it recurs, then at most ``recurrence_ns``;
            ``None``: for ever.
        starts_ns: Start of each period after the schedule's, ascending from 0.
        limits: The limit of each period.
    """

    profile_id: int
    connector: int
    purpose: str
    stack_level: int
    start_ns: int | None
    recurrence_ns: int
    valid_from_ns: int
    valid_to_ns: int | None
    length_ns: int | None
    starts_ns: tuple[int, ...]
    limits: tuple[Limit, ...]

    def replaces(self, other: ChargingProfile) -> bool:
        """Whether both cannot be installed at once (section 5.16.3)."""
        return self.profile_id == other.profile_id or (
            (self.stack_level, self.purpose, self.connector) == (other.stack_level, other.purpose, other.connector)
        )

    def limit_at(self, at_ns: int, charging_since_ns: int) -> Limit | None:
        """The limit at an instant, ``None`` where the profile says nothing."""
        if at_ns < self.valid_from_ns or (self.valid_to_ns is not None and at_ns >= self.valid_to_ns):
            return None
        elapsed_ns = at_ns - (charging_since_ns if self.start_ns is None else self.start_ns)
        if elapsed_ns < 0:
            return None
        if self.recurrence_ns:
            elapsed_ns %= self.recurrence_ns
        if self.length_ns is not None and elapsed_ns >= self.length_ns:
            return None
        return self.limits[bisect_right(self.starts_ns, elapsed_ns) - 1]

    def next_change_ns(self, at_ns: int, charging_since_ns: int) -> int | None:
        """The first instant after ``at_ns`` at which the limit may differ, ``None`` when there is none."""
        if at_ns < self.valid_from_ns:
            return self.valid_from_ns
        change_ns = self._next_step_ns(at_ns, charging_since_ns if self.start_ns is None else self.start_ns)
        if self.valid_to_ns is None:
            return change_ns
        if at_ns >= self.valid_to_ns:
            return None
        return self.valid_to_ns if change_ns is None else min(change_ns, self.valid_to_ns)

    def _next_step_ns(self, at_ns: int, start_ns: int) -> int | None:
        if at_ns < start_ns:
            return start_ns
        elapsed_ns = at_ns - start_ns
        if self.recurrence_ns:
            elapsed_ns %= self.recurrence_ns
        origin_ns = at_ns - elapsed_ns
        following = bisect_right(self.starts_ns, elapsed_ns)
        if self.length_ns is not None and elapsed_ns >= self.length_ns:  # periods beyond it are never reached
            return origin_ns + self.recurrence_ns if self.recurrence_ns else None
        steps_ns = [*self.starts_ns[following : following + 1], *([] if self.length_ns is None else [self.length_ns])]
        return origin_ns + min(steps_ns) if steps_ns else None


class Stack(NamedTuple):
    """The profiles that govern one connector, or the charge point, in the order they lead."""

    profiles: tuple[ChargingProfile, ...]
    charging_since_ns: int = 0

    def limit_at(self, at_ns: int) -> Limit | None:
        """What the leading profile allows at an instant."""
        for profile in self.profiles:
            limit = profile.limit_at(at_ns, self.charging_since_ns)
            if limit is not None:
                return limit
        return None

    def next_change_ns(self, at_ns: int) -> int | None:
        """The first instant after ``at_ns`` at which the limit may differ."""
        changes = [profile.next_change_ns(at_ns, self.charging_since_ns) for profile in self.profiles]
        return min((change_ns for change_ns in changes if change_ns is not None), default=None)


def of_connector(profiles: Iterable[ChargingProfile], connector: int, charging_since_ns: int) -> Stack:
    """What governs a transaction on a connector that has charged since an instant."""
    governing = [
        profile
        for profile in profiles
        if (profile.purpose == TX and profile.connector == connector)
        or (profile.purpose == TX_DEFAULT and profile.connector in {0, connector})
    ]
    governing.sort(key=lambda each: (each.purpose == TX, each.stack_level, each.connector), reverse=True)
    return Stack(tuple(governing), charging_since_ns)


def of_charge_point(profiles: Iterable[ChargingProfile]) -> Stack:
    """What governs all connectors together."""
    governing = [profile for profile in profiles if profile.purpose == CHARGE_POINT_MAX]
    governing.sort(key=lambda each: each.stack_level, reverse=True)
    return Stack(tuple(governing))


def allot(stacks: Sequence[Stack], whole: Stack, rated: Limit, at_ns: int) -> list[Limit]:
    """The limit of each connector at an instant.

    The charge point's limit is shared evenly; what one may not take is left to the others.
    """
    own = [stack.limit_at(at_ns) or rated for stack in stacks]
    own = [limit._replace(power_w=min(limit.power_w, rated.power_w)) for limit in own]
    total = whole.limit_at(at_ns)
    powers_w = share(total.power_w, [limit.power_w for limit in own]) if total else [limit.power_w for limit in own]
    floor_w = total.minimum_w if total else 0.0
    return [
        limit._replace(power_w=power_w if power_w >= max(limit.minimum_w, floor_w) else 0.0)
        for limit, power_w in zip(own, powers_w, strict=True)
    ]


def share(total_w: float, wanted_w: Sequence[float]) -> list[float]:
    """Divide power among those who want it: nobody gets more than wanted, and nobody more who wants as much."""
    given_w = [0.0] * len(wanted_w)
    for served, index in enumerate(sorted(range(len(wanted_w)), key=wanted_w.__getitem__)):
        given_w[index] = min(wanted_w[index], total_w / (len(wanted_w) - served))
        total_w -= given_w[index]
    return given_w


def schedule(
    limit_at: Callable[[int], Limit],
    next_change_ns: Callable[[int], int | None],
    start_ns: int,
    duration_s: int,
    most: int,
) -> tuple[list[tuple[int, Limit]], int]:
    """A step function as periods of whole seconds.

    Returns:
        The second each period starts at and its limit, at most ``most`` of them; and the seconds they cover, less
        than asked when more periods would be needed.
    """
    periods: list[tuple[int, Limit]] = []
    second = 0
    for _ in range(_MAX_STEPS):
        at_ns = start_ns + second * NS_PER_S
        limit = limit_at(at_ns)
        if not periods or periods[-1][1] != limit:
            if len(periods) == most:
                return periods, second
            periods.append((second, limit))
        change_ns = next_change_ns(at_ns)
        if change_ns is None:
            return periods, duration_s
        second = -((start_ns - change_ns) // NS_PER_S)
        if second >= duration_s:
            return periods, duration_s
    return periods, second
