"""Seeded instants: reproducible, uniform, and independent of how a fleet is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario import schedule
from loadtest.scenario.schedule import connect_offset_s, exponential_s, uniform

SEEDS = st.integers(0, 2**63)
NUMBERS = st.integers(0, 2**24 - 1)
SHARES = st.floats(0, 1, exclude_max=True)


@given(SEEDS, NUMBERS, st.integers(0, 10**6))
def test_a_draw_is_a_function_of_its_arguments_and_in_its_range(seed: int, number: int, draw: int) -> None:
    value = uniform(seed, number, draw)
    assert 0 <= value < 1
    assert uniform(seed, number, draw) == value


def test_the_largest_64_bits_do_not_round_up_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_mix", lambda value: 2**64 - 1)
    assert uniform(1, 2, 3) < 1
    assert math.isfinite(exponential_s(10, uniform(1, 2, 3)))


def test_the_same_seed_gives_the_same_draws_for_ever() -> None:
    """Pinned: a changed generator would silently change every published scenario."""
    assert [round(uniform(1, 0, draw), 6) for draw in range(4)] == [0.36819, 0.943564, 0.045257, 0.777437]


@pytest.mark.parametrize("axis", ["draw", "charge_point", "seed"])
def test_draws_are_uniform_and_independent_along_each_argument(axis: str) -> None:
    count = 20_000
    if axis == "draw":
        values = np.array([uniform(1, 5, k) for k in range(count)])
    elif axis == "charge_point":
        values = np.array([uniform(1, k, 5) for k in range(count)])
    else:
        values = np.array([uniform(k, 5, 5) for k in range(count)])
    observed, _ = np.histogram(values, bins=100, range=(0, 1))
    chi_square = float(((observed - count / 100) ** 2 / (count / 100)).sum())
    assert chi_square < 170  # 99 degrees of freedom; the draws are fixed, so this never flickers
    assert abs(float(np.corrcoef(values[:-1], values[1:])[0, 1])) < 0.03


def test_the_exponential_quantile_has_its_mean_and_median() -> None:
    waits = [exponential_s(20, uniform(3, 1, k)) for k in range(20_000)]
    assert np.mean(waits) == pytest.approx(20, rel=0.03)
    assert exponential_s(20, 0.5) == pytest.approx(20 * math.log(2))
    assert exponential_s(20, 0) == 0
    assert min(waits) >= 0


@given(st.integers(1, 700), st.floats(0.001, 1000))
def test_connects_take_each_slot_of_the_ramp_once(charge_points: int, ramp_s: float) -> None:
    offsets = [connect_offset_s(ramp_s, charge_points, number, 0.5) for number in range(charge_points)]
    slots = [int(offset / ramp_s * charge_points) for offset in offsets]
    assert sorted(slots) == list(range(charge_points))


@given(st.integers(1, 5000), NUMBERS, st.floats(0, 1000), SHARES)
def test_a_connect_lies_in_the_ramp_for_any_number_even_beyond_the_fleet(
    charge_points: int, number: int, ramp_s: float, share: float
) -> None:
    assert 0 <= connect_offset_s(ramp_s, charge_points, number, share) <= ramp_s


def test_every_cohort_ramps_along_the_whole_ramp() -> None:
    """Slots are scattered: a cohort of 100 out of 1000 has a tenth of each tenth of the ramp, give or take three."""
    for first in range(0, 1000, 100):
        offsets = [connect_offset_s(10, 1000, number, 0.5) for number in range(first, first + 100)]
        tenths, _ = np.histogram(offsets, bins=10, range=(0, 10))
        assert tenths.min() >= 7
        assert tenths.max() <= 13
