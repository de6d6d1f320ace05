"""Distributions from quantiles: they hit the points given, ascend, and know their bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtest.scenario.quantiles import Quantiles, constant, exponential
from loadtest.scenario.schedule import uniform

STAYS_H = Quantiles(((0.25, 1.8), (0.5, 3.8), (0.75, 8.9), (0.95, 17.0)))
shares = st.floats(0, 1, exclude_max=True)


@st.composite
def distributions(draw: st.DrawFn) -> Quantiles:
    places = draw(st.lists(st.integers(0, 100), min_size=2, max_size=8, unique=True))
    values = draw(st.lists(st.floats(0.01, 1000), min_size=len(places), max_size=len(places)))
    points = tuple(zip((place / 100 for place in sorted(places)), sorted(values), strict=True))
    distribution = Quantiles(points)
    assume(not distribution.faults("it"))
    return distribution


@given(distributions())
def test_the_points_given_are_hit(distribution: Quantiles) -> None:
    for share, value in distribution.points:
        assert distribution.draw(share) == pytest.approx(value)


@given(distributions(), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_larger_share_never_draws_less(distribution: Quantiles, several: list[float]) -> None:
    values = [distribution.draw(share) for share in sorted(several)]
    for low, high in pairwise(values):
        assert low <= high * (1 + 1e-12)


def test_between_points_the_logarithm_is_linear_and_beyond_them_the_slope_goes_on() -> None:
    assert STAYS_H.draw(0.625) == pytest.approx(math.sqrt(3.8 * 8.9))
    assert STAYS_H.draw(0.0) == pytest.approx(1.8 * 1.8 / 3.8)
    assert STAYS_H.draw(1.0) == pytest.approx(17 * (17 / 8.9) ** 0.25)


def test_draws_have_the_quantiles_they_were_made_from() -> None:
    drawn = sorted(STAYS_H.draw(uniform(1, 0, number)) for number in range(4000))
    for share, value in STAYS_H.points:
        assert drawn[int(share * 4000)] == pytest.approx(value, rel=0.1)


def test_an_exponential_distribution_has_its_mean_and_its_median() -> None:
    assert exponential(20).draw(0.5) == pytest.approx(20 * math.log(2))
    drawn = [exponential(20).draw(uniform(1, 0, number)) for number in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(20, rel=0.05)


@given(shares)
def test_a_constant_is_always_the_same(share: float) -> None:
    assert constant(7.0).draw(share) == 7.0


@pytest.mark.parametrize("distribution", [STAYS_H, exponential(3.0), constant(5.0)])
def test_a_distribution_travels_as_plain_data(distribution: Quantiles) -> None:
    text = msgspec.json.encode(distribution)
    assert msgspec.json.decode(text, type=Quantiles) == distribution
    assert distribution.faults("it") == []


@pytest.mark.parametrize(
    ("distribution", "fault"),
    [
        (Quantiles(), "needs points, or a mean above 0"),
        (exponential(math.nan), "needs points, or a mean above 0"),
        (exponential(math.inf), "needs points, or a mean above 0"),
        (exponential(-1), "needs points, or a mean above 0"),
        (Quantiles(((0.5, 1),), mean=2), "has points and a mean"),
        (Quantiles(((0.5, 1), (0.5, 2))), "shares must ascend"),
        (Quantiles(((0.5, 1), (1.5, 2))), "shares must ascend"),
        (Quantiles(((math.nan, 1),)), "shares must ascend"),
        (Quantiles(((0.2, 1), (math.nan, 2))), "shares must ascend"),
        (Quantiles(((0.2, 2), (0.8, 1))), "values must be above 0 and not descend"),
        (Quantiles(((0.2, 1), (0.8, math.nan))), "values must be above 0 and not descend"),
        (constant(math.inf), "values must be above 0 and not descend"),
        (constant(0), "values must be above 0 and not descend"),
        (Quantiles(((0.5, 1e-300), (0.501, 1e300))), "tails have no bound"),
        (Quantiles(((0.5, 1), (0.501, 10))), "tails have no bound"),
    ],
)
def test_what_is_no_distribution(distribution: Quantiles, fault: str) -> None:
    (found,) = distribution.faults("profile.drivers.stay_s")
    assert found.startswith("profile.drivers.stay_s: ")
    assert fault in found
