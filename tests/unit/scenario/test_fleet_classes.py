"""Which charge point is of which class, as both ends tell it by its number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario.fleet_classes import BEYOND_FLEET, ONE_CLASS, told_apart
from loadtest.scenario.mix import Allotment, FleetClass, cut, share_out


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6), st.integers(6, 5_000), st.integers(1, 4))
def test_every_cohort_that_is_given_is_of_its_class(weights: list[float], charge_points: int, engines: int) -> None:
    declared = [FleetClass(name=f"C{number}", weight=weight) for number, weight in enumerate(weights)]
    shares = cut(share_out(declared, charge_points), engines)
    classes, allotment = told_apart((share.name, share.charge_points) for share in shares), Allotment(shares)
    spans = dict(classes.spans())
    for share in shares:
        for _ in range(share.cohorts):
            first, count = allotment.give(share.name)
            assert classes.of(first) == classes.of(first + count - 1) == share.name
            assert first in spans[share.name]
            assert first + count - 1 in spans[share.name]
    first, _ = allotment.give(shares[0].name)
    assert classes.of(first) == BEYOND_FLEET
    assert first in spans[BEYOND_FLEET]


def test_there_is_nothing_to_tell_apart_in_one_class() -> None:
    assert told_apart([("Kerb", 7)]) is ONE_CLASS
    assert not ONE_CLASS
    assert ONE_CLASS.of(3) == ""
