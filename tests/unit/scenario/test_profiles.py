"""The ready profiles: they can be run, and behave as the figures they cite."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.profiles import AC_PUBLIC, DC_FAST, DEPOT, HOME, PROFILES
from loadtest.scenario.schedule import uniform
from loadtest.scenario.vehicle import Vehicle

if TYPE_CHECKING:
    from loadtest.scenario.quantiles import Quantiles

VISITS = 2000


def mean(distribution: Quantiles) -> float:
    return sum(distribution.draw((place + 0.5) / 2000) for place in range(2000)) / 2000


def delivered_wh(profile: ChargePointProfile) -> list[float]:
    """What visits take, each drawn and charged on its own; sorted."""
    drivers = profile.drivers
    assert drivers is not None
    draws = count()
    energies = []
    for _ in range(VISITS):
        stay, wanted, soc = (uniform(1, 0, next(draws)) for _ in range(3))
        vehicle = Vehicle.arriving(drivers, drivers.energy_wh.draw(wanted), soc)
        energies.append(vehicle.charge(drivers.stay_s.draw(stay), profile.power_w))
    return sorted(energies)


@pytest.mark.parametrize("name", PROFILES)
def test_each_can_be_run_and_travels(name: str) -> None:
    profile = PROFILES[name]
    profile.check()
    assert msgspec.convert(msgspec.to_builtins(profile), ChargePointProfile) == profile
    drivers = profile.drivers
    assert drivers is not None
    assert drivers.energy_wh.draw(1.0) < drivers.battery_wh


@pytest.mark.parametrize("name", PROFILES)
def test_visits_take_about_what_drivers_want(name: str) -> None:
    """Stays and powers are such that the cited energies really flow; a part of the visits is too short."""
    profile = PROFILES[name]
    assert profile.drivers is not None
    energies = delivered_wh(profile)
    for share in (0.25, 0.5, 0.75, 0.95):
        wanted_wh = profile.drivers.energy_wh.draw(share)
        assert 0.75 * wanted_wh < energies[int(share * VISITS)] < 1.1 * wanted_wh, share


@pytest.mark.parametrize(("profile", "share"), [(AC_PUBLIC, 0.145), (DC_FAST, 0.171)])
def test_connectors_are_busy_as_much_as_cited(profile: ChargePointProfile, share: float) -> None:
    drivers = profile.drivers
    assert drivers is not None
    busy = drivers.per_day * mean(drivers.stay_s) / 86_400 / profile.connectors
    assert busy == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize(("profile", "hour"), [(AC_PUBLIC, 7), (DC_FAST, 12), (HOME, 17)])
def test_most_drivers_come_at_the_cited_hour(profile: ChargePointProfile, hour: int) -> None:
    assert profile.drivers is not None
    weights = profile.drivers.by_hour
    assert max(range(24), key=lambda each: weights[each]) == hour


def test_means_of_fast_charging_are_those_cited() -> None:
    assert DC_FAST.drivers is not None
    assert mean(DC_FAST.drivers.stay_s) == pytest.approx(42 * 60, rel=0.03)
    assert mean(DC_FAST.drivers.energy_wh) == pytest.approx(22_000, rel=0.03)


def test_every_field_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text()
    for field in ChargePointProfile.__struct_fields__ + Drivers.__struct_fields__:
        assert f"`{field}`" in text


def test_nobody_returns_to_a_depot_at_night() -> None:
    assert DEPOT.drivers is not None
    assert not any(DEPOT.drivers.by_hour[:11])
