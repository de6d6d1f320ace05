"""The classes of a mixed fleet, told apart by the numbers of their charge points.

Classes lie in one row (:mod:`loadtest.scenario.mix`), so that whoever sees a number, as in a stamp, knows the class.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

BEYOND_FLEET: Final = "beyond-fleet"
"""Charge points that somebody added while the run went on: no number tells their class. No class can be named so."""

_MOST = 1 << 32


class FleetClasses(msgspec.Struct, frozen=True):
    """Which charge points are of which class. A fleet of one class has nothing to tell apart, and no names here.

    Attributes:
        names: In the order of their charge points.
        ends: The number behind the last charge point of each.
    """

    names: tuple[str, ...] = ()
    ends: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """There is something to tell apart."""
        return bool(self.names)

    def of(self, number: int) -> str:
        """The class of a charge point; empty where nothing is told apart."""
        if not self.names:
            return ""
        position = bisect_right(self.ends, number)
        return self.names[position] if position < len(self.names) else BEYOND_FLEET

    def spans(self) -> list[tuple[str, range]]:
        """Each class, and last what is beyond the fleet, with the numbers of its charge points."""
        starts = (0, *self.ends)
        return [
            (name, range(start, end))
            for name, start, end in zip((*self.names, BEYOND_FLEET), starts, (*self.ends, _MOST), strict=True)
        ]


ONE_CLASS = FleetClasses()


def told_apart(counts: Iterable[tuple[str, int]]) -> FleetClasses:
    """The classes of a fleet, given by name and number of charge points in the order of their numbers."""
    names: list[str] = []
    ends: list[int] = []
    for name, count in counts:
        ends.append((ends[-1] if ends else 0) + count)
        names.append(name)
    return FleetClasses(tuple(names), tuple(ends)) if len(names) > 1 else ONE_CLASS
