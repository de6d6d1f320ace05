"""Which level comes next, from what became of those before: geometric growth, bisection, repeats at the edge.

Pure: it knows neither what a level is of nor how one is tried. Levels are whole numbers. One *holds* when the majority
of its repeats pass; until then the first tries speak for it. A failure above and a pass below make a bracket; the
search narrows it until it is narrow enough, and then repeats its two ends. An end that does not stand up to that is
no end any more, and the search goes on. It goes no higher than a level at which the generator was the limit.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, NamedTuple

Vote = Literal["passed", "failed", "limited", "void"]
"""What became of one try: the thresholds held, or not; the generator was the limit; or it says nothing at all."""

Kind = Literal["interval", "generator", "all_passed", "none_passed", "generator_at_first", "void", "unfinished"]
"""``interval``: the edge is known from both sides. ``generator``: from below; above it the generator was the limit.
``all_passed``: up to the highest level asked for. ``none_passed``: not even the lowest. ``generator_at_first``: it
was the limit at the lowest. ``void``: a level could not be measured. ``unfinished``: there were too few runs."""

GROWTH = 2
"""From one level to the next until the first that does not hold."""
VOIDS = 2
"""So many tries at one level that say nothing, above those that have said something, end the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where to search, and how thoroughly.

    Attributes:
        lowest: The first level.
        highest: No level is above it.
        precision: How narrow the bracket is to be, as a share of its upper end; one level is narrow enough.
        repeats: Tries at each end of the bracket; fewer when the majority is clear before.
        most_runs: Tries in all.
    """

    lowest: int
    highest: int
    precision: float = 0.05
    repeats: int = 3
    most_runs: int = 40


class Finding(NamedTuple):
    """What is known: the largest level that holds and the smallest above it that does not; None where there is none."""

    kind: Kind
    passed: int | None
    failed: int | None


@dataclass(slots=True)
class _Tally:
    """What became of the tries at one level."""

    passed: int = 0
    failed: int = 0
    limited: int = 0
    void: int = 0

    @property
    def told(self) -> int:
        return self.passed + self.failed + self.limited

    @property
    def holds(self) -> bool:
        return 2 * self.passed > self.told

    @property
    def disputed(self) -> bool:
        return 0 < self.passed < self.told

    def settled(self, repeats: int) -> bool:
        """Whether further tries, up to so many, cannot change what it comes to."""
        against = self.told - self.passed
        return 2 * self.passed > repeats or 2 * against >= repeats


class Search:
    """Says which level to try next.

    Usage::

        search = Search(Bounds(lowest=100, highest=100_000))
        while (level := search.next_level()) is not None:
            search.take(level, "passed" if holds(level) else "failed")
        search.finding()
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._tallies: defaultdict[int, _Tally] = defaultdict(_Tally)
        self._runs = 0

    def take(self, level: int, vote: Vote) -> None:
        """Note what became of a try."""
        tally = self._tallies[level]
        setattr(tally, vote, getattr(tally, vote) + 1)
        self._runs += 1

    def next_level(self) -> int | None:
        """The level to try; ``None`` when there is nothing left to learn, or no run left to learn it by."""
        if self._runs >= self._bounds.most_runs or self._unmeasurable() is not None:
            return None
        return self._wanted()

    def finding(self) -> Finding:
        """What is known so far."""
        lower, upper = self.bracket()
        if self._unmeasurable() is not None:
            return Finding("void", lower, upper)
        if self._wanted() is not None:
            return Finding("unfinished", lower, upper)
        if upper is None:
            return Finding("all_passed", lower, None)
        tally = self._tallies[upper]
        by_generator = tally.limited >= tally.failed
        if lower is None:
            return Finding("generator_at_first" if by_generator else "none_passed", None, upper)
        return Finding("generator" if by_generator else "interval", lower, upper)

    def bracket(self) -> tuple[int | None, int | None]:
        """The largest level that holds below the smallest that does not; None for an end that is not there."""
        told = {level: tally for level, tally in self._tallies.items() if tally.told}
        upper = min((level for level, tally in told.items() if not tally.holds), default=None)
        below = (level for level, tally in told.items() if tally.holds and (upper is None or level < upper))
        return max(below, default=None), upper

    def narrow(self, lower: int, upper: int) -> bool:
        """Whether a bracket is as narrow as it is to be."""
        return upper - lower <= max(1, self._bounds.precision * upper)

    def _wanted(self) -> int | None:
        bounds = self._bounds
        contested = [level for level, tally in self._tallies.items() if not tally.told or self._open(level)]
        if contested:
            return min(contested)
        lower, upper = self.bracket()
        if lower is None and upper is None:
            return bounds.lowest
        if upper is None:
            assert lower is not None
            return min(lower * GROWTH, bounds.highest) if lower < bounds.highest else self._unsettled(lower)
        if lower is None:
            return self._unsettled(upper)
        if not self.narrow(lower, upper):
            return (lower + upper) // 2
        return self._unsettled(upper, lower)

    def _open(self, level: int) -> bool:
        """Whether tries at a level contradict each other and the majority is not clear."""
        tally = self._tallies[level]
        return tally.disputed and not tally.settled(self._bounds.repeats)

    def _unsettled(self, *levels: int) -> int | None:
        return next((level for level in levels if not self._tallies[level].settled(self._bounds.repeats)), None)

    def _unmeasurable(self) -> int | None:
        """A level whose tries say nothing too often."""
        return next((level for level, tally in self._tallies.items() if tally.void >= VOIDS + tally.told), None)
