"""A run's folder, read for reporting: as much as is there, and a sentence for all that is not."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from loadtest.errors import DamagedResultError, ResultError
from loadtest.measure import comparison_record, run_record, timeline
from loadtest.measure import ledger as ledgers
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval_log import IntervalLogReader
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_record import RunRecord
from loadtest.measure.tags import PACER, Tag, parse
from loadtest.reports.heat_map import HeatMap

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.comparison_record import Comparison
    from loadtest.measure.interval_log import Interval
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.timeline import TimelineRow

MOST_DAMAGE = 10
"""Damaged lines of one file that are told of one by one."""


@dataclasses.dataclass(slots=True)
class RunFolder:
    """Everything a report is made of.

    Attributes:
        totals: All samples by series, from the interval log.
        heat: The same by time, for each leg and kind.
        comparison: With a baseline, if it was held against one.
        gaps: What could not be read, one sentence each.
    """

    record: RunRecord
    ledger: Ledger | None = None
    totals: dict[Tag, Histogram] = dataclasses.field(default_factory=dict)
    heat: dict[tuple[str, str], HeatMap] = dataclasses.field(default_factory=dict)
    timeline: list[TimelineRow] = dataclasses.field(default_factory=list)
    comparison: Comparison | None = None
    gaps: list[str] = dataclasses.field(default_factory=list)

    def merged(self, phase: str, leg: str, kind: str) -> Histogram:
        """The samples of all actions in one phase."""
        histogram = Histogram()
        for tag, samples in self.totals.items():
            if (tag.phase, tag.leg, tag.kind) == (phase, leg, kind):
                histogram.merge(samples)
        return histogram


def open_run(run_dir: Path) -> RunFolder:
    """Read a run's folder.

    Raises:
        ResultError: There is no run record, or it is of a version this one cannot read; anything else that is missing
            or damaged, the record included, becomes one of the ``gaps``.
    """
    gaps: list[str] = []
    try:
        record = run_record.load(run_dir)
    except DamagedResultError as error:
        gaps.append(f"{error.message}. Without it there is no verdict, and nothing to say about what was tested.")
        unknown = RunDescription(
            run_id=run_dir.name, scenario=run_dir.name, started_at=dt.datetime.fromtimestamp(0, dt.UTC)
        )
        record = RunRecord(state="partial", run=unknown)
    run = RunFolder(record, gaps=gaps)
    if record.state != "running":
        try:
            run.ledger = ledgers.load(run_dir)
        except ResultError as error:
            gaps.append(f"{error.message}.")
    try:
        run.comparison = comparison_record.load(run_dir)
    except ResultError as error:
        gaps.append(f"{error.message}.")
    _read_timeline(run, run_dir)
    _read_samples(run, run_dir)
    return run


def _read_timeline(run: RunFolder, run_dir: Path) -> None:
    damage: list[str] = []
    try:
        run.timeline = timeline.read(run_dir / run_record.TIMELINE_CSV, damage)
    except ResultError as error:
        damage.append(error.message)
    run.gaps += _told(run_record.TIMELINE_CSV, damage)


def _read_samples(run: RunFolder, run_dir: Path) -> None:
    damage: list[str] = []
    reader = IntervalLogReader(run_dir / run_record.LATENCY_HLOG, damage)
    tags: dict[str, Tag] = {}
    try:
        for interval in reader:
            try:
                _add(run, tags, interval)
            except ResultError as error:
                damage.append(error.message)
            except ValueError as error:
                damage.append(f"line {interval.line} is damaged: {error}")
    except ResultError as error:
        damage.append(error.message)
    if reader.truncated_line:
        damage.append(f"line {reader.truncated_line}, the last, was cut off")
    if reader.started_at_s and not run.record.run.started_at.timestamp():
        run.record.run.started_at = dt.datetime.fromtimestamp(reader.started_at_s, dt.UTC)
    run.gaps += _told(run_record.LATENCY_HLOG, damage)


def _add(run: RunFolder, tags: dict[str, Tag], interval: Interval) -> None:
    tag = tags.get(interval.tag) or tags.setdefault(interval.tag, parse(interval.tag))
    samples = interval.samples()
    run.totals.setdefault(tag, Histogram()).merge(samples)
    if tag.leg != PACER and samples.total:
        run.heat.setdefault((tag.leg, tag.kind), HeatMap()).add(interval.start_s, samples)


def _told(name: str, damage: list[str]) -> list[str]:
    """Sentences that name the file; what is said stands for what was left out."""
    more = [f"{name}: {len(damage) - MOST_DAMAGE:,} more lines are damaged."] if len(damage) > MOST_DAMAGE else []
    return [f"{name}: {sentence}." for sentence in damage[:MOST_DAMAGE]] + more
