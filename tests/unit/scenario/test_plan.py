"""The plan: cohorts share out the fleet without gap and without overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario import plan as plans
from loadtest.scenario.plan import COHORT_SIZE, Plan, cohorts_for
from loadtest.scenario.resolve import resolve


def a_plan(charge_points: int, cohorts: int) -> Plan:
    return Plan(
        run_tag=7,
        epoch_ns=123,
        host_boot_id="boot",
        cohorts=cohorts,
        gateway_url="ws://127.0.0.1:1/ocpp",
        broker_url="mqtt://127.0.0.1:2",
        shared_group="",
        subscribers=1,
        log_dir="logs",
        settings=resolve({"charge_points": charge_points}),
    )


@given(st.integers(1, 50_000), st.integers(1, 60), st.integers(0, 5))
def test_cohorts_cover_the_fleet_without_gap_or_overlap(charge_points: int, cohorts: int, added: int) -> None:
    cohorts = min(cohorts, charge_points)
    plan = a_plan(charge_points, cohorts)
    following = 0
    sizes = []
    for number in range(cohorts + added):
        first, count = plan.cohort(number)
        assert first == following, "those a user adds during a run come after the fleet, one after the other"
        assert count >= 1
        following = first + count
        sizes.append(count)
    assert sum(sizes[:cohorts]) == charge_points
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("charge_points", "engines", "cohorts"),
    [(1, 1, 1), (999, 1, 1), (1000, 1, 1), (1001, 1, 2), (2000, 4, 4), (3, 8, 3), (20_000, 2, 20)],
)
def test_cohorts_are_of_a_thousand_and_at_least_one_for_each_engine(
    charge_points: int, engines: int, cohorts: int
) -> None:
    assert COHORT_SIZE == 1000
    assert cohorts_for(charge_points, engines) == cohorts


def test_a_plan_reaches_the_workers_unchanged() -> None:
    plan = a_plan(2000, 2)
    assert plans.decode(plan.encode()) == plan
