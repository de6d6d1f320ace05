"""The course of a run: its parts gather, then ramp, warm-up, steady, and the faults on their timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin import wire
from loadtest.protocol.phases import RAMP, STEADY, WARMUP
from loadtest.scenario.faults import timeline
from loadtest.units import NS_PER_S, NS_PER_US, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.locust_plugin.run import Run
    from loadtest.scenario.plan import Plan

PREPARE_TIMEOUT_S = 60.0
REGISTER_GRACE_S = 30.0
IN_VAIN_PATIENCE_S = 5.0
"""How long after the ramp a fleet is given up that was turned away as a whole."""
_POLL_S = 0.1
_POLL_US = int(_POLL_S * US_PER_S)
_NOTICE_S = 0.3
"""What begins at a given instant is announced so long before it begins, so that every process knows it in time."""


class _EndedEarly(Exception):  # noqa: N818 - nothing is wrong with the harness
    """A threshold that may end a run did not hold."""


class Course:
    """Leads a run from its first phase to the end of its steady phase.

    Args:
        run: Set up.
        plan: Its plan.
        workers: How many Locust processes take part.
        all_spawned: Says whether Locust has started all its users.
    """

    def __init__(self, run: Run, plan: Plan, workers: int, all_spawned: Callable[[], bool]) -> None:
        self._run = run
        self._plan = plan
        self._workers = workers
        self._all_spawned = all_spawned
        self._looked_ns = 0  # until the ramp begins

    def follow(self) -> None:
        """Returns when the run is over, or ended early by a threshold; only its tail is still to be collected.

        Raises:
            EnvironmentNotReady: The parts did not come together.
        """
        try:
            self._gather()
            if self._ramp():
                self._hold()
        except _EndedEarly:
            return

    @property
    def _cohorts(self) -> int:
        """How many there are to be when the ramp begins."""
        return self._run.parts.allotment.planned

    @property
    def _charge_points(self) -> int:
        """How many these have."""
        return self._plan.settings.charge_points

    def _gather(self) -> None:
        """Wait until every cohort is placed and every child is ready."""
        plan, parts, cohorts = self._plan, self._run.parts, self._cohorts
        engines = self._workers * plan.settings.engines
        sources, allotment = parts.sources, parts.allotment

        def gathered() -> bool:
            return (
                self._all_spawned()
                and allotment.given >= cohorts
                and sources.ready(wire.ENGINE) >= engines
                and sources.ready(wire.SUBSCRIBER) >= plan.subscribers
            )

        self._wait_until(monotonic_ns() + int(PREPARE_TIMEOUT_S * NS_PER_S), gathered)
        if not gathered():
            raise EnvironmentNotReady(
                f"after {PREPARE_TIMEOUT_S:g} s only {sources.ready(wire.ENGINE)} of {engines} engines, "
                f"{sources.ready(wire.SUBSCRIBER)} of {plan.subscribers} subscribers and "
                f"{allotment.given} of {cohorts} cohorts are there",
                hint=f"see the logs in {plan.log_dir}",
            )

    def _ramp(self) -> bool:
        """Have charge points connect and wait for them; returns whether there is a steady phase to come.

        Nobody waits for those whose own links are down: there may always be some.
        """
        run, settings = self._run, self._plan.settings
        self._looked_ns = monotonic_ns()
        start_ns = run.enter(RAMP)
        end_ns = start_ns + int(settings.ramp_s * NS_PER_S)
        deadline_ns = end_ns + int((settings.call_timeout_s + REGISTER_GRACE_S) * NS_PER_S)
        sources = run.parts.sources

        def turned_away() -> bool:
            return monotonic_ns() >= end_ns + int(IN_VAIN_PATIENCE_S * NS_PER_S) and sources.all_in_vain

        self._wait_until(
            deadline_ns,
            lambda: (
                run.system_died or sources.registered + sources.never_by_link >= self._charge_points or turned_away()
            ),
        )
        if run.system_died or turned_away():  # nobody else will register
            return False
        self._wait_until(end_ns)
        return True

    def _hold(self) -> None:
        """What comes when all are there."""
        self._steady(self._warm_up())

    def _warm_up(self) -> int | None:
        """Have the full load without looking at it; returns when that is over, if there was any."""
        warmup_s = self._plan.settings.warmup_s
        if not warmup_s:
            return None
        end_ns = self._run.enter(WARMUP) + int(warmup_s * NS_PER_S)
        self._wait_until(end_ns - int(_NOTICE_S * NS_PER_S))
        return end_ns

    def _steady(self, start_ns: int | None) -> None:
        run = self._run
        start_ns = run.enter(STEADY, None if start_ns is None else _not_past(start_ns))
        run.faults.plan(run.epoch_ns, start_ns, self._plan.subscribers)
        for moment in timeline(run.system.faults):
            at_ns = start_ns + int(moment.at_s * NS_PER_S)
            self._wait_until(at_ns - int(_NOTICE_S * NS_PER_S))
            at_ns = _not_past(at_ns)
            run.faults.announce(moment, at_ns)
            run.enter(moment.phase, at_ns)
        self._wait_until(start_ns + int(self._plan.settings.duration_s * NS_PER_S))

    def _wait_until(self, deadline_ns: int, met: Callable[[], bool] = lambda: False) -> None:
        while (rest_ns := deadline_ns - monotonic_ns()) > 0 and not met():
            self._run.parts.watch_workers()
            if self._run.collector.missed_early():
                raise _EndedEarly
            gevent.sleep(min(_POLL_S, rest_ns / NS_PER_S))
            self._look_round()

    def _look_round(self) -> None:
        """Notice that this process stood still, or was kept busy by somebody else, while it had charge points to lead.

        So it did when much more time has passed since the last look than between two.
        """
        if not self._looked_ns:
            return  # they are still being gathered: what takes long then delays nobody
        before_ns, self._looked_ns = self._looked_ns, monotonic_ns()
        lag_us = (self._looked_ns - before_ns) // NS_PER_US - _POLL_US
        self._run.collector.note_standstill(lag_us)


def _not_past(at_ns: int) -> int:
    """An instant that can still be announced: who stood still as it passed has it come later, not in hindsight."""
    now_ns = monotonic_ns()
    return at_ns if at_ns > now_ns else now_ns + int(_NOTICE_S * NS_PER_S)
