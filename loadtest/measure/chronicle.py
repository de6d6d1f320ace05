"""The chronicle of a run: phases, faults, events and what is found out about the system under test, as it happens."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from loadtest.measure import regional_outages, run_events
from loadtest.measure.regional_outages import RegionalOutages
from loadtest.measure.run_events import RunEvent
from loadtest.measure.spans import PhaseSpan, phase_at
from loadtest.protocol.phases import STEADY
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadtest.clock import Clock
    from loadtest.measure.host_clock import HostClock
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.spans import FaultSpan

_CLOCK_STEP_S = 2.0
"""By more than that no clock is slewed in a run."""


class Chronicle:
    """What happens in a run besides what is counted and measured; it goes into the record at once.

    Args:
        record: Of the run, in the making.
        clock: Monotonic nanoseconds, of the same origin as the run's epoch.
        wall_clock: The time of day, of the same origin as the run's beginning.
    """

    def __init__(self, record: RunRecord, clock: Clock, wall_clock: Callable[[], dt.datetime]) -> None:
        self._record = record
        self._clock = clock
        self._wall_clock = wall_clock
        self._outages = RegionalOutages()

    @property
    def run_id(self) -> str:
        """The run it is about."""
        return self._record.run.run_id

    def enter_phase(self, name: str, at_ns: int) -> None:
        """From ``at_ns`` on it is phase ``name``."""
        at_s = round((at_ns - self._record.run.epoch_ns) / NS_PER_S, 3)
        if self._record.phases:
            self._record.phases[-1].end_s = at_s
        self._record.phases.append(PhaseSpan(name, at_s, at_s))

    def plan_faults(self, faults: Iterable[FaultSpan]) -> None:
        """What is going to be broken on purpose."""
        self._record.faults = list(faults)

    def fault_state(self, name: str, at_ns: int, *, begun: bool) -> None:
        """A fault has begun, or what it took away is back."""
        at_s = round((at_ns - self._record.run.epoch_ns) / NS_PER_S, 3)
        for fault in self._record.faults:
            if fault.name == name:
                if begun:
                    fault.begin_s = at_s
                else:
                    fault.back_s = at_s
                kind = run_events.FAULT_BEGUN if begun else run_events.FAULT_OVER
                self._record.events.append(RunEvent(at_s, kind, f"{name}: {fault.what}", "scenario"))

    def event(self, kind: str, text: str, part: str = "") -> None:
        """Put something on record; kinds with a meaning for the verdict stand in :mod:`loadtest.measure.run_events`."""
        self._record.events.append(RunEvent(round(self._elapsed_s(), 3), kind, text, part))

    def describe_sut(self, facts: dict[str, Any]) -> None:
        """Add to the description of the system under test."""
        self._record.run.sut.update(facts)

    def describe_part(self, part: str, facts: dict[str, Any]) -> None:
        """Add to the description of one part of it."""
        self._record.run.sut.setdefault(part, {}).update(facts)

    def adapted(self, sentences: Iterable[str]) -> None:
        """What had to be otherwise than asked for, with this system under test."""
        self._record.run.adaptations += sentences

    def compare_clock(self, clock: HostClock) -> None:
        """How the clock of a worker's host compares with ours, as far as is known by now."""
        clocks = [known for known in self._record.clocks if known.worker != clock.worker]
        self._record.clocks = sorted([*clocks, clock], key=lambda each: each.worker)

    def _end(self) -> None:
        """The run ends now: so long after its beginning as was measured, wherever the time of day has gone."""
        record = self._record
        record.end_s = round(self._elapsed_s(), 3)
        record.ended_at = record.run.started_at + dt.timedelta(seconds=record.end_s)
        if record.phases:
            record.phases[-1].end_s = record.end_s
        step_s = (self._wall_clock() - record.ended_at).total_seconds()
        if abs(step_s) > _CLOCK_STEP_S:
            text = f"the time of day is {step_s:+,.0f} s off the time measured: it was set, or the machine slept"
            self.event(run_events.CLOCK_STEPPED, text, "host")

    def _elapsed_s(self) -> float:
        return (self._clock() - self._record.run.epoch_ns) / NS_PER_S

    def _is_steady(self, index: int) -> bool:
        """Whether a second lies within the steady phase."""
        phases = self._record.phases
        return phase_at(phases, index) == STEADY == phase_at(phases, index + 1)

    def _tell_outages(self) -> None:
        """The run is over: put on record which regional outages there were."""
        record = self._record
        record.regional_outages = self._outages.until(record.end_s)
        record.events += regional_outages.events(record.regional_outages, record.end_s)
        record.events.sort(key=lambda event: event.at_s)
