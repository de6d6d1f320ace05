"""A run's folder, read for reporting: as much as is there, and a sentence for all that is not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from loadtest.errors import ResultError
from loadtest.measure import ledger as ledgers
from loadtest.measure import run_record, timeline
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval_log import IntervalLogReader
from loadtest.measure.tags import Tag, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.timeline import TimelineRow


@dataclasses.dataclass(slots=True)
class RunFolder:
    """Everything a report is made of.

    Attributes:
        totals: All samples by series, from the interval log.
        gaps: What could not be read, one sentence each.
    """

    record: RunRecord
    ledger: Ledger | None = None
    totals: dict[Tag, Histogram] = dataclasses.field(default_factory=dict)
    timeline: list[TimelineRow] = dataclasses.field(default_factory=list)
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
        ResultError: There is no readable run record; anything else missing becomes one of the ``gaps``.
    """
    run = RunFolder(run_record.load(run_dir))

    def attempt(read: Callable[[], None]) -> None:
        try:
            read()
        except ResultError as error:
            run.gaps.append(f"{error.message}.")

    def read_ledger() -> None:
        run.ledger = ledgers.load(run_dir)

    def read_timeline() -> None:
        run.timeline = timeline.read(run_dir / run_record.TIMELINE_CSV)

    def read_samples() -> None:
        reader = IntervalLogReader(run_dir / run_record.LATENCY_HLOG)
        for interval in reader:
            try:
                interval.add_to(run.totals.setdefault(parse(interval.tag), Histogram()))
            except (ValueError, ResultError) as error:
                raise ResultError(f"{run_record.LATENCY_HLOG}: line {interval.line}: {error}") from error
        if reader.truncated_line:
            run.gaps.append(f"The last line of {run_record.LATENCY_HLOG} was cut off; it is left out.")

    if run.record.state != "running":
        attempt(read_ledger)
    attempt(read_timeline)
    attempt(read_samples)
    return run
