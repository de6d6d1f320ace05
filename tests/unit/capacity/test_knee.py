"""The knee of curves that have one, and of those that have none."""

from __future__ import annotations

import pytest

from loadtest.capacity.knee import knee


def queue(capacity: float, *loads: int) -> dict[int, float]:
    """The time a message spends in a queue with one server: 1 / (capacity - load)."""
    return {load: 1000 / (capacity - load) for load in loads}


def test_a_queue_has_its_knee_before_it_is_full() -> None:
    found = knee(queue(1000, 100, 200, 400, 600, 800, 900, 950, 990))
    assert found in (900, 950)


def test_where_latency_jumps_the_knee_is_the_last_level_before() -> None:
    assert knee({100: 2.0, 200: 2.1, 400: 2.2, 600: 2.3, 800: 900.0}) == 600


@pytest.mark.parametrize(
    "curve",
    [
        {},
        {100: 1.0, 200: 1.0, 400: 500.0},
        {100: 1.0, 200: 1.1, 400: 1.0, 800: 1.2},
        {100: 1.0, 200: 2.0, 300: 3.0, 400: 4.0},
        {100: 2.0, 200: 5.6, 300: 9.1, 400: 3.7, 500: 3.6},
        {100: 0.0, 200: 0.0, 300: 0.0, 400: 0.0},
    ],
    ids=["no points", "too few", "flat", "straight", "chance", "zero"],
)
def test_what_has_no_knee(curve: dict[int, float]) -> None:
    assert knee(curve) is None
