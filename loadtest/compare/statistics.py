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

from loadtest.compare.resampling import resampled_p_values
from loadtest.compare.trend import Trend
from loadtest.compare.unequal_spread import unequal_spread_p_values
from loadtest.measure.run_set import FEWEST_RUNS

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

FEWEST_OF_TWO, FEWEST_OF_BOTH = 2, 7
"""Of two groups: in each of them, and together."""
_SEED = 1
"""Fixed: the same records give the same result."""
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


def effects(
    groups: Sequence[Values], pairs: Sequence[tuple[int, int]], floors: Values, order: Sequence[Sequence[int]] = ()
) -> list[list[Effect]]:
    """Hold groups of runs against each other, two at a time.

    Args:
        groups: Of each, its values: figures by runs, on a scale where differences mean something.
        pairs: Positions in ``groups``: which are held against each other.
        floors: Of each figure, the variance that comes of the resolution it is measured with alone.
        order: Of each group, the places of its runs in the one order in which the groups took turns, whose trend is
            taken out; empty: they did not, or nobody knows.

    Returns:
        Of each pair, one effect for each figure. Groups with too few runs to tell have p-values of 1.
    """
    runs = [group.shape[1] for group in groups]
    judged = [number for number, pair in enumerate(pairs) if can_tell(runs, pair)]
    members = sorted({each for number in judged for each in pairs[number]})
    trend = Trend([order[member] for member in members] if order else [])
    steady = list(groups)
    if members:
        for member, group in zip(members, trend.without([groups[member].T for member in members]), strict=True):
            steady[member] = group.T
    p_values = np.ones((len(floors), len(pairs)))
    if len(members) == 2:
        one, other = (steady[member] for member in members)
        p_values[:, judged] = unequal_spread_p_values(one, other, floors, trend)[:, None]
    elif judged:
        place = {member: number for number, member in enumerate(members)}
        wanted = [(place[pairs[number][0]], place[pairs[number][1]]) for number in judged]
        p_values[:, judged] = resampled_p_values([steady[member] for member in members], wanted, floors, trend)
    return [
        [
            Effect(float(difference), interval, float(p_value), spread)
            for difference, interval, p_value, spread in zip(
                steady[other].mean(axis=1) - steady[one].mean(axis=1),
                _intervals(steady[one], steady[other]),
                p_values[:, number],
                _spreads(steady[one], steady[other]),
                strict=True,
            )
        ]
        for number, (one, other) in enumerate(pairs)
    ]


def can_tell(runs: Sequence[int], pair: tuple[int, int]) -> bool:
    """Whether a difference of two groups could be shown at all, given how many runs each group has.

    Of two groups a long one makes up for a short one: what few runs tell of their spread counts for as little as it is
    worth. Of more, deviations from the mean of each are drawn, and there have to be some.
    """
    one, other = (runs[each] for each in pair)
    if len(runs) == 2:
        return min(one, other) >= FEWEST_OF_TWO and one + other >= FEWEST_OF_BOTH
    return min(one, other) >= FEWEST_RUNS


def repeats_needed(spread: float | None, change: float, figures: int) -> int:
    """Runs on each side that would show a change with :data:`POWER`, corrected for that many figures.

    The usual approximation for two means (Guenther 1981), with Bonferroni's bound, so rather too many than too few.

    Args:
        spread: As in :class:`Effect`; without it only :data:`FEWEST_RUNS` is known.
        change: Relative: 0.05 is 5 %.
        figures: How many are compared.
    """
    if spread is None:
        return FEWEST_RUNS
    z_error = float(stats.norm.isf(ERROR_RATE / 2 / max(figures, 1)))
    z_power = float(stats.norm.isf(1 - POWER))
    runs = 2 * ((z_error + z_power) * spread / math.log1p(change)) ** 2 + z_error**2 / 4
    return max(math.ceil(runs), FEWEST_RUNS)


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
