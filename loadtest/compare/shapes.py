"""How far whole distributions of response times lie apart, and whether that is more than runs of one arm do.

Messages of one run are not independent, so no textbook two-sample test may be asked: a run is the unit here as well.
The distance of Kolmogorov and Smirnov is taken between every two runs, and the share of their squares that lies between
the arms, not within them, is held against what exchanging whole runs gives (pseudo-F of Anderson 2001).
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from loadtest.compare.resampling import StepDown
from loadtest.compare.statistics import ERROR_RATE
from loadtest.measure.comparison_record import Curve, ShapeChange
from loadtest.measure.histogram import Histogram
from loadtest.measure.percentiles import percentile_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadtest.compare.figures import Measured, Pair

    Values = NDArray[np.float64]

_SEED = 1
_MOST_PERMUTATIONS = 9_999
_FEWEST_SAMPLES = 100
"""Of a run: a distribution of fewer is its luck."""
_SMALLEST = 1e-12


def shape_changes(arms: Sequence[Measured], pairs: Sequence[Pair]) -> list[ShapeChange]:
    """Hold the distributions of every leg against each other; legs that an arm lacks are left out for it.

    p-values are corrected for the legs of a pair by the largest statistic, and for the pairs by their number.
    """
    found: list[ShapeChange] = []
    for one, other in pairs:
        before, after = arms[one], arms[other]
        legs = [leg for leg in _legs(before, _FEWEST_SAMPLES) if leg in _legs(after, _FEWEST_SAMPLES)]
        if not legs:
            continue
        p_values = _p_values([_distances(before, after, leg) for leg in legs], len(before.runs))
        for (phase, leg), p_value in zip(legs, np.minimum(p_values * len(pairs), 1.0), strict=True):
            distance = distances([merged(before, (phase, leg)), merged(after, (phase, leg))])[0, 1]
            found.append(
                ShapeChange(
                    baseline=before.name,
                    candidate=after.name,
                    phase=phase,
                    leg=leg,
                    distance_percent=round(100 * float(distance), 2),
                    p_value=float(p_value),
                    real=bool(p_value <= ERROR_RATE),
                )
            )
    return found


def curves(arms: Sequence[Measured]) -> list[Curve]:
    """Percentile curves of every leg of every arm, all its runs together."""
    found = []
    for arm in arms:
        for phase, leg in _legs(arm, 1):
            x, values_us = percentile_curve(merged(arm, (phase, leg)))
            percents = [round(100 * (1 - 1 / each), 6) for each in x]
            found.append(Curve(arm=arm.name, phase=phase, leg=leg, percents=percents, values_us=list(values_us)))
    return found


def merged(arm: Measured, leg: tuple[str, str]) -> Histogram:
    """All samples of a leg, of all runs of an arm."""
    together = Histogram()
    for run in arm.runs:
        together.merge(run.samples[leg])
    return together


def distances(samples: Sequence[Histogram]) -> Values:
    """The largest difference between the shares at or below any value, of every two."""
    edges = np.unique(np.concatenate([each.recorded()[0] for each in samples]))
    shares = np.array([_shares(each, edges) for each in samples])
    found = np.zeros((len(samples), len(samples)))
    for one, other in combinations(range(len(samples)), 2):
        found[one, other] = found[other, one] = np.abs(shares[one] - shares[other]).max()
    return found


def _shares(samples: Histogram, edges: NDArray[np.int64]) -> Values:
    values, counts = samples.recorded()
    cumulative = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    result: Values = cumulative[np.searchsorted(values, edges, side="right")]
    return result


def _legs(arm: Measured, fewest: int) -> list[tuple[str, str]]:
    """Phase and leg of what every run has so many samples of."""
    if not arm.runs:
        return []
    return [
        leg
        for leg in sorted(arm.runs[0].samples)
        if all(leg in run.samples and run.samples[leg].total >= fewest for run in arm.runs)
    ]


def _distances(before: Measured, after: Measured, leg: tuple[str, str]) -> Values:
    return distances([run.samples[leg] for run in (*before.runs, *after.runs)])


def _p_values(between: Sequence[Values], first: int) -> Values:
    """Of each leg, from its distances between all runs, of which so many are the first arm's."""
    squares = np.stack(between) ** 2
    runs = squares.shape[1]
    if min(first, runs - first) < 2:
        return np.ones(len(squares))
    sides, drawn = _divisions(runs, first)
    observed = _between_to_within(squares, np.arange(runs)[None, :] < first)[0]
    steps = StepDown(observed)
    for start in range(0, len(sides), 500):
        steps.count(_between_to_within(squares, sides[start : start + 500]))
    return steps.p_values(len(sides), drawn=drawn)


def _divisions(runs: int, first: int) -> tuple[NDArray[np.bool_], bool]:
    """Ways to give so many of the runs to the first arm: all, or as many as can be looked at."""
    if comb(runs, first) <= _MOST_PERMUTATIONS:
        chosen = np.array(list(combinations(range(runs), first)))
        drawn = False
    else:
        random = np.random.default_rng(_SEED)
        chosen = np.argsort(random.random((_MOST_PERMUTATIONS, runs)), axis=1)[:, :first]
        drawn = True
    sides = np.zeros((len(chosen), runs), dtype=bool)
    np.put_along_axis(sides, chosen, values=True, axis=1)
    return sides, drawn


def _between_to_within(squares: Values, sides: NDArray[np.bool_]) -> Values:
    """Divisions by legs: the share of squared distances between the arms, over that within them."""
    one, other = sides.astype(float), (~sides).astype(float)
    n, m = one.sum(axis=1)[:, None], other.sum(axis=1)[:, None]
    runs = squares.shape[1]
    within = np.einsum("di,lij,dj->dl", one, squares, one, optimize=True) / (2 * n) + np.einsum(
        "di,lij,dj->dl", other, squares, other, optimize=True
    ) / (2 * m)
    total = squares.sum(axis=(1, 2)) / (2 * runs)
    result: Values = (total - within) / (within + _SMALLEST)
    return result
