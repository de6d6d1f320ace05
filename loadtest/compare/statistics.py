"""Whether two groups of repeats differ, figure by figure: the only place that knows scipy.

A *figure* is one percentile of one series; a run gives one value of each. Everything happens on logarithms, so that
effects are ratios. Why this test and not another: ``docs/decisions/0014-repeats-are-what-is-compared.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

ERROR_RATE = 0.05
"""Chance that any figure at all is called different when nothing is."""
CONFIDENCE = 0.95
"""Of each interval by itself."""
POWER = 0.8
"""Chance with which the repeats said to be needed would show the difference."""

_SEED = 1
"""Fixed: the same records give the same result."""
_MOST_PERMUTATIONS = 9_999
"""All are tried up to that number, as many are drawn above it."""
_RESAMPLES = 4_999
_FEWEST_FOR_INTERVAL = 4
"""Runs on a side: with fewer, intervals of the bootstrap hold the truth less often than they say."""
_RESOLUTION = 0.001
"""Width of a histogram's slot, relative to its value: no spread smaller than that can be seen."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What was found of one figure.

    Attributes:
        ratio: Candidate over baseline, of geometric means; 1 is no change.
        interval: In which the true ratio lies with :data:`CONFIDENCE`; ``None`` with less than four runs on a side.
        p_value: Chance of so large a difference in any figure when there is none, corrected for all figures.
        spread: Standard deviation of the logarithm between repeats; ``None`` with a single run on each side.
    """

    ratio: float
    interval: tuple[float, float] | None
    p_value: float
    spread: float | None


def effects(baseline: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]]) -> list[Effect]:
    """Compare two groups of runs.

    Args:
        baseline: For each figure its value in each run, all positive.
        candidate: The same figures of the other runs.

    Returns:
        One effect for each figure.
    """
    if not baseline:
        return []
    before, after = np.log(np.asarray(baseline, dtype=float)), np.log(np.asarray(candidate, dtype=float))
    ratios = np.exp(after.mean(axis=1) - before.mean(axis=1))
    intervals = _intervals(before, after)
    return [
        Effect(float(ratio), interval, float(p_value), spread)
        for ratio, interval, p_value, spread in zip(
            ratios, intervals, adjusted_p_values(before, after), _spreads(before, after), strict=True
        )
    ]


def smallest_p_value(baseline_runs: int, candidate_runs: int) -> float:
    """The smallest a permutation test can give: with equally many runs the two groups can be swapped."""
    if min(baseline_runs, candidate_runs) < 2:
        return 1.0  # one run says nothing of how much runs differ
    ways = math.comb(baseline_runs + candidate_runs, candidate_runs)
    return (2 if baseline_runs == candidate_runs else 1) / ways


def fewest_repeats() -> int:
    """Runs needed on each side before any difference can be shown."""
    return next(runs for runs in range(1, 100) if smallest_p_value(runs, runs) <= ERROR_RATE)


def repeats_needed(spread: float | None, change: float, figures: int) -> int:
    """Runs on each side that would show a change with :data:`POWER`, corrected for that many figures.

    The usual approximation for two means (Guenther 1981), with Bonferroni's bound, so rather too many than too few.

    Args:
        spread: As in :class:`Effect`; without it only :func:`fewest_repeats` is known.
        change: Relative: 0.05 is 5 %.
        figures: How many are compared.
    """
    if spread is None:
        return fewest_repeats()
    z_error = float(stats.norm.isf(ERROR_RATE / 2 / max(figures, 1)))
    z_power = float(stats.norm.isf(1 - POWER))
    runs = 2 * ((z_error + z_power) * spread / math.log1p(change)) ** 2 + z_error**2 / 4
    return max(math.ceil(runs), fewest_repeats())


def adjusted_p_values(before: Values, after: Values) -> Values:
    """Step-down maxT of Westfall and Young: Holm's procedure, with what permutations tell in place of its bound.

    Whole runs change sides, so figures of one run stay together and what they have in common is not counted twice.

    Args:
        before: Logarithms, figures by runs.
        after: The same of the other group.
    """
    if min(before.shape[1], after.shape[1]) < 2:
        return np.ones(len(before))
    floors = _floors(before, after)

    def statistic(one: Values, other: Values, axis: int) -> Values:
        return np.abs(_t(one, other, floors, axis))

    with np.errstate(all="ignore"):
        tried = stats.permutation_test(
            (before, after),
            statistic,
            permutation_type="independent",
            vectorized=True,
            n_resamples=_MOST_PERMUTATIONS,
            batch=500,
            alternative="greater",
            axis=-1,
            rng=np.random.default_rng(_SEED),
        )
    observed, null = np.asarray(tried.statistic), np.asarray(tried.null_distribution)
    order = np.argsort(-observed)
    # For each figure, the largest statistic among it and all figures that differ less.
    largest = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
    counts = (largest >= observed[order] * (1 - 1e-9)).sum(axis=0)
    drawn = math.comb(before.shape[1] + after.shape[1], after.shape[1]) > _MOST_PERMUTATIONS
    p_values = (counts + drawn) / (len(null) + drawn)  # what is drawn leaves out the division as it was
    adjusted = np.empty_like(observed)
    adjusted[order] = np.maximum.accumulate(p_values)
    return adjusted


def _t(one: Values, other: Values, floors: Values, axis: int) -> Values:
    """Student's statistic with a pooled variance, which no slot of a histogram makes smaller than it can be."""
    n, m = one.shape[axis], other.shape[axis]
    squares = one.var(axis=axis) * n + other.var(axis=axis) * m
    variance = squares / (n + m - 2) + floors
    result: Values = (other.mean(axis=axis) - one.mean(axis=axis)) / np.sqrt(variance * (1 / n + 1 / m))
    return result


def _floors(before: Values, after: Values) -> Values:
    """Variance that comes of whole microseconds and of slots."""
    smallest_us = np.exp(np.minimum(before.min(axis=1), after.min(axis=1)))
    floors: Values = np.maximum(_RESOLUTION, 1 / smallest_us) ** 2 / 12
    return floors


def _spreads(before: Values, after: Values) -> list[float | None]:
    freedom = before.shape[1] + after.shape[1] - 2
    if freedom < 1:
        return [None] * len(before)
    squares = before.var(axis=1) * before.shape[1] + after.var(axis=1) * after.shape[1]
    return [float(each) for each in np.sqrt(squares / freedom)]


def _intervals(before: Values, after: Values) -> list[tuple[float, float] | None]:
    """Percentile bootstrap, each side resampled, expanded for few repeats (Hesterberg 2015, section 3.4)."""
    n, m = before.shape[1], after.shape[1]
    if min(n, m) < _FEWEST_FOR_INTERVAL:
        return [None] * len(before)
    # By itself it would be too narrow: by the factor of the variance's bias, and by normal instead of t quantiles.
    fewest = min(n, m)
    reach = math.sqrt(fewest / (fewest - 1)) * stats.t.ppf((1 + CONFIDENCE) / 2, n + m - 2)
    level = 1 - 2 * float(stats.norm.sf(reach))

    def statistic(one: Values, other: Values, axis: int) -> Values:
        difference: Values = other.mean(axis=axis) - one.mean(axis=axis)
        return difference

    found = stats.bootstrap(
        (before, after),
        statistic,
        vectorized=True,
        method="percentile",
        confidence_level=level,
        n_resamples=_RESAMPLES,
        batch=500,
        axis=-1,
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return list(zip(np.exp(found.low).tolist(), np.exp(found.high).tolist(), strict=True))
