"""What one run shows, figure by figure, in the form in which runs are held against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from loadtest.compare.figure_keys import PLACES, SHARE_THERE, Key, key_of
from loadtest.errors import ResultError
from loadtest.measure import compared_figures as kinds
from loadtest.measure import timeline
from loadtest.measure.compared_figures import ALL_ACTIONS, LATENCY, Quantity
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval_log import IntervalLogReader
from loadtest.measure.run_record import LATENCY_HLOG, TIMELINE_CSV
from loadtest.measure.source_health import CPU_DECIMALS
from loadtest.measure.summaries import summary
from loadtest.measure.tags import CONNECT, INTENDED, PACER, REGISTER, Tag, parse
from loadtest.protocol.phases import FAULT, RAMP, RECOVERY, STEADY
from loadtest.scenario.settings import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import ClassTotals, LatencySummary
    from loadtest.measure.source_health import SourceHealth

_PERCENTS = (50.0, 90.0, 99.0, 99.9)
BEYOND: Final = 10
"""Samples that must lie above a percentile in every run: with fewer it is the luck of single messages."""
_SLOT = 0.001
"""Width of a histogram's slot, relative to its value: no spread smaller than that can be seen."""
_CPU_STEP_PERCENT = 10.0**-CPU_DECIMALS
"""In steps of this CPU is recorded."""
_PAGE_BYTES = 4096.0
"""In steps of this memory is recorded."""


@dataclass(slots=True)
class RunFigures:
    """Everything of one run that is compared.

    Attributes:
        values: In the units of :data:`UNITS`; 0 where there is too little to tell.
        steps: The resolution each value is measured with, in the same unit.
        samples: Response times of all actions by phase and leg; empty without the interval log.
        gaps: What could not be read, in sentences.
    """

    values: dict[Key, float] = field(default_factory=dict)
    steps: dict[Key, float] = field(default_factory=dict)
    samples: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def put(self, key: Key, value: float, step: float) -> None:
        """Keep a figure."""
        self.values[key], self.steps[key] = value, step


def run_figures(record: RunRecord, folder: Path | None = None) -> RunFigures:
    """Read what a run shows.

    Args:
        record: Of the run.
        folder: With what else there is of it; a saved baseline has its record alone.
    """
    found = RunFigures()
    for row in record.latency:
        tag = parse(row.tag)
        if _matters(tag):
            _latency(found, tag, row)
    if folder is not None and (folder / LATENCY_HLOG).exists():
        _samples(found, folder)
    _loss(found, record)
    if SHARE_THERE in record.registered_after_s:
        found.put(key_of(kinds.REGISTERED), record.registered_after_s[SHARE_THERE], 0.01)
    for storm in record.storms:
        if storm.kind != "boot" and SHARE_THERE in storm.back_after_s:
            key = key_of(kinds.BACK, storm.phase)
            found.put(key, max(storm.back_after_s[SHARE_THERE], found.values.get(key, 0.0)), 0.1)
    rate = _throughput(found, record, folder)
    for health in record.health:
        if health.source == "broker":
            _cost(found, health, rate, kinds.BROKER_CPU, kinds.BROKER_MEMORY)
            _memory_share(found, [health], record.registered, kinds.BROKER_SHARE)
        elif health.source == "gateway":
            _cost(found, health, rate, kinds.GATEWAY_CPU, kinds.GATEWAY_MEMORY)
            _memory_share(found, [health], record.registered, kinds.GATEWAY_SHARE)
    between = [health for health in record.health if health.source in ("broker", "gateway")]
    if {"broker"} | ({GATEWAY} & record.run.paths) <= {health.source for health in between}:
        _cpu(found, sum(health.cpu_percent for health in between), rate, kinds.TOGETHER_CPU)
        _memory_share(found, between, record.registered, kinds.TOGETHER_SHARE)
    engines = [health for health in record.health if health.role == "engine"]
    _cpu(found, sum(health.cpu_percent for health in engines), rate, kinds.ENGINE_CPU)
    _memory_share(found, engines, record.registered, kinds.ENGINE_SHARE)
    _transactions(found, record)
    _wire(found, record)
    for part in record.classes:
        _class(found, part)
    return found


def _class(found: RunFigures, part: ClassTotals) -> None:
    """What is told of one class of charge points as well."""
    for row in part.all_actions:
        tag = parse(row.tag)._replace(action=ALL_ACTIONS)
        if _matters(tag):
            _latency(found, tag, row, part.name)
    _loss(found, part, part.name)
    _transactions(found, part, part.name)
    _wire(found, part, part.name)


def _matters(tag: Tag) -> bool:
    """Response times, where they say something: connecting in the ramp, the rest under load, all of it in faults."""
    usual = RAMP if tag.leg in (CONNECT, REGISTER) else STEADY
    kind = tag.phase.partition(":")[0]
    return tag.kind == INTENDED and tag.leg != PACER and (tag.phase == usual or kind in (FAULT, RECOVERY))


