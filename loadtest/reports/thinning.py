"""Fewer points than seconds, and yet every peak: what is left out lies between what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_STEPS = 300
"""Steps into which a long run is divided; of each, extremes are drawn."""

_Row = TypeVar("_Row")


def thinned(rows: Sequence[_Row], curves: Sequence[Callable[[_Row], float]]) -> list[_Row]:
    """Of every step those rows in which one of the curves is at its lowest or highest; all rows of a short run.

    A row is kept whole, so that what adds up in it still does.
    """
    step = -(-len(rows) // MOST_STEPS)
    if step <= 2 * len(curves):
        return list(rows)
    kept: list[_Row] = []
    for first in range(0, len(rows), step):
        part = range(first, min(first + step, len(rows)))
        chosen = set()
        for curve in curves:
            values = [curve(rows[index]) for index in part]
            chosen |= {first + values.index(min(values)), first + values.index(max(values))}
        kept += [rows[index] for index in sorted(chosen)]
    return kept
