"""What grew or fell steadily while the arms took turns: a line through the order of their runs, taken out.

Arms take turns in mirrored blocks, so that a machine that drifts does so to all of them alike (decision 0016). What it
does is no difference between them then, but counts as spread of each: real differences are hidden by it. A line, the
same for all arms, beside the mean of each (analysis of covariance) costs one degree of freedom in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]


class Trend:
    """The line through the runs of several groups.

    Args:
        order: Of each group, the places of its runs in the one order of all; empty: in which order they were made is
            not known, and nothing is taken out.

    Attributes:
        lost: Degrees of freedom that each group gives for it.
    """

    def __init__(self, order: Sequence[Sequence[int]]) -> None:
        self._ends = np.cumsum([len(places) for places in order])[:-1]
        self._without = _operator(order) if order else None
        self.lost = 1 / len(order) if order else 0.0

    def without(self, groups: Sequence[Values]) -> Sequence[Values]:
        """The groups as they would be without it; what is left within each is as wide as if nothing had been fitted.

        Args:
            groups: Of each its runs by figures, behind any other axes.
        """
        if self._without is None:
            return groups
        return np.split(self._without @ np.concatenate(groups, axis=-2), self._ends, axis=-2)


def _operator(order: Sequence[Sequence[int]]) -> Values:
    """What all runs, one group after the other, are multiplied with."""
    groups = np.repeat(np.arange(len(order)), [len(places) for places in order])
    runs = len(groups)
    averaging = (groups[:, None] == groups) / np.bincount(groups)[groups]
    place = np.concatenate([np.asarray(places, dtype=float) for places in order])
    within = place - averaging @ place
    straight = np.eye(runs) - np.outer(place - place.mean(), within) / (within @ within)
    freedom = runs - len(order)
    deviations = straight - averaging @ straight
    result: Values = averaging @ straight + np.sqrt(freedom / (freedom - 1)) * deviations
    return result
