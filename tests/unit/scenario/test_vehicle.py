"""Cars: energy is the integral of power, however often one asks, and never more than there is room for."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtest.scenario.drivers import Drivers
from loadtest.scenario.quantiles import constant
from loadtest.scenario.vehicle import END_SHARE, KNEE, Vehicle

states = st.floats(0, 1)
limits = st.floats(100, 400_000)
durations = st.floats(0.001, 50_000)


@given(states, states, limits, st.lists(durations, min_size=2, max_size=6))
def test_a_duration_may_be_cut_into_pieces(soc: float, target: float, limit_w: float, pieces: list[float]) -> None:
    soc, target = sorted((soc, target))
    whole, cut = (Vehicle(60_000, 100_000, soc, target) for _ in range(2))
    energy_wh = whole.charge(sum(pieces), limit_w)
    assert sum(cut.charge(piece, limit_w) for piece in pieces) == pytest.approx(energy_wh, rel=1e-9, abs=1e-9)
    assert cut.soc_percent == pytest.approx(whole.soc_percent, rel=1e-9)
    assert cut.power_w(limit_w) == pytest.approx(whole.power_w(limit_w), rel=1e-6, abs=1e-3) or cut.full != whole.full


@given(states, states, st.lists(st.tuples(durations, st.floats(-10, 400_000)), min_size=1, max_size=10))
def test_never_more_than_limit_and_battery(soc: float, target: float, steps: list[tuple[float, float]]) -> None:
    soc, target = sorted((soc, target))
    vehicle = Vehicle(60_000, 100_000, soc, target)
    taken_wh = 0.0
    for duration_s, limit_w in steps:
        energy_wh = vehicle.charge(duration_s, limit_w)
        assert 0 <= energy_wh <= max(0.0, min(limit_w, 100_000)) * duration_s / 3600 * (1 + 1e-12)
        assert 0 <= vehicle.power_w(limit_w) <= max(0.0, min(limit_w, 100_000))
        taken_wh += energy_wh
    assert taken_wh <= (target - soc) * 60_000 + 1e-6  # the difference of two nearly equal figures
    assert vehicle.soc_percent == pytest.approx(100 * soc + taken_wh / 600, rel=1e-9)
    assert vehicle.soc_percent <= 100 * target * (1 + 1e-12)


@given(states, limits)
def test_energy_is_the_integral_of_power(soc: float, limit_w: float) -> None:
    vehicle, numeric = Vehicle(60_000, 100_000, soc), Vehicle(60_000, 100_000, soc)
    closed_wh = vehicle.charge(1800, limit_w)
    summed_wh = 0.0
    for _ in range(600):  # trapezoids of three seconds
        before_w = numeric.power_w(limit_w)
        numeric.charge(3, limit_w)
        summed_wh += (before_w + numeric.power_w(limit_w)) / 2 * 3 / 3600
    # A trapezoid misses half a step where the battery is full and the power falls from what is left of it to none.
    last_step_wh = min(limit_w, 100_000 * (END_SHARE + 0.01)) * 3 / 3600
    assert summed_wh == pytest.approx(closed_wh, rel=1e-4, abs=last_step_wh)


def test_constant_current_then_falling() -> None:
    assert Vehicle(60_000, 100_000, KNEE).power_w(350_000) == pytest.approx(100_000)
    assert Vehicle(60_000, 100_000, 0.9).power_w(350_000) == pytest.approx(55_000)
    assert Vehicle(60_000, 100_000, 0.9999999).power_w(350_000) == pytest.approx(100_000 * END_SHARE, rel=1e-5)
    assert Vehicle(60_000, 100_000, 0.9).power_w(22_000) == 22_000
    assert Vehicle(60_000, 100_000, 0.5).charge(360, 50_000) == pytest.approx(5000)


def test_a_battery_fills_in_finite_time() -> None:
    vehicle = Vehicle(60_000, 100_000, 0.1)
    assert vehicle.charge(3 * 3600, 350_000) == pytest.approx(54_000)
    assert vehicle.soc_percent == pytest.approx(100)
    assert vehicle.power_w(350_000) == 0
    assert vehicle.charge(10, 350_000) == 0
    assert vehicle.full


@given(states, states, limits)
def test_when_it_has_enough_is_known_before(soc: float, target: float, limit_w: float) -> None:
    soc, target = sorted((soc, target))
    assume(target - soc > 1e-6)
    vehicle = Vehicle(60_000, 100_000, soc, target)
    duration_s = vehicle.full_after_s(limit_w)
    vehicle.charge(duration_s * 0.999, limit_w)
    assert vehicle.power_w(limit_w) > 0
    vehicle.charge(duration_s * 0.001 + 0.001, limit_w)
    assert vehicle.full


def test_without_power_it_never_has_enough() -> None:
    assert Vehicle(60_000, 100_000, 0.5).full_after_s(0) == math.inf
    assert Vehicle(60_000, 100_000, 0.5, 0.5).full_after_s(0) == 0


@given(st.floats(1, 200_000), st.floats(0, 1, exclude_max=True))
def test_a_driver_gets_what_was_wanted_and_no_more(wanted_wh: float, share: float) -> None:
    drivers = Drivers(per_day=1, stay_s=constant(1), energy_wh=constant(1), vehicle_power_w=50_000, battery_wh=60_000)
    vehicle = Vehicle.arriving(drivers, wanted_wh, share)
    assert vehicle.power_w(11_000) > 0
    assert vehicle.charge(1e6, 11_000) == pytest.approx(min(wanted_wh, 60_000), rel=1e-6)
    assert vehicle.full
    assert vehicle.power_w(11_000) == 0


def test_a_suspended_car_waits() -> None:
    vehicle = Vehicle(60_000, 100_000, 0.5)
    assert vehicle.charge(3600, 0) == 0
    assert vehicle.power_w(0) == 0
    assert not vehicle.full
