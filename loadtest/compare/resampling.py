"""Many groups of runs held against each other at once: a step-down test that knows how far chance alone goes.

What each run deviates from the mean of its group, all its figures together, is drawn anew for every place in every
group, with replacement, and Student's statistic of every pair is taken again (the bootstrap of Westfall and Young 1993,
chapter 4). Deviations are drawn in units of the spread of the group they come from, and count in units of that of the
group they come to: groups need not be equally steady.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadtest.compare.trend import Trend

    Values = NDArray[np.float64]

_SEED = 1
"""Fixed: the same records give the same result."""
_DRAWS = 4_999
_BATCH = 100


class StepDown:
    """Counts how often chance reaches what was observed; the largest of many at once, step by step.

    Args:
        observed: Statistics, the larger the stronger; of one axis.
    """

    def __init__(self, observed: Values) -> None:
        self._order = np.argsort(-observed)
        self._bar = observed[self._order] * (1 - 1e-9)
        self._counts = np.zeros(len(observed), dtype=np.int64)

    def count(self, null: Values) -> None:
        """Take draws: each a row with a statistic for each hypothesis."""
        # For each, the largest statistic among it and all that were observed weaker.
        largest = np.maximum.accumulate(null[:, self._order[::-1]], axis=1)[:, ::-1]
        self._counts += (largest >= self._bar).sum(axis=0)

    def p_values(self, draws: int, *, drawn: bool) -> Values:
        """Of each hypothesis, corrected for all.

        Args:
            draws: How many were counted.
            drawn: They were drawn at random, so that what was observed may not be among them.
        """
        p_values = (self._counts + drawn) / (draws + drawn)
        adjusted = np.empty_like(p_values)
        adjusted[self._order] = np.maximum.accumulate(p_values)
        return adjusted


def resampled_p_values(
    groups: Sequence[Values], pairs: Sequence[tuple[int, int]], floors: Values, trend: Trend
) -> Values:
    """The p-values of every figure of every pair, corrected for all of them.

    Args:
        groups: Of each, figures by runs, without the trend; each with two runs at least.
        pairs: Positions in ``groups``.
        floors: Of each figure, the least variance it can have.
        trend: That was taken out: what is drawn loses as much by it.

    Returns:
        Figures by pairs.
    """
    one, other = np.array(pairs).T
    sizes = np.array([group.shape[1] for group in groups])
    ends = np.cumsum(sizes)
    means = np.stack([group.mean(axis=1) for group in groups])
    squares = np.stack([group.var(axis=1) for group in groups]) * sizes[:, None]

    def statistics(means: Values, squares: Values) -> Values:
        """Groups by … by figures to pairs by … by figures."""
        shape = (-1, *[1] * (means.ndim - 1))
        n, m = sizes[one].reshape(shape), sizes[other].reshape(shape)
        variance = (squares[one] + squares[other]) / (n + m - 2) + floors
        result: Values = np.abs(means[other] - means[one]) / np.sqrt(variance * (1 / n + 1 / m))
        return result

    steps = StepDown(statistics(means, squares).ravel())
    # By the same yardstick for groups of few runs and of many: unbiased, or short groups would seem steadier.
    scales = [np.sqrt(group.var(axis=1, ddof=1) + floors) for group in groups]
    residuals = np.concatenate(
        [(group - mean[:, None]) / scale[:, None] for group, mean, scale in zip(groups, means, scales, strict=True)],
        axis=1,
    )
    random = np.random.default_rng(_SEED)
    for first in range(0, _DRAWS, _BATCH):
        draws = min(_BATCH, _DRAWS - first)
        runs = random.integers(ends[-1], size=(draws, ends[-1]))
        units = np.split(residuals.T[runs], ends[:-1], axis=1)  # each: draws by runs by figures
        drawn = trend.without([each * scale for each, scale in zip(units, scales, strict=True)])
        moved = np.stack([each.mean(axis=1) for each in drawn])
        spread = np.stack([each.var(axis=1) * size for each, size in zip(drawn, sizes, strict=True)])
        null = statistics(moved, spread)  # pairs by draws by figures
        steps.count(null.transpose(1, 0, 2).reshape(draws, -1))
    return steps.p_values(_DRAWS, drawn=True).reshape(len(pairs), -1).T
