"""A machine that drifts while arms take turns: what it does is taken out, and the error rate is the one stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadtest.compare import resampling, unequal_spread
from loadtest.compare.statistics import ERROR_RATE, effects
from loadtest.compare.trend import Trend
from loadtest.matrix.order import interleaved

FIGURES = 12
FLOORS = np.full(FIGURES, 1e-7)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as show the rate; the product draws more."""
    monkeypatch.setattr(unequal_spread, "_DRAWS", 200)
    monkeypatch.setattr(resampling, "_DRAWS", 200)


def places(arms: int, repeats: int, seed: int) -> list[list[int]]:
    """Where the runs of each arm stand in the order of a matrix, by repeat."""
    slots = interleaved([str(arm) for arm in range(arms)], repeats, seed)
    at = {(slot.arm, slot.repeat): place for place, slot in enumerate(slots)}
    return [[at[str(arm), repeat] for repeat in range(1, repeats + 1)] for arm in range(arms)]


def drifting(random: np.random.Generator, order: list[list[int]], spreads: tuple[float, ...]) -> list[np.ndarray]:
    """Logarithms of figures, which the machine makes larger by a tenth, more or less, until the last run."""
    slope = 0.1 * random.uniform(0.5, 1.5, (FIGURES, 1)) / max(max(each) for each in order)
    return [
        slope * np.array(each)
        + spread * (0.8 * random.standard_normal(len(each)) + 0.6 * random.standard_normal((FIGURES, len(each))))
        for each, spread in zip(order, spreads, strict=True)
    ]


@given(st.integers(2, 5), st.integers(2, 7), st.integers(0, 99), st.floats(-3, 3))
def test_a_line_vanishes_and_what_is_left_is_as_wide_as_before(
    arms: int, repeats: int, seed: int, slope: float
) -> None:
    if arms * repeats - arms < 2:
        return
    order = places(arms, repeats, seed)
    random = np.random.default_rng(seed)
    groups = [random.standard_normal((repeats, 2)) for _ in order]
    sloped = [group + slope * np.array(each)[:, None] for group, each in zip(groups, order, strict=True)]
    trend = Trend(order)
    one, other = trend.without(groups), trend.without(sloped)
    for arm in range(1, arms):
        assert one[arm] - one[0] == pytest.approx(other[arm] - other[0])
    if repeats % 2 == 0:  # mirrored, so that the means of all arms are what they were
        assert [group.mean() for group in one] == pytest.approx([group.mean() for group in groups])


def test_where_the_order_is_not_known_nothing_is_taken_out() -> None:
    groups = [np.eye(3), np.ones((2, 3))]
    assert Trend([]).without(groups) is groups
    assert Trend([]).lost == 0


@pytest.mark.parametrize(
    ("repeats", "spreads"),
    [(4, (0.02, 0.02)), (5, (0.02, 0.02)), (5, (0.01, 0.04)), (5, (0.02, 0.02, 0.02)), (5, (0.01, 0.01, 0.05))],
)
def test_equal_arms_are_called_different_no_oftener_than_stated(repeats: int, spreads: tuple[float, ...]) -> None:
    random = np.random.default_rng(2)
    trials, false = 150, 0
    wanted = [(0, arm) for arm in range(1, len(spreads))]
    for _ in range(trials):
        order = places(len(spreads), repeats, int(random.integers(1 << 30)))
        found = effects(drifting(random, order, spreads), wanted, FLOORS, order)
        false += min(effect.p_value for pair in found for effect in pair) <= ERROR_RATE
    assert false <= stats.binom.isf(1e-3, trials, 0.06)


@pytest.mark.parametrize("arms", [2, 3])
def test_a_tenth_more_is_found_that_the_drift_would_hide(arms: int) -> None:
    random = np.random.default_rng(3)
    trials = 30
    found = np.zeros(2)
    wanted = [(0, arm) for arm in range(1, arms)]
    for _ in range(trials):
        order = places(arms, 5, int(random.integers(1 << 30)))
        made = drifting(random, order, (0.02,) * arms)
        made[1][3] += math.log(1.1)
        for number, known in enumerate(([], order)):
            found[number] += effects(made, wanted, FLOORS, known)[0][3].p_value <= ERROR_RATE
    assert found[1] >= 0.7 * trials
    assert found[0] <= 0.75 * found[1]
