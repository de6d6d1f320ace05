"""The master's side of measuring: takes every process's reports, keeps the books, writes the run's folder.

The folder grows while the run goes on, so a run that is killed leaves all but its last seconds behind.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from loadtest.clock import monotonic_ns, utc_now
from loadtest.errors import ResultError
from loadtest.measure import evidence, regional_outages, run_events, run_record, verdict
from loadtest.measure.books import Books, open_books
from loadtest.measure.closing import fill, settle
from loadtest.measure.health import resident_bytes
from loadtest.measure.interval_log import IntervalLogWriter
from loadtest.measure.link_cuts import LinkCutBooks
from loadtest.measure.reply_join import ReplyJoin
from loadtest.measure.result_documents import to_json
from loadtest.measure.result_files import AppendFile, DiskReserve, write_whole
from loadtest.measure.run_events import RunEvent
from loadtest.measure.run_record import RunRecord
from loadtest.measure.seconds import Seconds
from loadtest.measure.sources import Source, Usage
from loadtest.measure.spans import PhaseSpan, phase_at
from loadtest.measure.standing import Lookout
from loadtest.measure.storm_watch import StormWatch
from loadtest.measure.threshold_watch import ThresholdWatch
from loadtest.measure.thresholds import judge
from loadtest.measure.timeline import TimelineRow, TimelineWriter
from loadtest.measure.transaction_join import TransactionJoin
from loadtest.protocol.phases import STEADY
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from loadtest.clock import Clock
    from loadtest.measure.evidence import Evidence
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.host_clock import HostClock
    from loadtest.measure.interval import IntervalReport, Series
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.run_outcome import ThresholdOutcome
    from loadtest.measure.run_record import State
    from loadtest.measure.seconds import Second
    from loadtest.measure.source_health import Role
    from loadtest.measure.spans import FaultSpan
    from loadtest.measure.standing import Standing
    from loadtest.measure.tags import Tag
    from loadtest.scenario.threshold import Threshold


class Collector:
    """Everything a run measures comes together here. One thread only.

    Args:
        run_dir: The run's folder; made when it is missing.
        run: What is being run.
        thresholds: What it is held against besides its limits.
        clock: Monotonic nanoseconds, of the same origin as ``run.epoch_ns``.

    Raises:
        ResultError: The folder cannot be written to. Later failures are put on record instead.
    """

    def __init__(
        self, run_dir: Path, run: RunDescription, thresholds: Sequence[Threshold] = (), clock: Clock = monotonic_ns
    ) -> None:
        self._run_dir = run_dir
        self._clock = clock
        self._record = RunRecord(run=run)
        self._sources: dict[str, Source] = {}
        self._seconds = Seconds()
        self._row: TimelineRow | None = None
        self._settled: Ledger | None = None
        self._registered_most = 0
        self._replies = ReplyJoin(run.phases)
        self._storms = StormWatch()
        self._outages = regional_outages.RegionalOutages()
        self._transactions = TransactionJoin()
        self._thresholds = tuple(thresholds)
        self._watch = ThresholdWatch(self._thresholds)
        self._lookout = Lookout()
        self._link_cuts = LinkCutBooks(run.phases)
        self._own_usage = Usage("master", "master")
        self._own_usage.health.final = True
        self._own_cpu_ns = time.process_time_ns()
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            self._files = [AppendFile(run_dir / name) for name in (run_record.LATENCY_HLOG, run_record.TIMELINE_CSV)]
            self._reserve = DiskReserve(run_dir / ".reserve")
            run_record.write(self._record, run_dir)
        except OSError as error:
            raise ResultError(f"cannot write to {run_dir}: {error.strerror}") from error
        self._interval_log = IntervalLogWriter(self._files[0], run.started_at)
        self._timeline = TimelineWriter(self._files[1])

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
        self._take_instants(source, report)
        self._outages.take(report.regional_outages)
        if report.reply_instants:
            self._join_replies(source, role, second, report.reply_instants)
        second.counts.update(grown)
        late = index <= self._seconds.written and bool(report.series)
        if late and not report.final:
            self.event(
                run_events.LATE_REPORT,
                f"interval {index} came after second {self._seconds.written} was written",
                source,
            )
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
        self._sources[source].silent_until(int(self._elapsed_s()))

    def note_standstill(self, lag_us: int) -> None:
        """The process that leads the run, which is this one, did nothing for so long."""
        health = self._own_usage.health
        health.loop_lag_max_us = max(health.loop_lag_max_us, lag_us)

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

    def missed_early(self) -> ThresholdOutcome | None:
        """The threshold for which the run is to end now; to be asked now and then, it is put on record."""
        missed = self._watch.look(self._seconds.written, self._evidence_now)
        if missed is not None:
            self.event(run_events.ENDED_EARLY, f"{missed.text}: {missed.reason}", "scenario")
        return missed

    @property
    def run_id(self) -> str:
        """The run it is about."""
        return self._record.run.run_id

    def standing(self, after: int = -1) -> Standing:
        """How the run stands, for whoever watches it, with the timeline's rows of all seconds after ``after``."""
        return self._lookout.standing(
            self._record,
            list(self._sources.values()),
            self._usages(),
            self._seconds.totals,
            outages=self._outages.begun(self._elapsed_s()),
            transactions_started=self._transactions.started,
            after=after,
        )

    def books(self) -> Books:
        """The books as they are open, or as :meth:`finish` has settled them."""
        return open_books(self._record, list(self._sources.values()), self._seconds.totals, self._row, self._settled)

    # Ending it --------------------------------------------------------------------------------------------------

    def drain(self) -> list[tuple[Tag, Histogram]]:
        """Write every second that is still held back, without waiting for anybody; returns as :meth:`add`."""
        taken: list[tuple[Tag, Histogram]] = []
        while (index := self._seconds.first()) is not None:
            taken += self._write(index)
        return taken

    def finish(
        self,
        state: State,
        *,
        over: bool = True,
        locust: dict[str, Any] | None = None,
    ) -> RunRecord:
        """Close the books, judge the run and write its record.

        Args:
            state: ``complete``, or ``partial`` when the run was cut short.
            over: The run has taken its course; otherwise thresholds without data are not judged.
            locust: Locust's own totals.

        Returns:
            The record. What could not be written is named in it; nothing is raised.
        """
        self.drain()
        for file in self._files:
            file.close()
            if not file.complete:
                state = "partial"
                self.event(run_events.WRITE_FAILED, f"{file.path.name}: {_reason(file.error)}")
        sources = list(self._sources.values())
        self._settled = ledger = settle(
            sources, self._seconds.totals, self._replies, self._transactions, self._link_cuts, self._record.run.phases
        )
        self._record.state, self._record.ended_at, self._record.locust = state, utc_now(), locust or {}
        self._record.end_s = round(self._elapsed_s(), 3)
        if self._record.phases:
            self._record.phases[-1].end_s = self._record.end_s
        fill(self._record, ledger, sources, self._seconds.totals, self._registered_most)
        self._record.health = [usage.judged() for usage in self._usages()]
        self._tell_outages()
        ramp_s = self._record.run.settings.get("ramp_s")
        fleet, phases = self._record.run.charge_points, self._record.phases
        self._record.storms = self._storms.find(fleet, phases, ramp_s, self._seconds.totals)
        self._record.registered_after_s = self._storms.registered_after_s(fleet, phases)
        self._record.thresholds = self._judged_thresholds(ledger, over=over)
        self._record.verdict = verdict.judge(self._record)
        self._reserve.release()
        for name, document in ((run_record.LEDGER_JSON, ledger), (run_record.RUN_JSON, self._record)):
            try:
                write_whole(self._run_dir / name, to_json(document))
            except OSError as error:
                self._record.state = "partial"
                self.event(run_events.WRITE_FAILED, f"{name}: {_reason(error)}")
                self._record.verdict = verdict.judge(self._record)
        return self._record

    def _judged_thresholds(self, ledger: Ledger, *, over: bool) -> list[ThresholdOutcome]:
        known = evidence.at_end(self._record, ledger, self._seconds.totals, over=over)
        ended_by = self._watch.ended_by
        return [
            ended_by if ended_by is not None and outcome.text == ended_by.text else outcome
            for outcome in judge(self._thresholds, known)
        ]

    # Inside -----------------------------------------------------------------------------------------------------

    def _elapsed_s(self) -> float:
        return (self._clock() - self._record.run.epoch_ns) / NS_PER_S

    def _is_steady(self, index: int) -> bool:
        """Whether a second lies within the steady phase."""
        phases = self._record.phases
        return phase_at(phases, index) == STEADY == phase_at(phases, index + 1)

    def _evidence_now(self) -> Evidence:
        storms = self._storms if self._watch.needs_storms else None
        now_s = float(self._seconds.written + 1)
        return evidence.so_far(self._record, self._sources.values(), self._seconds.totals, storms, now_s)

    def _tell_outages(self) -> None:
        record = self._record
        record.regional_outages = self._outages.until(record.end_s)
        record.events += regional_outages.events(record.regional_outages, record.end_s)
        record.events.sort(key=lambda event: event.at_s)

    def _add_series(self, source: str, second: Second, series: Series) -> None:
        try:
            second.add(self._seconds.tag(series.tag), series)
        except (ResultError, ValueError) as error:
            self.event(run_events.DAMAGED_REPORT, f"{source}: {series.tag}: {error}", source)

    def _take_instants(self, source: str, report: IntervalReport) -> None:
        try:
            self._storms.take(source, report)
            self._transactions.take(source, report)
            self._link_cuts.take(report)
        except ValueError as error:
            self.event(run_events.DAMAGED_REPORT, f"{source}: {error}", source)

    def _join_replies(self, source: str, role: Role, second: Second, instants: bytes) -> None:
        try:
            samples = (self._replies.add_written if role == "engine" else self._replies.add_arrived)(instants)
        except ValueError as error:
            self.event(run_events.DAMAGED_REPORT, f"{source}: {error}", source)
        else:
            second.add_replies(samples)

    def _write(self, index: int) -> Iterable[tuple[Tag, Histogram]]:
        late = index <= self._seconds.written
        second = self._seconds.close(index)
        if second.histograms:
            self._interval_log.write(float(index), 1.0, second.histograms)
        if not late:
            self._look_at_myself(index)
            self._seconds.written = index
            self._write_row(index, second)
        return second.histograms.items()

    def _usages(self) -> list[Usage]:
        """What each process uses, this one last."""
        return [*(usage for source in self._sources.values() for usage in source.usages()), self._own_usage]

    def _look_at_myself(self, index: int) -> None:
        """Book what this process uses, which nobody reports."""
        cpu_ns = time.process_time_ns()
        seconds = max(index - self._seconds.written, 1)
        self._own_usage.add(index, cpu_ns - self._own_cpu_ns, resident_bytes(), seconds, steady=self._is_steady(index))
        self._own_cpu_ns = cpu_ns

    def _write_row(self, index: int, second: Second) -> None:
        row = second.row(index, phase_at(self._record.phases, index), self._sources.values())
        self._registered_most = max(self._registered_most, row.registered)
        self._storms.second(index, sent=row.sent, backlog=row.backlog)
        self._timeline.write(row)
        self._lookout.second(row)
        self._row = row


def _reason(error: OSError | None) -> str:
    return (error.strerror if error else None) or "more was waiting than memory is set aside for"
