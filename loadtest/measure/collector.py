"""The master's side of measuring: takes every process's reports, keeps the books, writes the run's folder.

The folder grows while the run goes on, so a run that is killed leaves all but its last seconds behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.clock import monotonic_ns, utc_now
from loadtest.errors import ResultError
from loadtest.measure import evidence, run_events, run_record, verdict
from loadtest.measure.books import Books, open_books
from loadtest.measure.chronicle import Chronicle
from loadtest.measure.closing import fill, settle
from loadtest.measure.instants import Instants
from loadtest.measure.own_usage import OwnUsage
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_writer import RunWriter
from loadtest.measure.seconds import Seconds
from loadtest.measure.sources import Source, Usage
from loadtest.measure.spans import phase_at
from loadtest.measure.standing import Lookout
from loadtest.measure.threshold_watch import ThresholdWatch
from loadtest.measure.thresholds import judge

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from loadtest.clock import Clock
    from loadtest.measure.evidence import Evidence
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import IntervalReport, Series
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.run_outcome import ThresholdOutcome
    from loadtest.measure.run_record import State
    from loadtest.measure.seconds import Second
    from loadtest.measure.source_health import Role
    from loadtest.measure.standing import Standing
    from loadtest.measure.tags import Tag
    from loadtest.measure.timeline import TimelineRow
    from loadtest.scenario.threshold import Threshold


class Collector(Chronicle):
    """Everything a run measures comes together here. One thread only.

    Args:
        run_dir: The run's folder; made when it is missing.
        run: What is being run.
        thresholds: What it is held against besides its limits.
        clock: Monotonic nanoseconds, of the same origin as ``run.epoch_ns``.
        wall_clock: The time of day, of the same origin as ``run.started_at``.

    Raises:
        ResultError: The folder cannot be written to. Later failures are put on record instead.
    """

    def __init__(
        self,
        run_dir: Path,
        run: RunDescription,
        thresholds: Sequence[Threshold] = (),
        clock: Clock = monotonic_ns,
        wall_clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        super().__init__(RunRecord(run=run), clock, wall_clock)
        self._files = RunWriter(run_dir, self._record)
        self._sources: dict[str, Source] = {}
        self._seconds = Seconds()
        self._instants = Instants(run.phases)
        self._row: TimelineRow | None = None
        self._settled: Ledger | None = None
        self._registered_most = 0
        self._thresholds = tuple(thresholds)
        self._watch = ThresholdWatch(self._thresholds)
        self._lookout = Lookout()
        self._own_usage = OwnUsage()

    # Telling it what happens ------------------------------------------------------------------------------------

    def expect(self, source: str, role: Role, host: str = "") -> None:
        """Name a process that will report, so that one that never does is missed."""
        self._sources.setdefault(source, Source(source, role, host))

    def add(self, source: str, role: Role, report: IntervalReport) -> list[tuple[Tag, Histogram]]:
        """Take a report.

        Args:
            source: The process, such as ``w0/engine-1``.
            role: What it does.
            report: What it says.

        Returns:
            The merged histograms of every second that is now complete, for whoever mirrors them elsewhere. Each
            sample is returned exactly once over a run (the last ones by :meth:`drain`); they must not be changed.
        """
        self.expect(source, role)
        reporting = self._sources[source]
        index = max(report.index, 0)
        grown = reporting.take(report, steady=self._is_steady(index))
        second = self._seconds.at(index)
        for series in report.series:
            self._add_series(source, second, series)
        for name, part in report.classes.items():
            for series in part.series:
                self._add_series(source, second, series, name)
        for damage in self._instants.take(source, role, report, second):
            self.event(run_events.DAMAGED_REPORT, f"{source}: {damage}", source)
        self._outages.take(report.regional_outages)
        second.counts.update(grown)
        late = index <= self._seconds.written and bool(second.histograms)
        if late and not report.final:
            text = f"interval {index} came after second {self._seconds.written} was written"
            self.event(run_events.LATE_REPORT, text, source)
        taken: list[tuple[Tag, Histogram]] = []
        for complete in self._seconds.complete(self._sources.values()):
            taken += self._write(complete)
        return taken

    def part_gone(self, source: str, text: str) -> None:
        """A process has died: put it on record and wait for it no longer."""
        if source in self._sources:
            self._sources[source].gone()
        self.event(run_events.PART_DIED, text, source)

    def note_silence(self, source: str) -> None:
        """A process is about to be asked for its last words: if it has been silent until now, it has stood still."""
        self._sources[source].silent_until(self._elapsed_s())

    def note_standstill(self, lag_us: int) -> None:
        """The process that leads the run, which is this one, did nothing for so long."""
        self._own_usage.stood_still(lag_us)

    def missed_early(self) -> ThresholdOutcome | None:
        """The threshold for which the run is to end now; to be asked now and then, it is put on record."""
        missed = self._watch.look(self._seconds.written, self._evidence_now)
        if missed is not None:
            self.event(run_events.ENDED_EARLY, f"{missed.text}: {missed.reason}", "scenario")
        return missed

    def standing(self, after: int = -1) -> Standing:
        """How the run stands, for whoever watches it, with the timeline's rows of all seconds after ``after``."""
        return self._lookout.standing(
            self._record,
            list(self._sources.values()),
            self._usages(),
            self._seconds.totals,
            outages=self._outages.begun(self._elapsed_s()),
            transactions_started=self._instants.transactions.started,
            after=after,
        )

    def books(self) -> Books:
        """The books as they are open, or as :meth:`finish` has settled them."""
        return open_books(self._record, list(self._sources.values()), self._seconds, self._row, self._settled)

    # Ending it --------------------------------------------------------------------------------------------------

    def drain(self) -> list[tuple[Tag, Histogram]]:
        """Write every second that is still held back, without waiting for anybody; returns as :meth:`add`."""
        taken: list[tuple[Tag, Histogram]] = []
        while (index := self._seconds.first()) is not None:
            taken += self._write(index)
        return taken

    def finish(self, state: State, *, over: bool = True, locust: dict[str, Any] | None = None) -> RunRecord:
        """Close the books, judge the run and write its record.

        Args:
            state: ``complete``, or ``partial`` when the run was cut short.
            over: The run has taken its course; otherwise thresholds without data are not judged.
            locust: Locust's own totals.

        Returns:
            The record. What could not be written is named in it; nothing is raised.
        """
        self.drain()
        for failure in self._files.close():
            state = "partial"
            self.event(run_events.WRITE_FAILED, failure)
        sources = list(self._sources.values())
        self._settled = ledger = settle(sources, self._seconds, self._instants, self._record.run)
        self._record.state, self._record.locust = state, locust or {}
        self._end()
        fill(self._record, ledger, sources, self._seconds, self._registered_most)
        self._record.health = [usage.judged() for usage in self._usages()]
        self._tell_outages()
        ramp_s = self._record.run.settings.get("ramp_s")
        fleet, phases = self._record.run.charge_points, self._record.phases
        self._record.storms = self._instants.storms.find(fleet, phases, ramp_s, self._seconds.totals)
        self._record.registered_after_s = self._instants.storms.registered_after_s(fleet, phases)
        self._record.thresholds = self._judged_thresholds(ledger, over=over)
        self._record.verdict = verdict.judge(self._record)
        self._files.release_reserve()
        for name, document in ((run_record.LEDGER_JSON, ledger), (run_record.RUN_JSON, self._record)):
            if failure := self._files.write(name, document):
                self._record.state = "partial"
                self.event(run_events.WRITE_FAILED, failure)
                self._record.verdict = verdict.judge(self._record)
        return self._record

    def _judged_thresholds(self, ledger: Ledger, *, over: bool) -> list[ThresholdOutcome]:
        known = evidence.at_end(self._record, ledger, self._seconds, over=over)
        ended_by = self._watch.ended_by
        return [
            ended_by if ended_by is not None and outcome.text == ended_by.text else outcome
            for outcome in judge(self._thresholds, known)
        ]

    # Inside -----------------------------------------------------------------------------------------------------

    def _evidence_now(self) -> Evidence:
        storms = self._instants.storms if self._watch.needs_storms else None
        now_s = float(self._seconds.written + 1)
        return evidence.so_far(self._record, self._sources.values(), self._seconds, storms, now_s)

    def _add_series(self, source: str, second: Second, series: Series, fleet_class: str = "") -> None:
        try:
            second.add(self._seconds.tag(series.tag), series, fleet_class)
        except (ResultError, ValueError) as error:
            self.event(run_events.DAMAGED_REPORT, f"{source}: {series.tag}: {error}", source)

    def _write(self, index: int) -> Iterable[tuple[Tag, Histogram]]:
        late = index <= self._seconds.written
        second = self._seconds.close(index)
        self._files.add_samples(index, second)
        if not late:
            self._own_usage.look(index, self._elapsed_s(), steady=self._is_steady(index))
            self._seconds.written = index
            self._write_row(index, second)
        return second.histograms.items()

    def _usages(self) -> list[Usage]:
        """What each process uses, this one last."""
        return [*(usage for source in self._sources.values() for usage in source.usages()), self._own_usage]

    def _write_row(self, index: int, second: Second) -> None:
        row = second.row(index, phase_at(self._record.phases, index), self._sources.values())
        self._registered_most = max(self._registered_most, row.registered)
        self._instants.storms.second(index, sent=row.sent, backlog=row.backlog)
        self._files.add_row(row)
        self._lookout.second(row)
        self._row = row
