"""The error rate, the power and the intervals of the test are those it states."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadtest.compare import statistics
from loadtest.compare.statistics import ERROR_RATE, Effect, can_tell, effects, repeats_needed
from loadtest.measure.run_set import FEWEST_RUNS

FIGURES = 24


def floors(figures: int) -> np.ndarray:
    return np.full(figures, 1e-7)


def of_two(before: list[list[float]], after: list[list[float]]) -> list[Effect]:
    groups = [np.log(np.array(each, dtype=float)) for each in (before, after)]
    return effects(groups, [(0, 1)], floors(len(before)))[0]


def group(random: np.random.Generator, runs: int, spread: float = 0.03) -> np.ndarray:
    """Logarithms of figures that share what is common to a run, and have something of their own."""
    common = random.standard_normal(runs)
    return 7 + spread * (0.8 * common + 0.6 * random.standard_normal((FIGURES, runs)))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(13)
    held = []
    for _ in range(25):
        truth = math.log(1.08)
        before, after = group(random, 5), group(random, 5) + truth
        held += [low <= truth <= high for low, high in filter(None, statistics._intervals(before, after))]
    assert len(held) == 25 * FIGURES
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(
    ("runs", "told"),
    [((4, 4), True), ((3, 4), True), ((2, 5), True), ((3, 3), False), ((2, 4), False), ((1, 100), False)],
)
def test_of_two_groups_a_long_one_makes_up_for_a_short_one(runs: tuple[int, int], *, told: bool) -> None:
    assert can_tell(runs, (0, 1)) == told
    assert can_tell((*runs, 9), (0, 1)) == (min(runs) >= FEWEST_RUNS)


def test_repeats_needed_grow_with_the_spread_and_shrink_with_the_change() -> None:
    assert repeats_needed(None, 0.05, 20) == 4
    assert repeats_needed(0.0, 0.05, 20) == 4
    assert repeats_needed(0.05, 0.05, 20) > repeats_needed(0.03, 0.05, 20) > repeats_needed(0.03, 0.1, 20)


def test_runs_without_any_spread_give_no_absurdities() -> None:
    same = [[1000.0] * 4] * 3
    (first, *_) = of_two(same, same)
    assert (first.difference, first.p_value, first.interval) == (0.0, 1.0, (0.0, 0.0))
    (first, *_) = of_two(same, [[1100.0] * 4] * 3)
    assert first.difference == pytest.approx(math.log(1.1))
    assert first.p_value <= ERROR_RATE
    (first, *_) = of_two([[1000.0] * 10] * 3, [[1100.0] * 3] * 3)
    assert first.p_value <= ERROR_RATE


def test_single_runs_have_an_effect_and_nothing_else() -> None:
    (only,) = of_two([[100.0]], [[200.0]])
    assert only.difference == pytest.approx(math.log(2))
    assert (only.interval, only.p_value, only.spread) == (None, 1.0, None)
