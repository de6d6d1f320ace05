from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.protocol import phases


def test_added_phases_follow_the_known_ones_so_that_numbers_in_stamps_stay() -> None:
    table = phases.with_faults(["broker", "outage"])
    assert table[:4] == phases.PHASES
    assert table[4:] == ("fault:broker", "recovery:broker", "fault:outage", "recovery:outage")
    assert len(phases.with_faults(f"f{k}" for k in range(6))) == phases.MAX_PHASES


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(UsageError) as caught:
        phases.with_faults(["a.b", "ok", "ok", *(f"f{k}" for k in range(6))])
    assert len(caught.value.faults) == 3


def test_phases_sort_as_they_happen() -> None:
    mixed = ["recovery:x", "drain", "ramp", "fault:x", "steady", "warmup"]
    happened = ["ramp", "warmup", "steady", "fault:x", "recovery:x", "drain"]
    assert sorted(mixed, key=phases.order) == happened
