"""The same seed gives the same load, however a fleet is cut into cohorts and engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from virtual_fleet import World

from loadtest.units import NS_PER_S, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

DURATION_S = 240


def story(world: World, numbers: Iterable[int]) -> dict[int, list[tuple[str, int, Any]]]:
    """What some charge points of a world send that is their own choice: action, due instant, contents."""
    chosen = [each for each in world.charge_points if each.number in numbers]
    for charge_point in chosen:
        world.open(charge_point)
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 1000}, charge_point)
    for _ in range(DURATION_S * 10):
        for charge_point in chosen:
            world.answer_all(charge_point)
        world.advance_s(0.1)
    told: dict[int, list[tuple[str, int, Any]]] = {each.number: [] for each in chosen}
    for call in world.sent:
        if call.action in ("Authorize", "StartTransaction"):
            told[call.stamp.charge_point].append((call.action, call.stamp.intended_us, call.payload.get("connectorId")))
    return told


def test_a_charge_point_lives_the_same_life_in_whichever_cohort_and_company() -> None:
    with World(4, connectors=2, transaction_gap_s=20.0) as together:
        whole = story(together, range(4))
    with World(1, connectors=2, transaction_gap_s=20.0) as alone:
        alone.fleet.cohorts.remove(0)
        alone.fleet.cohorts.add(2, 2, alone.profile)
        alone.charge_points[:] = [alone.fleet.cohorts.charge_points[number] for number in (2, 3)]
        alone.advance_s(1)
        part = story(alone, (3,))
    assert len(whole[3]) > 10
    assert part[3] == whole[3]
    assert whole[2] != whole[3], "and each its own"


def test_another_seed_gives_another_life() -> None:
    with World(1, transaction_gap_s=20.0) as one:
        first = story(one, (0,))
    with World(1, transaction_gap_s=20.0, seed=2) as other:
        second = story(other, (0,))
    assert first != second


def test_how_long_the_run_took_to_start_makes_no_difference() -> None:
    def arrivals_us(started_s: float) -> list[int]:
        world = World(1, transaction_gap_s=20.0)
        world.fleet.epoch_ns = world.clock() - round(started_s * NS_PER_S)
        with world:
            told = story(world, (0,))[0]
        return [due_us - round(started_s * US_PER_S) for action, due_us, _ in told if action == "Authorize"]

    assert len(arrivals_us(1.0)) > 2
    assert arrivals_us(1.0) == arrivals_us(7.5)
