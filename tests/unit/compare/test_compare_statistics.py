"""The error rate, the power and the intervals of the test are those it states."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from loadtest.compare import statistics
from loadtest.compare.statistics import ERROR_RATE, Effect, effects, repeats_needed, smallest_p_value

FIGURES = 24


def floors(figures: int) -> np.ndarray:
    return np.full(figures, 1e-7)


def equal_spread_p_values(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return statistics.equal_spread_p_values(before, after, floors(len(before)))


def of_two(before: list[list[float]], after: list[list[float]]) -> list[Effect]:
    groups = [np.log(np.array(each, dtype=float)) for each in (before, after)]
    return effects(groups, [(0, 1)], floors(len(before)))[0]


def group(random: np.random.Generator, runs: int, spread: float = 0.03) -> np.ndarray:
    """Logarithms of figures that share what is common to a run, and have something of their own."""
    common = random.standard_normal(runs)
    return 7 + spread * (0.8 * common + 0.6 * random.standard_normal((FIGURES, runs)))


def test_unchanged_systems_with_two_runs_on_a_side_are_called_different_no_oftener_than_stated() -> None:
    random = np.random.default_rng(7)
    trials = 400
    false = sum(equal_spread_p_values(group(random, 8), group(random, 2)).min() <= ERROR_RATE for _ in range(trials))
    assert false <= stats.binom.isf(1e-3, trials, ERROR_RATE)
    assert false > 0  # a test that never errs finds nothing either


def test_p_values_are_those_of_every_division_tried_by_hand() -> None:
    random = np.random.default_rng(3)
    before, after = group(random, 3)[:4], group(random, 4)[:4]
    after[1] += 0.2
    both = np.concatenate([before, after], axis=1)

    def statistic(chosen: tuple[int, ...]) -> np.ndarray:
        one = both[:, list(chosen)]
        other = both[:, [run for run in range(7) if run not in chosen]]
        # Student's statistic; the variance of slots is far below that of these figures.
        found = stats.ttest_ind(one, other, axis=1).statistic
        result: np.ndarray = np.abs(np.asarray(found))
        return result

    observed = statistic((0, 1, 2))
    null = np.array([statistic(chosen) for chosen in itertools.combinations(range(7), 3)])
    expected = np.empty(4)
    left, worst = list(np.argsort(-observed)), 0.0
    while left:
        worst = max(worst, float(np.mean(null[:, left].max(axis=1) >= observed[left[0]] * (1 - 1e-9))))
        expected[left.pop(0)] = worst
    assert equal_spread_p_values(before, after) == pytest.approx(expected)


def test_drawn_permutations_find_what_all_of_them_would() -> None:
    random = np.random.default_rng(5)
    before, after = group(random, 9)[:2], group(random, 9)[:2]
    after[0] += 0.3
    assert math.comb(18, 9) > statistics._MOST_PERMUTATIONS
    p_values = equal_spread_p_values(before, after)
    assert 0 < p_values[0] < 0.01  # never 0: the division as it was is one of them


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(13)
    held = []
    for _ in range(25):
        truth = math.log(1.08)
        before, after = group(random, 5), group(random, 5) + truth
        held += [low <= truth <= high for low, high in filter(None, statistics._intervals(before, after))]
    assert len(held) == 25 * FIGURES
    assert np.mean(held) >= 0.9


def test_four_runs_on_each_side_are_the_fewest() -> None:
    assert statistics.fewest_repeats() == 4
    assert smallest_p_value(3, 3) == pytest.approx(2 / 20)
    assert smallest_p_value(4, 4) == pytest.approx(2 / 70)
    assert smallest_p_value(10, 2) == pytest.approx(1 / 66)
    assert smallest_p_value(100, 1) == 1


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
    (first, *_) = of_two([[1000.0] * 10] * 3, [[1100.0] * 2] * 3)
    assert first.p_value == pytest.approx(1 / 66)


def test_single_runs_have_an_effect_and_nothing_else() -> None:
    (only,) = of_two([[100.0]], [[200.0]])
    assert only.difference == pytest.approx(math.log(2))
    assert (only.interval, only.p_value, only.spread) == (None, 1.0, None)
