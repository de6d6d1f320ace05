"""Too few file descriptors: said before anything connects, with a remedy that works."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from loadtest.runner.descriptors import RESERVE, gateway_fault


@given(charge_points=st.integers(1, 2_000_000), processes=st.integers(1, 64), limit=st.integers(RESERVE + 1, 2_000_000))
def test_the_process_count_it_proposes_is_enough_and_not_one_too_many(
    charge_points: int, processes: int, limit: int
) -> None:
    misfit = gateway_fault(charge_points, processes, limit)
    if misfit is None:
        assert charge_points <= processes * (limit - RESERVE)
        return
    proposed = re.search(r"--gateway-processes (\d+)", misfit[1])
    assert proposed is not None
    enough = int(proposed[1])
    assert gateway_fault(charge_points, enough, limit) is None
    assert gateway_fault(charge_points, enough - 1, limit) is not None


def test_it_says_how_many_would_fit() -> None:
    misfit = gateway_fault(50_000, 2, 20_000)
    assert misfit is not None
    assert "50,000 charge points do not fit" in misfit[0]
    assert "can hold 39,600" in misfit[0]


def test_no_number_of_processes_helps_when_a_process_can_hold_nothing() -> None:
    misfit = gateway_fault(10, 1, RESERVE)
    assert misfit is not None
    assert "can hold 0" in misfit[0]
    assert "--gateway-processes" not in misfit[1]