def _latency(found: RunFigures, tag: Tag, row: LatencySummary, fleet_class: str = "") -> None:
    for percent, value_us in zip(_PERCENTS, (row.p50_us, row.p90_us, row.p99_us, row.p999_us), strict=True):
        enough = row.count * (100 - percent) / 100 >= BEYOND
        value = float(max(min(value_us, row.max_us), 1))
        key = Key(PLACES[LATENCY], LATENCY, tag.phase, tag.leg, tag.action, percent, fleet_class)
        found.put(key, value if enough else 0.0, max(1.0, value * _SLOT))


def _samples(found: RunFigures, folder: Path) -> None:
    """All actions of a leg together, which only the interval log knows."""
    tags: dict[str, Tag] = {}
    try:
        for interval in IntervalLogReader(folder / LATENCY_HLOG):
            tag = tags.get(interval.tag) or tags.setdefault(interval.tag, parse(interval.tag))
            if _matters(tag):
                found.samples.setdefault((tag.phase, tag.leg), Histogram()).merge(interval.samples())
    except (ResultError, ValueError) as error:
        found.samples.clear()
        found.gaps.append(f"{LATENCY_HLOG}: {error}")
    for (phase, leg), histogram in found.samples.items():
        tag = Tag(phase, leg, ALL_ACTIONS, INTENDED)
        _latency(found, tag, summary(tag, histogram))


def _throughput(found: RunFigures, record: RunRecord, folder: Path | None) -> float:
    """Messages per second that arrived in whole seconds of the steady phase; 0 when nobody can tell."""
    if folder is None or not (folder / TIMELINE_CSV).exists():
        return 0.0
    try:
        rows = timeline.read(folder / TIMELINE_CSV)
    except ResultError as error:
        found.gaps.append(error.message)
        return 0.0
    arrived = list(_arrived(rows, observed=record.deliveries.observed))
    rate = sum(arrived) / len(arrived) if arrived else 0.0
    if rate:
        found.put(key_of(kinds.THROUGHPUT), rate, 1 / len(arrived))
    return rate


def _arrived(rows: list[timeline.TimelineRow], *, observed: bool) -> Iterator[int]:
    for row, following in pairwise(rows):  # a row is named after the phase at its beginning
        if row.phase == following.phase == STEADY:
            yield row.delivered if observed else row.answered


def _cpu(found: RunFigures, cpu_percent: float, rate: float, quantity: Quantity) -> None:
    if cpu_percent and rate:
        us_per_percent = 1e4 / rate
        found.put(key_of(quantity), cpu_percent * us_per_percent, _CPU_STEP_PERCENT * us_per_percent)


def _memory_share(found: RunFigures, healths: Sequence[SourceHealth], charge_points: int, quantity: Quantity) -> None:
    """What memory has grown by since before the first connection, for each charge point."""
    grown_bytes = sum(health.rss_bytes_max - health.rss_bytes_first for health in healths)
    if charge_points and grown_bytes > 0 and all(health.rss_bytes_first for health in healths):
        found.put(key_of(quantity), grown_bytes / charge_points, _PAGE_BYTES * len(healths) / charge_points)


def _loss(found: RunFigures, part: RunRecord | ClassTotals, fleet_class: str = "") -> None:
    """Messages the system under test lost, of those sent."""
    sent = part.operations.sent
    if part.deliveries.observed and sent:
        found.put(key_of(kinds.LOSS, fleet_class=fleet_class), 100 * part.deliveries.lost / sent, 100 / sent)


def _transactions(found: RunFigures, part: RunRecord | ClassTotals, fleet_class: str = "") -> None:
    """Messages lost and late, for every 100 transactions."""
    ledger = part.transactions
    if ledger is not None and ledger.started and part.deliveries.observed:
        step = 100 / ledger.started
        found.put(key_of(kinds.TRANSACTION_LOSS, fleet_class=fleet_class), ledger.lost * step, step)
        found.put(key_of(kinds.TRANSACTION_DELAY, fleet_class=fleet_class), ledger.late * step, step)


def _wire(found: RunFigures, part: RunRecord | ClassTotals, fleet_class: str = "") -> None:
    """Both ways, over the whole run; nothing when there are connections that could not be counted."""
    counters = part.counters
    connections = counters.get("engine.tcp_connections", 0)
    carried = counters.get("engine.tcp_bytes_sent", 0) + counters.get("engine.tcp_bytes_received", 0)
    if connections and not counters.get("engine.tcp_uncounted", 0):
        each = key_of(kinds.SESSION_BYTES, fleet_class=fleet_class)
        found.put(each, carried / connections, 1 / connections)
        if part.registered:
            of_one = key_of(kinds.CHARGE_POINT_BYTES, fleet_class=fleet_class)
            found.put(of_one, carried / part.registered, 1 / part.registered)


def _cost(found: RunFigures, health: SourceHealth, rate: float, cpu: Quantity, memory: Quantity) -> None:
    _cpu(found, health.cpu_percent, rate, cpu)
    if health.rss_bytes_max:
        found.put(key_of(memory), float(health.rss_bytes_max), _PAGE_BYTES)
