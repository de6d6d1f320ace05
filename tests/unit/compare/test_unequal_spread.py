"""Two arms: the error rate is the one stated, also where one is far less steady, and what differs is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from loadtest.compare import unequal_spread
from loadtest.compare.statistics import ERROR_RATE, effects, repeats_needed
from loadtest.compare.trend import Trend
from loadtest.compare.unequal_spread import unequal_spread_p_values

FIGURES = 24
TRIALS = 300


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as show the rate; the product draws more."""
    monkeypatch.setattr(unequal_spread, "_DRAWS", 200)


def group(random: np.random.Generator, runs: int, spread: float, figures: int = FIGURES) -> np.ndarray:
    """Logarithms of figures that share what is common to a run, and have something of their own."""
    common = random.standard_normal(runs)
    return 7 + spread * (0.8 * common + 0.6 * random.standard_normal((figures, runs)))


def p_values(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return unequal_spread_p_values(before, after, np.full(len(before), 1e-7), Trend([]))


@pytest.mark.parametrize(
    ("runs", "spreads", "figures"),
    [((4, 4), (1, 1), 24), ((5, 5), (1, 2), 24), ((5, 5), (1, 4), 24), ((5, 5), (1, 4), 100), ((8, 5), (1, 4), 24)],
)
def test_equal_arms_are_called_different_about_as_often_as_stated(
    runs: tuple[int, int], spreads: tuple[int, int], figures: int
) -> None:
    random = np.random.default_rng(7)
    false = 0
    for _ in range(TRIALS):
        before = group(random, runs[0], 0.02 * spreads[0], figures)
        after = group(random, runs[1], 0.02 * spreads[1], figures)
        false += p_values(before, after).min() <= ERROR_RATE
    assert 0 < false <= stats.binom.isf(1e-3, TRIALS, ERROR_RATE)  # a test that never errs finds nothing either


@pytest.mark.parametrize("spreads", [(1, 1), (1, 4)])
def test_so_are_a_long_arm_and_one_of_three_runs(spreads: tuple[int, int]) -> None:
    """Where permutations of whole runs err in two of three cases."""
    random = np.random.default_rng(5)
    long, short = (0.02 * spread for spread in spreads)
    false = sum(p_values(group(random, 10, long), group(random, 3, short)).min() <= ERROR_RATE for _ in range(TRIALS))
    assert false <= stats.binom.isf(1e-3, TRIALS, ERROR_RATE)


def test_three_runs_that_are_all_slower_by_a_tenth_are_found_against_ten() -> None:
    random = np.random.default_rng(5)
    found = sum(
        p_values(group(random, 10, 0.02), group(random, 3, 0.02) + math.log(1.1)).min() <= ERROR_RATE for _ in range(20)
    )
    assert found >= 16


def test_p_values_of_one_normal_figure_are_near_those_of_welch() -> None:
    random = np.random.default_rng(3)
    ratios = []
    for _ in range(20):
        before, after = group(random, 8, 0.02, 1), group(random, 8, 0.04, 1) + 0.03
        expected = stats.ttest_ind(before[0], after[0], equal_var=False).pvalue
        if expected > 0.03:
            ratios.append(p_values(before, after)[0] / expected)
    assert len(ratios) > 5
    assert np.median(ratios) == pytest.approx(1, abs=0.3)


def test_a_tenth_more_is_found_with_five_repeats_in_one_figure_of_many() -> None:
    random = np.random.default_rng(11)
    trials, found = 40, 0
    for _ in range(trials):
        before, after = group(random, 5, 0.025), group(random, 5, 0.025)
        after[3] += math.log(1.1)
        found += p_values(before, after)[3] <= ERROR_RATE
    assert found >= 0.7 * trials


def test_the_repeats_said_to_be_needed_do_show_it() -> None:
    random = np.random.default_rng(17)
    runs = repeats_needed(0.03, 0.1, FIGURES)
    assert runs < 8
    trials, found = 30, 0
    for _ in range(trials):
        before, after = group(random, runs, 0.03), group(random, runs, 0.03)
        after[0] += math.log(1.1)
        found += p_values(before, after)[0] <= ERROR_RATE
    assert found >= 0.6 * trials  # stated are 80 %


def test_it_is_the_test_of_two_arms() -> None:
    random = np.random.default_rng(19)
    before, after = group(random, 4, 0.02, 3), group(random, 5, 0.05, 3) + 0.05
    (found,) = effects([before, after], [(0, 1)], np.full(3, 1e-7))
    assert [each.p_value for each in found] == p_values(before, after).tolist()
