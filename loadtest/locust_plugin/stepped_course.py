"""The course of a run whose fleet grows in steps: each is gathered, connected, settled, held and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.locust_plugin.course import PREPARE_TIMEOUT_S, REGISTER_GRACE_S, Course
from loadtest.protocol.phases import WARMUP
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.locust_plugin.run import Run
    from loadtest.locust_plugin.stairs import CapacitySearch
    from loadtest.scenario.plan import Plan

JUDGED_WITHIN_S = 3.0
"""After a step, before the fleet grows on: by then its last second has been reported and judged."""


class SteppedCourse(Course):
    """Leads a run up its steps.

    Args:
        run: Set up.
        plan: Its plan.
        workers: How many Locust processes take part.
        all_spawned: Says whether Locust has started its first users.
        stairs: The shape. Its ``step`` is what Locust goes by.
    """

    def __init__(
        self, run: Run, plan: Plan, workers: int, all_spawned: Callable[[], bool], stairs: CapacitySearch
    ) -> None:
        super().__init__(run, plan, workers, all_spawned)
        self._stairs = stairs

    @property
    def _cohorts(self) -> int:
        return self._run.parts.allotment.planned // self._stairs.steps * self._stairs.step

    @property
    def _charge_points(self) -> int:
        return self._run.parts.allotment.charge_points

    def _hold(self) -> None:
        run, stairs = self._run, self._stairs
        for step in range(1, stairs.steps + 1):
            run.enter(WARMUP)
            if step > 1:
                self._wait_for(JUDGED_WITHIN_S)  # a step that has missed ends the run here
                self._grow(step)
            self._wait_for(stairs.settle_s)
            if run.system_died:
                return
            phase = stairs.phase(step)
            start_ns = run.enter(phase)
            run.collector.event("step", f"{phase}: {self._charge_points:,} charge points", "scenario")
            self._wait_until(start_ns + int(stairs.step_s * NS_PER_S))
        run.enter(WARMUP)
        self._wait_for(JUDGED_WITHIN_S)

    def _grow(self, step: int) -> None:
        """Have more charge points connect, and wait for them as for the first."""
        run, settings, stairs = self._run, self._plan.settings, self._stairs
        stairs.step = step
        allotment, sources = run.parts.allotment, run.parts.sources
        self._wait_for(PREPARE_TIMEOUT_S, lambda: allotment.given >= self._cohorts)
        self._wait_for(
            settings.ramp_s + settings.call_timeout_s + REGISTER_GRACE_S,
            lambda: run.system_died or sources.registered + sources.never_by_link >= self._charge_points,
        )

    def _wait_for(self, time_s: float, met: Callable[[], bool] = lambda: False) -> None:
        self._wait_until(monotonic_ns() + int(time_s * NS_PER_S), met)
