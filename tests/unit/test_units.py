"""Durations as people write them."""

from __future__ import annotations

import pytest

from loadtest.units import seconds


@pytest.mark.parametrize(
    ("text", "value_s"),
    [
        ("30", 30),
        (30, 30),
        (1.5, 1.5),
        (0, 0),
        ("0s", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("1h 5m", 3900),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (" 2 MIN ", 120),
        ("1d", 86_400),
        ("1m1ms", 60.001),
    ],
)
def test_durations_are_read(text: str | float, value_s: float) -> None:
    assert seconds(text) == pytest.approx(value_s)


@pytest.mark.parametrize(
    "text", ["", "s", "five", "5 fortnights", "10sm", "1.5.5s", "1m-5s", "-1", "-1s", -0.5, "nan", "inf", float("inf")]
)
def test_what_is_no_duration_is_refused_by_name(text: str | float) -> None:
    with pytest.raises(ValueError, match="is not a duration") as refused:
        seconds(text)
    assert repr(text) in str(refused.value)
