"""A fleet that grows in steps: what each is, what it is held against, and the course over them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from loadtest.clock import monotonic_ns
from loadtest.errors import UsageError
from loadtest.locust_plugin import CapacitySearch, stepped_course
from loadtest.locust_plugin.stairs import stairs_of
from loadtest.locust_plugin.stepped_course import SteppedCourse
from loadtest.protocol.phases import with_steps
from loadtest.scenario.bounds import below
from loadtest.scenario.mix import Allotment, cut_into
from loadtest.scenario.thresholds import Latency, Messages


class Climb(CapacitySearch):
    steps = 3
    step_s = 1.0
    settle_s = 1.0


class Quick(Climb):
    step_s = 0.001
    settle_s = 0.001


def test_each_step_has_a_phase_and_the_thresholds_of_the_steady_phase() -> None:
    climb = Climb()
    assert climb.phases == with_steps(3)
    assert [climb.phase(step) for step in (1, 2, 3)] == ["step:01", "step:02", "step:03"]
    demanded = (
        Latency("p99", "uplink", below(50, "ms")),
        Latency("p99", "register", below(5, "s")),
        Messages("lost", below(1, "%"), phase="steady"),
    )
    held = climb.of_steps(demanded)
    assert list(map(str, held)) == [
        *(f"p99 uplink step:0{step} < 50ms abort after 1s" for step in (1, 2, 3)),
        "p99 register ramp < 5s",
        *(f"lost step:0{step} < 1%" for step in (1, 2, 3)),
    ]
    for threshold in held:
        threshold.check(climb.phases)


def test_each_step_adds_the_same_cohorts_and_some_of_each_class() -> None:
    climb = Climb()
    assert climb.cohorts_of_step(classes=1, suitable=7, charge_points=7000) == 3
    assert climb.cohorts_of_step(classes=4, suitable=4, charge_points=12) == 4
    with pytest.raises(UsageError, match="--charge-points: 11 are too few for 3 steps of 4 cohorts"):
        climb.cohorts_of_step(classes=4, suitable=4, charge_points=11)
    climb.users = lambda: (2, 4)
    assert climb.tick() == (6, 100)
    climb.step = 3
    assert climb.tick() == (14, 100)
    climb.reset_time()
    assert climb.tick() == (6, 100), "the next run begins with the first step"


def test_while_nothing_can_be_run_one_user_is_started_that_is_told_why() -> None:
    def refuse() -> tuple[int, int]:
        raise UsageError("--ramp: 'soon' is not a duration")

    climb = Climb()
    climb.users = refuse
    assert climb.tick() == (1, 100)


def test_what_cannot_be_climbed_is_told_at_once() -> None:
    class Wrong(CapacitySearch):
        steps = 13
        step_s = 0.1
        settle_s = float("nan")

    with pytest.raises(UsageError) as caught:
        Wrong().check([object()])
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        *("Wrong.steps", "Wrong.step_s", "Wrong.settle_s", "Wrong")
    ]
    Climb().check(())


def test_only_a_shape_of_ours_is_one() -> None:
    climb = Climb()
    mine: Any = SimpleNamespace(shape_class=climb)
    others: Any = SimpleNamespace(shape_class=object())
    assert stairs_of(mine) is climb
    assert stairs_of(others) is None


class Scene:
    """A run in which Locust starts what the shape says at once, and every charge point registers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stepped_course, "JUDGED_WITHIN_S", 0.0)
        self.climb = Quick()
        self.allotment = Allotment(cut_into({"A": 60}, 6))
        self.entered: list[str] = []
        self.told: list[str] = []
        self.missed_in = ""
        collector = SimpleNamespace(
            note_standstill=lambda _: None,
            missed_early=lambda: self.missed_in and self.entered[-2:] == [self.missed_in, "warmup"],
            event=lambda _kind, text, _part: self.told.append(text),
        )
        sources = SimpleNamespace(ready=lambda _role: 1, never_by_link=0, registered=60, all_in_vain=False)
        parts = SimpleNamespace(sources=sources, allotment=self.allotment, watch_workers=self._spawn)
        run: Any = SimpleNamespace(enter=self._enter, system_died=False, parts=parts, collector=collector)
        self.run = run
        settings = SimpleNamespace(ramp_s=0.0, call_timeout_s=1.0, charge_points=60, engines=1)
        plan: Any = SimpleNamespace(settings=settings, subscribers=1)
        self.course = SteppedCourse(run, plan, 1, lambda: True, self.climb)

    def _spawn(self) -> None:
        while self.allotment.given < 2 * self.climb.step:
            self.allotment.give("A")

    def _enter(self, phase: str) -> int:
        self.entered.append(phase)
        return monotonic_ns()


def test_the_fleet_grows_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.course.follow()
    assert scene.entered == ["ramp", *("warmup", "step:01"), *("warmup", "step:02"), *("warmup", "step:03"), "warmup"]
    assert scene.told == [f"step:0{step}: {20 * step} charge points" for step in (1, 2, 3)]


def test_a_step_that_misses_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    monkeypatch.setattr(stepped_course, "JUDGED_WITHIN_S", 1.0)
    scene.missed_in = "step:02"
    scene.course.follow()
    assert scene.entered[-2:] == ["step:02", "warmup"]
    assert scene.allotment.charge_points == 40, "nobody else was asked for"


def test_without_a_system_under_test_no_step_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.run.system_died = True
    scene.course.follow()
    assert scene.entered == ["ramp"]
