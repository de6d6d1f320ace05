"""Two groups of runs that need not be equally steady: what the largest difference is when there is none.

Welch's statistic by itself does not help: with equally many runs in both groups it is Student's. What helps is what
it is held against. Normal deviates are drawn for every run, with the correlations that the runs of both groups show (a
sum of their deviations with random weights: the multiplier bootstrap, Chernozhukov, Chetverikov and Kato 2013), at the
spread that each group shows. That few runs do not tell the spread well is drawn as well: the ratio of what is found to
what is true follows chi square, as in the test of Behrens and Fisher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from loadtest.compare.resampling import StepDown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loadtest.compare.trend import Trend

    Values = NDArray[np.float64]

_SEED = 1
"""Fixed: the same records give the same result."""
_DRAWS = 4_999
_BATCH = 100


def unequal_spread_p_values(before: Values, after: Values, floors: Values, trend: Trend) -> Values:
    """The p-values of every figure, corrected for all of them by the largest statistic, step by step.

    Args:
        before: Figures by runs, two runs at least, without the trend.
        after: The same of the other group.
        floors: Of each figure, the least variance it can have.
        trend: That was taken out: what is drawn loses as much by it.
    """
    groups = (before, after)
    variances = [group.var(axis=1, ddof=1) + floors for group in groups]
    errors = [variance / group.shape[1] for variance, group in zip(variances, groups, strict=True)]
    steps = StepDown(np.abs(after.mean(axis=1) - before.mean(axis=1)) / np.sqrt(sum(errors)))
    deviations = _deviations(before, after, floors)
    random = np.random.default_rng(_SEED)
    for first in range(0, _DRAWS, _BATCH):
        draws = min(_BATCH, _DRAWS - first)
        drawn = []
        for group, variance in zip(groups, variances, strict=True):
            runs, freedom = group.shape[1], group.shape[1] - 1 - trend.lost
            scale = np.sqrt(variance * (freedom / random.chisquare(freedom, (draws, 1))))
            units = random.standard_normal((draws, runs, len(deviations))) @ deviations
            drawn.append(units * scale[:, None])  # draws by runs by figures
        one, other = trend.without(drawn)
        squares = [(each.var(axis=1, ddof=1) + floors) / each.shape[1] for each in (one, other)]
        steps.count(np.abs(other.mean(axis=1) - one.mean(axis=1)) / np.sqrt(sum(squares)))
    return steps.p_values(_DRAWS, drawn=True)


def _deviations(before: Values, after: Values, floors: Values) -> Values:
    """Runs by figures: such that their sum with standard normal weights is a run whose figures have unit variance."""
    units = []
    for group in (before, after):
        deviation = group - group.mean(axis=1)[:, None]
        units.append(deviation / np.sqrt(group.var(axis=1) + floors)[:, None])
    together = np.concatenate(units, axis=1).T
    result: Values = together / np.sqrt(len(together))
    return result
