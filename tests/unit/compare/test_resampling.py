"""Many arms at once: the error rate is the one stated, also for arms of unequal spread, and what differs is found."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from loadtest.compare import resampling, statistics
from loadtest.compare.resampling import resampled_p_values
from loadtest.compare.statistics import ERROR_RATE, effects
from loadtest.compare.trend import Trend

FIGURES = 12
FLOORS = np.full(FIGURES, 1e-7)
TRIALS = 200
UNKNOWN = Trend([])


def arms(random: np.random.Generator, spreads: tuple[float, ...], runs: int) -> list[np.ndarray]:
    """Logarithms of figures; runs share what is common to all their figures, as those of real runs do."""
    return [
        7 + spread * (0.8 * random.standard_normal(runs) + 0.6 * random.standard_normal((FIGURES, runs)))
        for spread in spreads
    ]


def pairs(count: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(count), 2))


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as show the rate; the product draws more."""
    monkeypatch.setattr(resampling, "_DRAWS", 300)


@pytest.mark.parametrize(
    ("spreads", "runs"),
    [((0.02,) * 3, 4), ((0.01, 0.01, 0.05), 5), ((0.01, 0.01, 0.2), 10), ((0.02,) * 6 + (0.1,), 5)],
    ids=["three alike", "one unsteady", "one very unsteady", "seven, one unsteady"],
)
def test_equal_arms_are_called_different_no_oftener_than_stated(spreads: tuple[float, ...], runs: int) -> None:
    random = np.random.default_rng(23)
    wanted = pairs(len(spreads))
    false = sum(
        resampled_p_values(arms(random, spreads, runs), wanted, FLOORS, UNKNOWN).min() <= ERROR_RATE
        for _ in range(TRIALS)
    )
    assert false <= stats.binom.isf(1e-3, TRIALS, ERROR_RATE)


def test_arms_that_differ_do_not_make_equal_ones_look_so() -> None:
    random = np.random.default_rng(29)
    wanted = pairs(5)
    equal = [wanted.index(pair) for pair in ((0, 1), (2, 3))]
    false = 0
    for _ in range(TRIALS):
        alike = arms(random, (0.02, 0.02, 0.03, 0.03, 0.1), 5)
        made = [arm + shift for arm, shift in zip(alike, (0.0, 0.0, 0.7, 0.7, 2.0), strict=True)]
        false += resampled_p_values(made, wanted, FLOORS, UNKNOWN)[:, equal].min() <= ERROR_RATE
    assert false <= stats.binom.isf(1e-3, TRIALS, ERROR_RATE)


def test_a_tenth_more_is_found_among_three_arms_with_five_repeats() -> None:
    random = np.random.default_rng(31)
    found = np.zeros(2)
    for _ in range(30):
        made = arms(random, (0.015,) * 3, 5)
        made[2][3] += math.log(1.1)
        p_values = resampled_p_values(made, pairs(3), FLOORS, UNKNOWN)
        found += p_values[3, [pairs(3).index((0, 2)), pairs(3).index((1, 2))]] <= ERROR_RATE
    assert (found >= 24).all()


def test_arms_with_too_few_runs_are_told_so_and_take_nothing_from_the_others() -> None:
    random = np.random.default_rng(37)
    made = arms(random, (0.01,) * 3, 5)
    made[1] += 1.0
    short = [made[0], made[1], made[2][:, :2]]
    by_pair = effects(short, pairs(3), FLOORS)
    assert {effect.p_value for effect in by_pair[1] + by_pair[2]} == {1.0}
    alone = effects(short[:2], [(0, 1)], FLOORS)[0]
    assert [effect.p_value for effect in by_pair[0]] == [effect.p_value for effect in alone]
    assert max(effect.p_value for effect in alone) <= ERROR_RATE
    assert not statistics.can_tell([5, 5, 2], (0, 2))


def test_runs_without_any_spread_are_told_apart() -> None:
    same = np.zeros((FIGURES, 4))
    p_values = resampled_p_values([same, same, same + 0.5], pairs(3), FLOORS, UNKNOWN)
    assert (p_values[:, 0] > ERROR_RATE).all()
    assert (p_values[:, 1:] <= ERROR_RATE).all()
