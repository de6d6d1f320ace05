"""Distributions as their sources print them: by a few quantiles."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from operator import itemgetter

import msgspec

from loadtest.scenario.schedule import exponential_s


class Quantiles(msgspec.Struct, frozen=True):
    """A distribution of positive values, given by some of its quantiles or as an exponential one.

    Between two given points the logarithm of the value is linear in the share. Outside the outermost points the
    slope of the nearest two goes on to the shares 0 and 1, so the values are bounded. One point alone is a constant.

    Attributes:
        points: Pairs of share (0 to 1) and value, both ascending: ``((0.25, 1.8), (0.5, 3.8), (0.75, 8.9))``.
        mean: In place of points: the mean of an exponential distribution.
    """

    points: tuple[tuple[float, float], ...] = ()
    mean: float = 0.0

    def draw(self, share: float) -> float:
        """The value below which ``share`` (0 to 1, less than 1 if exponential) of the distribution lies."""
        if not self.points:
            return exponential_s(self.mean, share)
        if len(self.points) == 1:
            return self.points[0][1]
        # The segment the share lies in; beyond the ends, the outermost one.
        upper = min(max(bisect_right(self.points, share, key=itemgetter(0)), 1), len(self.points) - 1)
        (low, low_value), (high, high_value) = self.points[upper - 1 : upper + 1]
        slope, width = high_value / low_value, high - low
        if share >= high:
            return high_value * math.pow(slope, (share - high) / width)
        return min(high_value, low_value * math.pow(slope, (share - low) / width))

    def faults(self, name: str) -> list[str]:
        """What makes it no distribution, one sentence each that begins with ``name``."""
        if not self.points:
            return [] if 0 < self.mean < math.inf else [f"{name}: needs points, or a mean above 0"]
        if self.mean:
            return [f"{name}: has points and a mean; give one of them"]
        shares, values = zip(*self.points, strict=True)
        if not all(0 <= share <= 1 for share in shares) or any(high <= low for low, high in pairwise(shares)):
            return [f"{name}: shares must ascend within 0 to 1"]
        if not all(0 < value < math.inf for value in values) or list(values) != sorted(values):
            return [f"{name}: values must be above 0 and not descend"]
        try:
            bounded = self.draw(0.0) > 0 and self.draw(1.0) < math.inf
        except OverflowError:
            bounded = False
        return [] if bounded else [f"{name}: the outermost points are so steep that the tails have no bound"]


def exponential(mean: float) -> Quantiles:
    """The exponential distribution of that mean: for synthetic load."""
    return Quantiles(mean=mean)


def constant(value: float) -> Quantiles:
    """Always the same value."""
    return Quantiles(points=((0.5, value),))
