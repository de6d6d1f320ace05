"""Figures of arms held against each other: each pair's difference, whether it is real, and whether it matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from loadtest.compare import statistics
from loadtest.compare.figure_keys import UNITS, Key
from loadtest.compare.run_figures import BEYOND, RunFigures
from loadtest.measure.compared_figures import (
    ALIKE,
    BETTER,
    COSTS,
    SHARES,
    THROUGHPUT,
    UNDECIDED,
    WORSE,
    Change,
    ComparedFigure,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtest.compare.statistics import Effect, Values
    from loadtest.measure.compared_figures import Finding

Pair = tuple[int, int]
"""Positions of two arms: which is held against, and which is held against it."""


@dataclass(slots=True)
class Measured:
    """What the runs of an arm that count have shown; ``runs`` and their places in ``order`` are as the arm's."""

    name: str
    runs: list[RunFigures] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def has(self, key: Key) -> bool:
        """Whether every run has a figure, with enough behind it."""
        return bool(self.runs) and all(
            run.values.get(key, 0.0) or (key in run.values and key.quantity in SHARES) for run in self.runs
        )

    def values(self, key: Key) -> list[float]:
        """A figure in every run."""
        return [run.values[key] for run in self.runs]

    def steps(self, key: Key) -> list[float]:
        """The resolution of each."""
        return [run.steps[key] for run in self.runs]


def compared(
    arms: Sequence[Measured], pairs: Sequence[Pair], keys: Iterable[Key], tolerance: float
) -> list[ComparedFigure]:
    """Compare figures, corrected for all of them and all pairs.

    A figure that some arms lack is compared among the others. Such figures are tested as a family of their own, for
    every set of arms that share them, and p-values are multiplied by the number of families. A cost that no two arms
    of a pair have, as a gateway's where paths are compared, is told without a comparison.

    Args:
        arms: All of them.
        pairs: Which are held against each other.
        keys: What of.
        tolerance: Changes up to this do not matter; 0.05 is 5 %.

    Returns:
        One for each figure that both arms of some pair have, and for each cost, in the order of their keys.
    """
    families: dict[tuple[int, ...], list[Key]] = {}
    figures: dict[Key, ComparedFigure] = {}
    for key in sorted(keys):
        having = tuple(position for position, arm in enumerate(arms) if arm.has(key))
        if any(one in having and other in having for one, other in pairs):
            families.setdefault(having, []).append(key)
        elif having and key.quantity in COSTS:
            figures[key] = _figure(key, [arms[position] for position in having])
    for having, family in families.items():
        within = [pair for pair in pairs if set(pair) <= set(having)]
        figures |= _family([arms[each] for each in having], having, within, family, tolerance, len(families))
    return [figures[key] for key in sorted(figures)]


def not_compared(arms: Sequence[Measured], keys: Iterable[Key]) -> list[str]:
    """What is to be said of the figures that not all arms have, those of arms without any runs left out."""
    said = []
    counted = [arm for arm in arms if arm.runs]
    for key in sorted(keys):
        lacking = [arm for arm in counted if not arm.has(key)]
        if not lacking:
            continue
        whose = "" if len(lacking) == len(counted) else f" of {', '.join(arm.name for arm in lacking)}"
        if all(key in run.values for arm in lacking for run in arm.runs):
            said.append(f"{key}: less than {BEYOND} samples above it in a run{whose}")
        else:
            said.append(f"{key}: not in every run{whose}")
    return said


def _family(
    arms: Sequence[Measured],
    having: Sequence[int],
    pairs: Sequence[Pair],
    keys: Sequence[Key],
    tolerance: float,
    families: int,
) -> dict[Key, ComparedFigure]:
    place = {position: number for number, position in enumerate(having)}
    groups = [np.array([_scaled(key, arm.values(key)) for key in keys]) for arm in arms]
    floors = np.array([max(_variance(key, arm) for arm in arms) for key in keys])
    within = [(place[one], place[other]) for one, other in pairs]
    order = [arm.order for arm in arms] if all(arm.order for arm in arms) else []
    effects = statistics.effects(groups, within, floors, order)
    tests = len(keys) * len(pairs) * families
    figures = {key: _figure(key, arms) for key in keys}
    for (one, other), found in zip(within, effects, strict=True):
        for key, effect in zip(keys, found, strict=True):
            p_value = min(effect.p_value * families, 1.0)
            figures[key].changes.append(_change(key, (arms[one], arms[other]), effect, p_value, tolerance, tests))
    return figures


def _scaled(key: Key, values: Sequence[float]) -> Values:
    """Logarithms; shares, which may be 0, as they are."""
    found = np.asarray(values, dtype=float)
    return found if key.quantity in SHARES else np.log(found)


def _variance(key: Key, arm: Measured) -> float:
    """What comes of the resolution alone."""
    values, steps = arm.values(key), arm.steps(key)
    relative = steps if key.quantity in SHARES else [step / value for step, value in zip(steps, values, strict=True)]
    return float(max(relative) ** 2 / 12)


def _figure(key: Key, arms: Sequence[Measured]) -> ComparedFigure:
    values = {arm.name: arm.values(key) for arm in arms}
    means = {name: float(np.mean(_scaled(key, each))) for name, each in values.items()}
    return ComparedFigure(
        name=str(key),
        quantity=key.quantity,
        unit=UNITS[key.quantity],
        phase=key.phase,
        leg=key.leg,
        action=key.action,
        percent=key.percent,
        fleet_class=key.fleet_class,
        values={name: [_rounded(value) for value in each] for name, each in values.items()},
        means={name: _rounded(mean if key.quantity in SHARES else float(np.exp(mean))) for name, mean in means.items()},
    )


def _change(
    key: Key, arms: tuple[Measured, Measured], effect: Effect, p_value: float, tolerance: float, tests: int
) -> Change:
    finding = _finding(key, arms, effect, p_value, tolerance)
    low, high = effect.interval or (None, None)
    needed = None
    if finding == UNDECIDED and key.quantity not in SHARES:
        needed = statistics.repeats_needed(effect.spread, tolerance, tests)
    return Change(
        baseline=arms[0].name,
        candidate=arms[1].name,
        change_percent=_percent(key, effect.difference),
        low_percent=None if low is None else _percent(key, low),
        high_percent=None if high is None else _percent(key, high),
        p_value=p_value,
        finding=finding,
        repeats_needed=needed,
    )


def _finding(key: Key, arms: tuple[Measured, Measured], effect: Effect, p_value: float, tolerance: float) -> Finding:
    if key.quantity in SHARES:  # whatever is really lost matters
        if p_value <= statistics.ERROR_RATE and effect.difference:
            return WORSE if effect.difference > 0 else BETTER
        return ALIKE if not any((*arms[0].values(key), *arms[1].values(key))) else UNDECIDED
    limit = float(np.log1p(tolerance))
    if p_value <= statistics.ERROR_RATE and abs(effect.difference) > limit:
        more_is_worse = key.quantity != THROUGHPUT
        return WORSE if (effect.difference > 0) == more_is_worse else BETTER
    inside = effect.interval is not None and -limit <= effect.interval[0] <= effect.interval[1] <= limit
    return ALIKE if inside else UNDECIDED


def _percent(key: Key, difference: float) -> float:
    """A ratio's change in per cent; a share's in percentage points."""
    if key.quantity in SHARES:
        return round(difference, 4)
    percent = 100 * float(np.expm1(difference))
    return round(percent, 2) if percent > -99 else percent  # a hundred thousandth of something is more than nothing


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
