"""Keeps what storms are found in while a run goes on: 4 bytes for each loss and registration, a row for each second."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from loadtest.measure import storm as storms
from loadtest.measure.histogram import Histogram
from loadtest.measure.storm import Storm, StormSecond
from loadtest.measure.storm_levels import Levels
from loadtest.measure.tags import INTENDED, REGISTER, ROUND_TRIP
from loadtest.protocol.phases import DRAIN, FAULT, RAMP, RECOVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.spans import PhaseSpan
    from loadtest.measure.tags import Tag

BOOT_STORM_RAMP_S = 10.0
"""A ramp shorter than this is a boot storm."""

_COUNTERS = {
    "attempts": "engine.connect_attempts",
    "connects": "engine.connects",
    "refused": "engine.connect_refused",
    "failed": "engine.connect_failed",
    "timed_out": "engine.connect_timed_out",
    "received_bytes": "gateway.received_bytes",
}
_MS = 0.001
"""Instants of charge points are cut to the ms, those of phases rounded: so much may a loss precede what caused it."""
_FAILURES = "engine.connect_failures."
_TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")


class StormWatch:
    """Takes reports and seconds, and finds the storms in them."""

    def __init__(self) -> None:
        self._lost_ms = array("I")
        self._registered_ms = array("I")
        self._counts: dict[int, dict[str, int]] = {}
        self._failures: dict[int, dict[str, int]] = {}
        self._totals: dict[str, dict[str, int]] = {}
        self._seconds: dict[int, tuple[int, int]] = {}

    def take(self, source: str, report: IntervalReport) -> None:
        """Take what one process says of an interval.

        Raises:
            ValueError: The instants are no whole number of them.
        """
        self._lost_ms.frombytes(report.lost_ms)
        self._registered_ms.frombytes(report.registered_ms)
        before = self._totals.setdefault(source, {})
        for field, name in _COUNTERS.items():
            total = report.counters.get(name, 0)
            if total != before.get(field, 0):
                counts = self._counts.setdefault(max(report.index, 0), {})
                counts[field] = counts.get(field, 0) + total - before.get(field, 0)
                before[field] = total
        for name, total in report.counters.items():
            if name.startswith(_FAILURES) and total != before.get(name, 0):
                cause = name.removeprefix(_FAILURES)
                failures = self._failures.setdefault(max(report.index, 0), {})
                failures[cause] = failures.get(cause, 0) + total - before.get(name, 0)
                before[name] = total

    def second(self, index: int, *, sent: int, backlog: int) -> None:
        """Take what all processes together say of a second."""
        self._seconds[index] = (sent, backlog)

    def registered_after_s(self, charge_points: int, phases: Sequence[PhaseSpan]) -> dict[int, float]:
        """Seconds from the beginning of the ramp until a share of the fleet was registered, by percent."""
        if not phases or not charge_points:
            return {}
        start_s, end_s = _watched(phases)
        return storms.boot_storm(self._levels(), charge_points, start_s, end_s, RAMP).back_after_s

    def find(
        self,
        charge_points: int,
        phases: Sequence[PhaseSpan],
        ramp_s: float | None,
        totals: Mapping[Tag, Histogram],
    ) -> list[Storm]:
        """The storms of the run, in order.

        Args:
            charge_points: Size of the fleet.
            phases: Of the run; nothing is a storm once it drains.
            ramp_s: Time over which the charge points were to connect; ``None``: not known.
            totals: All samples by series.
        """
        if not phases or not charge_points:
            return []
        levels = self._levels()
        start_s, end_s = _watched(phases)
        found = []
        if ramp_s is not None and ramp_s < BOOT_STORM_RAMP_S:
            found.append(storms.boot_storm(levels, charge_points, start_s, end_s, RAMP))
        blows_s = _blows(levels, phases, storms.most_lost(charge_points))
        for since_s, until_s in pairwise([start_s, *(at_s for at_s in blows_s if start_s < at_s < end_s), end_s]):
            found += storms.reconnect_storms(levels, charge_points, since_s, until_s)
        seconds = [
            StormSecond(
                index, sent=sent, backlog=backlog, failures=self._failures.get(index, {}), **self._counts.get(index, {})
            )
            for index, (sent, backlog) in sorted(self._seconds.items())
        ]
        ends_s = [*(storm.start_s for storm in found[1:]), end_s]
        for storm, until_s in zip(found, ends_s, strict=False):  # nothing follows the last one, nor none
            storm.phase = storm.phase or _phase_at(phases, storm.start_s + _MS)
            storms.fill_counts(storm, seconds, until_s)
            _fill_latencies(storm, totals)
        return found

    def _levels(self) -> Levels:
        return Levels(np.array(self._lost_ms, np.uint32), np.array(self._registered_ms, np.uint32))


def _watched(phases: Sequence[PhaseSpan]) -> tuple[float, float]:
    """Between which instants charge points are missed: once a run drains they are to leave."""
    return phases[0].start_s, next((span.start_s for span in phases if span.name == DRAIN), phases[-1].end_s)


def _blows(levels: Levels, phases: Sequence[PhaseSpan], more: int) -> Iterator[float]:
    """When faults began that took more charge points than that: each begins a storm, whatever was before it."""
    for span in phases:
        if span.name.startswith(f"{FAULT}:") and levels.fall((span.start_s - _MS) * 1000, span.end_s * 1000) > more:
            yield span.start_s - _MS


def _phase_at(phases: Sequence[PhaseSpan], at_s: float) -> str:
    return next((span.name for span in reversed(phases) if span.start_s <= at_s), "")


def _fill_latencies(storm: Storm, totals: Mapping[Tag, Histogram]) -> None:
    """A fault is followed by its recovery: both are the storm's."""
    own = {storm.phase}
    kind, _, name = storm.phase.partition(":")
    if kind in (FAULT, RECOVERY) and name:
        own = {f"{FAULT}:{name}", f"{RECOVERY}:{name}"}

    def p99_us(belongs: Callable[[Tag], bool]) -> int:
        merged = Histogram()
        for tag, histogram in totals.items():
            if tag.phase in own and tag.kind == INTENDED and belongs(tag):
                merged.merge(histogram)
        return min(merged.percentile(99), merged.max_us)

    storm.register_p99_us = p99_us(lambda tag: tag.leg == REGISTER)
    storm.transaction_p99_us = p99_us(lambda tag: tag.leg == ROUND_TRIP and tag.action in _TRANSACTION_MESSAGES)
