"""Whether a process stands still, by a clock and a CPU clock of the test's own."""

from __future__ import annotations

import os

import pytest

from loadtest.runner.pulse import Pulse, time_on_cpu_ns


class World:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.cpu_ns = 5_000_000
        self.pulse = Pulse(lambda: self.cpu_ns, lambda: self.now_s)

    def goes_on(self, seconds: int, *, working: bool) -> float:
        still_s = 0.0
        for _ in range(seconds * 4):
            self.now_s += 0.25
            self.cpu_ns += 1000 * working
            still_s = self.pulse.still_s()
        return still_s


def test_one_that_works_now_and_then_never_stands_still() -> None:
    assert World().goes_on(120, working=True) < 1.5


def test_one_that_has_stopped_is_told_for_how_long_until_it_goes_on() -> None:
    world = World()
    world.goes_on(10, working=True)
    assert world.goes_on(61, working=False) == pytest.approx(61, abs=1.5)
    assert world.goes_on(2, working=True) < 1.5


def test_who_stood_still_itself_accuses_nobody() -> None:
    world = World()
    world.goes_on(10, working=True)
    world.now_s += 3600
    assert world.pulse.still_s() == 0


def test_a_process_that_works_has_a_pulse_and_one_that_cannot_be_watched_is_taken_for_alive() -> None:
    before = time_on_cpu_ns(os.getpid())
    while time_on_cpu_ns(os.getpid()) == before:  # for ever, if it had none
        sum(range(10_000))
    assert time_on_cpu_ns(-1) < time_on_cpu_ns(-1)
