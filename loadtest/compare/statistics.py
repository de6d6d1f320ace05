"""Whether groups of repeats differ, figure by figure: the only place that knows scipy.

A *figure* is one percentile of one series, or a rate, or a cost; a run gives one value of each. Most come as
logarithms, so that differences are ratios. Why these tests and not others, for two groups and for more, is in
``docs/decisions``: *Repeats are what is compared*, and *Many arms, honest ties*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from loadtest.compare.resampling import StepDown, resampled_p_values
from loadtest.compare.unequal_spread import FEWEST_RUNS, unequal_spread_p_values

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


@dataclass(frozen=True, slots=True)
class Effect:
    """What was found of one figure of two groups.

    Attributes:
        difference: Of the means, the second group's less the first's, on the scale of the values given.
        interval: In which the true one lies with :data:`CONFIDENCE`; ``None`` with less than four runs in a group.
        p_value: Chance of so large a difference anywhere when there is none, corrected for all that was tested.
        spread: Standard deviation between repeats; ``None`` with a single run in each group.
    """

    difference: float
    interval: tuple[float, float] | None
    p_value: float
    spread: float | None


def effects(groups: Sequence[Values], pairs: Sequence[tuple[int, int]], floors: Values) -> list[list[Effect]]:
    """Hold groups of runs against each other, two at a time.

    Args:
        groups: Of each, its values: figures by runs, on a scale where differences mean something.
        pairs: Positions in ``groups``: which are held against each other.
        floors: Of each figure, the variance that comes of the resolution it is measured with alone.

    Returns:
        Of each pair, one effect for each figure. Groups with too few runs to tell have p-values of 1.
    """
    p_values = _p_values(groups, pairs, floors)
    return [
        [
            Effect(float(difference), interval, float(p_value), spread)
            for difference, interval, p_value, spread in zip(
                groups[other].mean(axis=1) - groups[one].mean(axis=1),
                _intervals(groups[one], groups[other]),
                p_values[:, number],
                _spreads(groups[one], groups[other]),
                strict=True,
            )
        ]
        for number, (one, other) in enumerate(pairs)
    ]


def _p_values(groups: Sequence[Values], pairs: Sequence[tuple[int, int]], floors: Values) -> Values:
    """Figures by pairs; 1 for pairs that cannot be told apart by any test, which take nothing from the others."""
    found = np.ones((len(floors), len(pairs)))
    runs = [group.shape[1] for group in groups]
    judged = [number for number, pair in enumerate(pairs) if can_tell(runs, pair)]
    members = sorted({each for number in judged for each in pairs[number]})
    if len(members) == 2:
        for number in judged:
            one, other = pairs[number]
            spread_is_told = min(runs[one], runs[other]) >= FEWEST_RUNS
            test = unequal_spread_p_values if spread_is_told else equal_spread_p_values
            found[:, number] = test(groups[one], groups[other], floors)
    elif judged:
        position = {member: place for place, member in enumerate(members)}
        wanted = [(position[pairs[number][0]], position[pairs[number][1]]) for number in judged]
        found[:, judged] = resampled_p_values([groups[member] for member in members], wanted, floors)
    return found


def can_tell(runs: Sequence[int], pair: tuple[int, int]) -> bool:
    """Whether a difference of two groups could be shown at all, given how many runs each group has."""
    one, other = (runs[each] for each in pair)
    if len(runs) == 2:
        return smallest_p_value(one, other) <= ERROR_RATE
    return min(one, other) >= fewest_repeats()


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


def equal_spread_p_values(before: Values, after: Values, floors: Values) -> Values:
    """Step-down maxT of Westfall and Young: Holm's procedure, with what permutations tell in place of its bound.

    Whole runs change sides, so figures of one run stay together and what they have in common is not counted twice.
    Believes that both groups are equally steady, as must be believed of a group of two or three runs.

    Args:
        before: Figures by runs.
        after: The same of the other group.
        floors: Of each figure, the least variance it can have.
    """
    if min(before.shape[1], after.shape[1]) < 2:
        return np.ones(len(before))

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
    drawn = math.comb(before.shape[1] + after.shape[1], after.shape[1]) > _MOST_PERMUTATIONS
    # What is drawn leaves out the division as it was.
    steps = StepDown(observed)
    steps.count(null)
    return steps.p_values(len(null), drawn=drawn)


def _t(one: Values, other: Values, floors: Values, axis: int) -> Values:
    """Student's statistic with a pooled variance, which no resolution makes smaller than it can be."""
    n, m = one.shape[axis], other.shape[axis]
    squares = one.var(axis=axis) * n + other.var(axis=axis) * m
    variance = squares / (n + m - 2) + floors
    result: Values = (other.mean(axis=axis) - one.mean(axis=axis)) / np.sqrt(variance * (1 / n + 1 / m))
    return result


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
    return list(zip(found.low.tolist(), found.high.tolist(), strict=True))
