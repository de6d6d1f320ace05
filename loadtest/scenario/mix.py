"""The mix of a fleet: how many charge points of each class there are, which ones, and into how many cohorts they go.

Which charge point is of which class follows from the classes and the size of the fleet alone; cohorts, and so users,
engines and workers, only cut each class's share into pieces.
"""

from __future__ import annotations

import math
from fractions import Fraction
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

import msgspec

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

COHORT_SIZE = 1000
"""Most charge points in a cohort, unless the number of cohorts is given otherwise."""


class FleetClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class of charge points as a scenario declares it.

    Attributes:
        name: Unique in the scenario.
        weight: Its part of the fleet, in relation to the weights of the others.
        fixed_count: Exactly so many charge points instead; 0: by weight.
    """

    name: str
    weight: float = 1.0
    fixed_count: int = 0


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one class has of the fleet: the charge points from ``first`` on, in a number of cohorts."""

    name: str
    first: int
    charge_points: int
    cohorts: int

    @property
    def largest_cohort(self) -> int:
        """Size of its largest cohort; the others have one charge point less at most."""
        return math.ceil(self.charge_points / self.cohorts)

    def cohort(self, number: int) -> tuple[int, int]:
        """First charge point and size of cohort ``number``, counted from 0 within the class."""
        start = number * self.charge_points // self.cohorts
        return self.first + start, (number + 1) * self.charge_points // self.cohorts - start


def share_out(classes: Collection[FleetClass], charge_points: int) -> dict[str, int]:
    """How many charge points each class has, by name, in the order of names.

    Classes with a ``fixed_count`` have exactly so many, the others share the rest by weight: by largest remainder,
    one at least for each.

    Raises:
        UsageError: There are too few charge points for the classes, or too many for those with a ``fixed_count``, or
            a weight is no number above 0.
    """
    ordered = sorted(classes, key=lambda each: each.name)
    mistakes = _mistakes(ordered)
    if mistakes:
        raise UsageError(mistakes)
    fixed = [each for each in ordered if each.fixed_count]
    weighted = [each for each in ordered if not each.fixed_count]
    rest = charge_points - sum(each.fixed_count for each in fixed)
    if rest < len(weighted) or (rest and not weighted):
        raise UsageError(_misfit(fixed, weighted, charge_points), hint=_remedy(fixed, weighted))
    counts = {each.name: each.fixed_count for each in fixed} | _by_weight(weighted, rest)
    return {each.name: counts[each.name] for each in ordered}


def _mistakes(classes: Sequence[FleetClass]) -> list[str]:
    found = []
    for each in classes:
        for field, value, kinds in (("weight", each.weight, (int, float)), ("fixed_count", each.fixed_count, (int,))):
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < math.inf:
                wanted = "a number above 0" if field == "weight" else "a whole number, 0 or more"
                found.append(f"{each.name}.{field}: {value!r} is not {wanted}")
    return found


def _misfit(fixed: Sequence[FleetClass], weighted: Sequence[FleetClass], charge_points: int) -> str:
    taken = ", ".join(f"{each.name} {each.fixed_count:,}" for each in fixed)
    if not weighted:
        return f"--charge-points: {charge_points:,} are not what the classes say by fixed_count: {taken}"
    named = ", ".join(each.name for each in weighted)
    beside = f" beside those of fixed_count ({taken})" if fixed else ""
    return f"--charge-points: {charge_points:,} are too few: each of {named} needs at least one{beside}"


def _remedy(fixed: Sequence[FleetClass], weighted: Sequence[FleetClass]) -> str:
    needed = sum(each.fixed_count for each in fixed) + len(weighted)
    if weighted:
        return f"use --charge-points {needed} or more, or fewer classes"
    return f"use --charge-points {needed}, or let one class go by weight"


def _by_weight(classes: Sequence[FleetClass], charge_points: int) -> dict[str, int]:
    """Largest remainder; a class that would get none takes one from the largest."""
    if not classes:
        return {}
    total = sum(Fraction(each.weight) for each in classes)
    quotas = {each.name: charge_points * Fraction(each.weight) / total for each in classes}
    counts = {name: math.floor(quota) for name, quota in quotas.items()}
    left = charge_points - sum(counts.values())
    for name in sorted(quotas, key=lambda name: counts[name] - quotas[name])[:left]:  # a stable sort: ties by name
        counts[name] += 1
    for name, count in counts.items():
        if count == 0:
            counts[max(counts, key=counts.__getitem__)] -= 1
            counts[name] = 1
    return counts


def cut(counts: Mapping[str, int], engines: int) -> tuple[Share, ...]:
    """Cut each class into cohorts of :data:`COHORT_SIZE` at most, as many for one engine as for another.

    Args:
        counts: Charge points by class, from :func:`share_out`.
        engines: How many engines there are in all workers together.
    """
    cohorts = {name: min(count, math.ceil(count / COHORT_SIZE / engines) * engines) for name, count in counts.items()}
    return _shares(counts, cohorts)


def cut_into(counts: Mapping[str, int], cohorts: int) -> tuple[Share, ...]:
    """Cut the classes into so many cohorts in all, with the largest as small as can be.

    Raises:
        ValueError: There are fewer cohorts than classes, or more than charge points.
    """
    if not len(counts) <= cohorts <= sum(counts.values()):
        raise ValueError(f"{cohorts} cohorts for {len(counts)} classes of {sum(counts.values())} charge points")
    numbers = dict.fromkeys(counts, 1)
    largest: list[tuple[float, str]] = [(-count, name) for name, count in counts.items()]
    heapify(largest)
    for _ in range(cohorts - len(counts)):
        name = largest[0][1]
        numbers[name] += 1
        heapreplace(largest, (-counts[name] / numbers[name], name))
    return _shares(counts, numbers)


def _shares(counts: Mapping[str, int], cohorts: Mapping[str, int]) -> tuple[Share, ...]:
    found, first = [], 0
    for name, count in counts.items():
        found.append(Share(name=name, first=first, charge_points=count, cohorts=cohorts[name]))
        first += count
    return tuple(found)


class Allotment:
    """Gives the cohorts of a fleet to those who ask.

    None is given twice: the ids and sequence numbers of one that was taken off would come again. Whoever asks beyond
    the planned ones, because somebody adds users while a run goes on, gets charge points that extend the fleet, as
    many as the largest cohort of the class has.

    Args:
        shares: The fleet as planned.

    Attributes:
        planned: How many cohorts that is.
        given: How many have been given.
        charge_points: How many these have.
    """

    def __init__(self, shares: Sequence[Share]) -> None:
        self.planned = sum(share.cohorts for share in shares)
        self.given = 0
        self.charge_points = 0
        self._shares = {share.name: share for share in shares}
        self._given = dict.fromkeys(self._shares, 0)
        self._end = sum(share.charge_points for share in shares)

    def give(self, name: str) -> tuple[int, int]:
        """First charge point and size of the next cohort of a class."""
        share, number = self._shares[name], self._given[name]
        self.given += 1
        self._given[name] += 1
        if number < share.cohorts:
            first, count = share.cohort(number)
        else:
            first, count = self._end, share.largest_cohort
            self._end += count
        self.charge_points += count
        return first, count
