"""The level, which is the number of charge points registered, at each instant: its falls, and when it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OVER_SHARE = 99
"""With so many percent back a storm is over; what is lost from then on may be the next."""


class Dip(NamedTuple):
    """A fall of the level: how deep, when it was lowest for the last time, and when it was over; ``None``: never."""

    depth: int
    lowest_ms: float
    over_ms: float | None


class Levels:
    """How many charge points were registered, at each instant.

    Args:
        lost_ms: When charge points were lost, in ms after the run's start, in any order.
        registered_ms: When charge points were registered.
    """

    def __init__(self, lost_ms: NDArray[np.uint32], registered_ms: NDArray[np.uint32]) -> None:
        self.lost_ms = np.sort(lost_ms).astype(np.int64)
        instants = np.concatenate([registered_ms.astype(np.int64), self.lost_ms])
        steps = np.concatenate([np.ones(len(registered_ms), np.int64), -np.ones(len(lost_ms), np.int64)])
        order = np.argsort(instants, kind="stable")
        # One level for each instant: what happens within a ms has no order.
        last = np.flatnonzero(np.diff(instants[order], append=-1))
        self._at_ms = instants[order][last]
        self._levels = np.cumsum(steps[order])[last]

    def before(self, at_ms: float) -> int:
        """The level just before an instant."""
        position = int(np.searchsorted(self._at_ms, at_ms, side="left"))
        return int(self._levels[position - 1]) if position else 0

    def fall(self, start_ms: float, end_ms: float) -> int:
        """By how many the level falls below what it was just before an instant, until another one."""
        first, last = np.searchsorted(self._at_ms, (start_ms, end_ms), side="left")
        found = self._levels[first:last]
        return max(0, self.before(start_ms) - int(found.min())) if len(found) else 0

    def falls(self, starts_ms: NDArray[np.int64], ends_ms: NDArray[np.float64]) -> NDArray[np.int64]:
        """:meth:`fall` of many spans at once, each of which begins with an instant at which something happened."""
        first, last = np.searchsorted(self._at_ms, starts_ms), np.searchsorted(self._at_ms, ends_ms)
        if not len(first):
            return first
        before = np.where(first > 0, self._levels[first - 1], 0)
        bounded = np.append(self._levels, np.iinfo(np.int64).max)  # for spans that end with the last instant
        lowest: NDArray[np.int64] = np.minimum.reduceat(bounded, np.stack((first, last), axis=1).ravel())[::2]
        return before - lowest

    def dip(self, start_ms: float, end_ms: float, level: int, more: int) -> Dip:
        """What becomes of a level of ``level`` from an instant on, once it has fallen by more than ``more``."""
        first, last = np.searchsorted(self._at_ms, (start_ms, end_ms), side="left")
        found = self._levels[first:last]
        depths = level - np.minimum.accumulate(found) if len(found) else found
        over = np.flatnonzero((depths > more) & (found >= level - depths + -(-depths * OVER_SHARE // 100)))
        length = int(over[0]) + 1 if len(over) else len(found)
        if not length:
            return Dip(0, start_ms, None)
        lowest = length - 1 - int(np.argmin(found[:length][::-1]))
        over_ms = float(self._at_ms[first + over[0]]) if len(over) else None
        return Dip(int(depths[length - 1]), float(self._at_ms[first + lowest]), over_ms)

    def reached(self, level: int, start_ms: float, end_ms: float) -> float | None:
        """When the level is first at least ``level`` between two instants; ``None``: never."""
        first, last = np.searchsorted(self._at_ms, (start_ms, end_ms), side="left")
        above = np.flatnonzero(self._levels[first:last] >= level)
        return float(self._at_ms[first + above[0]]) if len(above) else None
