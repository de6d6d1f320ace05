"""The mix: exact by weight, and the same charge points in each class however the fleet is cut into cohorts."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.scenario.arrivals import next_arrival_s
from loadtest.scenario.link_presets import LTE_GARAGE, RURAL_2G
from loadtest.scenario.mix import COHORT_SIZE, Allotment, FleetClass, Share, cut, cut_into, share_out
from loadtest.scenario.profiles import AC_PUBLIC, DC_FAST, HOME
from loadtest.scenario.schedule import connect_offset_s, uniform

COUNTS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 5000), min_size=1)
WEIGHTS = st.lists(st.one_of(st.integers(1, 100), st.floats(0.01, 100)), min_size=1, max_size=7)


def classes(*weights: float) -> list[FleetClass]:
    return [FleetClass(name=f"C{number}", weight=weight) for number, weight in enumerate(weights)]


# Shares ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "charge_points", "counts"),
    [
        ((9, 1), 2000, [1800, 200]),
        ((1,), 7, [7]),
        ((5, 3, 1, 1), 300, [150, 90, 30, 30]),
        ((1, 1, 1), 10, [4, 3, 3]),
        ((0.5, 0.25, 0.25), 8, [4, 2, 2]),
        ((2, 3), 7, [3, 4]),
        ((1000, 1), 10, [9, 1]),
        ((1000, 1, 1), 3, [1, 1, 1]),
    ],
)
def test_charge_points_are_shared_out_by_weight(
    weights: tuple[float, ...], charge_points: int, counts: list[int]
) -> None:
    assert list(share_out(classes(*weights), charge_points).values()) == counts


@given(WEIGHTS, st.integers(0, 100_000))
def test_nobody_is_forgotten_and_nobody_is_more_than_one_from_its_quota(weights: list[float], more: int) -> None:
    charge_points = len(weights) + more
    counts = list(share_out(classes(*weights), charge_points).values())
    assert sum(counts) == charge_points
    assert min(counts) >= 1
    quotas = [charge_points * Fraction(weight) / sum(map(Fraction, weights)) for weight in weights]
    if min(quotas) >= 1:
        assert max(abs(count - quota) for count, quota in zip(counts, quotas, strict=True)) < 1


@given(st.permutations(classes(5, 3, 3, 1)), st.integers(4, 500))
def test_the_order_of_classes_changes_nothing(order: list[FleetClass], charge_points: int) -> None:
    assert list(share_out(order, charge_points).items()) == list(share_out(classes(5, 3, 3, 1), charge_points).items())


def test_a_fixed_count_is_exact_and_the_others_share_the_rest() -> None:
    fleet = [*classes(3, 1), FleetClass(name="Probe", weight=50, fixed_count=8)]
    assert share_out(fleet, 108) == {"C0": 75, "C1": 25, "Probe": 8}
    assert share_out([FleetClass(name="Probe", fixed_count=8)], 8) == {"Probe": 8}


@pytest.mark.parametrize(
    ("fleet", "charge_points", "said"),
    [
        (classes(1, 1, 1), 2, "--charge-points: 2 are too few: each of C0, C1, C2 needs at least one"),
        ([FleetClass(name="P", fixed_count=5), *classes(1)], 5, "at least one beside those of fixed_count (P 5)"),
        ([FleetClass(name="P", fixed_count=5)], 6, "6 are not what the classes say by fixed_count: P 5"),
        ([FleetClass(name="P", fixed_count=5)], 4, "4 are not what the classes say by fixed_count: P 5"),
    ],
)
def test_what_does_not_fit_is_said_with_a_number_that_does(
    fleet: list[FleetClass], charge_points: int, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        share_out(fleet, charge_points)
    assert said in refused.value.message
    enough = int(refused.value.hint.split("--charge-points ")[1].split()[0].strip(","))
    assert sum(share_out(fleet, enough).values()) == enough


def test_every_weight_that_is_none_is_named() -> None:
    nonsense = [FleetClass(name="A", weight=float("inf")), FleetClass(name="B", fixed_count=1.5)]  # type: ignore[arg-type]
    with pytest.raises(UsageError) as refused:
        share_out(nonsense, 10)
    assert refused.value.faults == (
        "A.weight: inf is not a number above 0",
        "B.fixed_count: 1.5 is not a whole number, 0 or more",
    )


# Cohorts --------------------------------------------------------------------------------------------------------------


def cohorts(fleet: tuple[Share, ...]) -> list[tuple[int, int]]:
    return [share.cohort(number) for share in fleet for number in range(share.cohorts)]


def assert_covers(fleet: tuple[Share, ...], counts: dict[str, int]) -> None:
    """Every charge point in one cohort, in order and without gap; cohorts of a class differ by one at most."""
    pieces = cohorts(fleet)
    assert pieces[0][0] == 0
    assert all(
        first + count == following for (first, count), (following, _) in pairwise([*pieces, (sum(counts.values()), 0)])
    )
    for share in fleet:
        sizes = [share.cohort(number)[1] for number in range(share.cohorts)]
        assert sum(sizes) == share.charge_points == counts[share.name]
        assert 1 <= min(sizes) <= max(sizes) == share.largest_cohort <= min(sizes) + 1


@given(COUNTS, st.integers(1, 12))
def test_suitable_cohorts_cover_the_fleet_and_are_dealt_evenly_to_engines(counts: dict[str, int], engines: int) -> None:
    fleet = cut(counts, engines)
    assert_covers(fleet, counts)
    for share in fleet:
        assert share.largest_cohort <= COHORT_SIZE
        assert share.cohorts % engines == 0 or share.cohorts == share.charge_points < engines * (
            share.charge_points // engines + 1
        )


@pytest.mark.parametrize(
    ("charge_points", "engines", "number"),
    [(1, 1, 1), (999, 1, 1), (1000, 1, 1), (1001, 1, 2), (2001, 2, 4), (2000, 4, 4), (3, 8, 3), (20_000, 2, 20)],
)
def test_a_fleet_of_one_class_has_cohorts_of_a_thousand_at_most(charge_points: int, engines: int, number: int) -> None:
    assert [share.cohorts for share in cut({"C": charge_points}, engines)] == [number]


@given(COUNTS, st.data())
def test_a_number_of_cohorts_asked_for_is_kept(counts: dict[str, int], data: st.DataObject) -> None:
    number = data.draw(st.integers(len(counts), min(sum(counts.values()), 60)))
    fleet = cut_into(counts, number)
    assert_covers(fleet, counts)
    assert sum(share.cohorts for share in fleet) == number


def test_the_heaviest_class_gets_most_of_the_cohorts() -> None:
    assert [share.cohorts for share in cut_into({"A": 1800, "B": 200}, 2)] == [1, 1]
    assert [share.cohorts for share in cut_into({"A": 1800, "B": 200}, 10)] == [9, 1]
    with pytest.raises(ValueError, match="1 cohorts for 2 classes"):
        cut_into({"A": 1800, "B": 200}, 1)


# Allotment ------------------------------------------------------------------------------------------------------------


@given(COUNTS, st.data())
def test_in_whatever_order_cohorts_are_asked_for_none_is_given_twice(
    counts: dict[str, int], data: st.DataObject
) -> None:
    fleet = cut(counts, 2)
    asked = data.draw(st.permutations([share.name for share in fleet for _ in range(share.cohorts)]))
    allotment = Allotment(fleet)
    given_to = sorted((*allotment.give(name), name) for name in asked)
    assert [piece[:2] for piece in given_to] == cohorts(fleet)
    assert allotment.given == allotment.planned == len(asked)
    by_first = {share.first: share.name for share in fleet}
    assert all(name == by_first[first] for first, _, name in given_to if first in by_first)


def test_cohorts_added_during_a_run_extend_the_fleet_by_one_of_their_class() -> None:
    allotment = Allotment(cut_into({"A": 1800, "B": 200}, 3))
    planned = [allotment.give(name) for name in ("A", "B", "A")]
    assert planned == [(0, 900), (1800, 200), (900, 900)]
    assert [allotment.give(name) for name in ("B", "A", "B")] == [(2000, 200), (2200, 900), (3100, 200)]
    assert (allotment.given, allotment.planned) == (6, 3)


# The same lives -------------------------------------------------------------------------------------------------------

PROFILES = {"Home": HOME, "Kerb": AC_PUBLIC, "Motorway": DC_FAST}
LINKS = {"Home": LTE_GARAGE, "Kerb": RURAL_2G, "Motorway": LTE_GARAGE}
FLEET = [FleetClass(name=name, weight=weight) for name, weight in (("Kerb", 6), ("Home", 3), ("Motorway", 1))]


def lives(fleet: tuple[Share, ...], seed: int) -> dict[int, tuple[object, ...]]:
    """Of each charge point: its class, when it connects, its first outage, its first driver."""
    told: dict[int, tuple[object, ...]] = {}
    for share in fleet:
        for number in range(share.cohorts):
            first, count = share.cohort(number)
            for each in range(first, first + count):
                offset_s = connect_offset_s(30, 240, each, uniform(seed, each, 0))
                outage = LINKS[share.name].outage(seed, each, 0, 0.0)
                arrival_s = next_arrival_s(PROFILES[share.name], 0.0, uniform(seed, each, 1))
                told[each] = (share.name, PROFILES[share.name].charge_point_id(each), offset_s, outage, arrival_s)
    return told


def test_with_the_same_seed_everybody_lives_the_same_life_however_many_engines_and_users_there_are() -> None:
    counts = share_out(FLEET, 240)
    assert counts == {"Home": 72, "Kerb": 144, "Motorway": 24}
    alone = lives(cut(counts, 1), seed=1)
    assert sorted(alone) == list(range(240))
    layouts = [cut(counts, 4), cut(counts, 12), cut_into(counts, 3), cut_into(counts, 10), cut_into(counts, 240)]
    assert [lives(fleet, seed=1) == alone for fleet in layouts] == [True] * 5
    other = lives(cut(counts, 4), seed=2)
    assert all(other[number][2:] != alone[number][2:] for number in alone)
    assert all(other[number][:2] == alone[number][:2] for number in alone), "who is of which class is no matter of luck"
