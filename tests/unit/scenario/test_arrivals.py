"""Arrivals: the inversion is exact, and drivers come when the day says they do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario.arrivals import next_arrival_s
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant
from loadtest.scenario.schedule import uniform

COMMUTERS = (0.0,) * 6 + (3.0, 5.0, 2.0) + (1.0,) * 8 + (4.0, 2.0) + (0.5,) * 5
weights = st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.0]), min_size=24, max_size=24).filter(any).map(tuple)
shares = st.floats(0, 1, exclude_max=True)


def profile(
    per_day: float, by_hour: tuple[float, ...], time_scale: float = 1.0, hour_at_start: float = 8.0
) -> ChargePointProfile:
    drivers = Drivers(
        per_day=per_day,
        by_hour=by_hour,
        stay_s=constant(3600),
        energy_wh=constant(7000),
        vehicle_power_w=11_000,
        battery_wh=60_000,
    )
    return ChargePointProfile(drivers=drivers, time_scale=time_scale, hour_at_start=hour_at_start)


def expected_arrivals(of: ChargePointProfile, begin_s: float, end_s: float) -> float:
    """The rate integrated hour by hour, forwards: an independent way to the same number."""
    assert of.drivers is not None
    position = of.hour_at_start + begin_s * of.time_scale / 3600
    end = of.hour_at_start + end_s * of.time_scale / 3600
    total = 0.0
    while position < end:
        following = min(end, math.floor(position) + 1.0)
        weight = of.drivers.by_hour[math.floor(position) % 24]
        total += (following - position) * of.drivers.per_day * weight / sum(of.drivers.by_hour)
        position = following
    return total


@given(
    st.floats(0.05, 500),
    weights,
    st.floats(0.5, 1000),
    st.floats(0, 24),
    st.floats(0, 1e6),
    shares,
)
def test_until_the_next_arrival_the_rate_adds_up_to_the_draw(
    per_day: float, by_hour: tuple[float, ...], scale: float, start: float, after_s: float, share: float
) -> None:
    of = profile(per_day, by_hour, scale, start)
    arrival_s = next_arrival_s(of, after_s, share)
    assert arrival_s >= after_s
    assert expected_arrivals(of, after_s, arrival_s) == pytest.approx(-math.log1p(-share), rel=1e-6, abs=1e-5)


@given(weights, st.floats(0, 1e5), st.tuples(shares, shares).map(sorted))
def test_a_larger_draw_comes_later(by_hour: tuple[float, ...], after_s: float, two: list[float]) -> None:
    of = profile(3, by_hour)
    assert next_arrival_s(of, after_s, two[0]) <= next_arrival_s(of, after_s, two[1]) + 1e-6


def test_drivers_come_by_the_hour() -> None:
    """Three months of one charge point: counts by hour lie where a Poisson process has them."""
    of = profile(40, COMMUTERS, time_scale=60.0, hour_at_start=5.0)
    counts, now_s, draw, days = [0] * 24, 0.0, 0, 90
    while (now_s := next_arrival_s(of, now_s, uniform(7, 0, draw))) < days * 86_400 / 60:
        counts[int(5 + now_s * 60 / 3600) % 24] += 1
        draw += 1
    for hour, weight in enumerate(COMMUTERS):
        expected = 40 * days * weight / sum(COMMUTERS)
        assert abs(counts[hour] - expected) <= 4 * math.sqrt(expected), f"hour {hour}"


def test_with_a_flat_day_the_wait_is_exponential() -> None:
    of = profile(720, (1.0,) * 24)
    waits = [next_arrival_s(of, 1000.0, uniform(3, 1, draw)) - 1000 for draw in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(120, rel=0.05)
    assert next_arrival_s(of, 1000.0, 0.5) == pytest.approx(1000 + 120 * math.log(2))


def test_nobody_comes() -> None:
    assert next_arrival_s(ChargePointProfile(), 0.0, 0.5) == math.inf
    assert next_arrival_s(profile(0, COMMUTERS), 0.0, 0.5) == math.inf
    assert next_arrival_s(profile(5e-324, COMMUTERS), 0.0, 0.5) == math.inf


def test_a_run_that_begins_at_night_waits_for_the_morning() -> None:
    assert next_arrival_s(profile(1000, COMMUTERS, hour_at_start=0.0), 0.0, 0.0) == 6 * 3600
    assert next_arrival_s(profile(1000, COMMUTERS, time_scale=3600.0, hour_at_start=24.0), 0.0, 0.0) == 6
