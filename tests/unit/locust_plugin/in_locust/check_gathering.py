"""Waiting for workers, in virtual time."""

from __future__ import annotations

import pytest

from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin.gathering import await_workers
from loadtest.units import NS_PER_S


class Comings:
    """Workers that come at known times."""

    def __init__(self, *at_s: float) -> None:
        self.at_s, self.now_s, self.told = at_s, 0.0, list[tuple[int, str]]()

    def wait(self, expected: int, most_s: float = 0.0) -> None:
        await_workers(
            lambda: sum(each <= self.now_s for each in self.at_s),
            expected,
            most_s,
            lambda text: self.told.append((round(self.now_s), text)),
            now_ns=lambda: round(self.now_s * NS_PER_S),
            sleep=self._sleep,
        )

    def _sleep(self, time_s: float) -> None:
        self.now_s += time_s


def test_it_waits_for_the_last_without_a_word_when_that_is_soon() -> None:
    comings = Comings(1, 3)
    comings.wait(2, most_s=4)
    assert comings.now_s == pytest.approx(3, abs=0.3)
    assert not comings.told


def test_it_tells_how_many_are_there_and_when_that_changes() -> None:
    comings = Comings(8, 100)
    comings.wait(2)
    assert comings.told == [(5, "waiting for workers: 0 of 2 are there"), (8, "waiting for workers: 1 of 2 are there")]
    assert comings.now_s == pytest.approx(100, abs=0.3)


def test_who_does_not_come_in_time_ends_it() -> None:
    comings = Comings(1)
    with pytest.raises(EnvironmentNotReady, match=r"--expect-workers: 1 of 2 workers have come within 30 s"):
        comings.wait(2, most_s=30)
    assert comings.now_s == pytest.approx(30, abs=0.3)
