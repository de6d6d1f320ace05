"""What a report says, as text and tables: the same for HTML, Markdown and anything else."""

from __future__ import annotations

import dataclasses
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from loadtest.measure.calibration_note import caveat, sentence
from loadtest.measure.comparison_record import REGRESSION
from loadtest.measure.hops import UP, vanished
from loadtest.measure.percentiles import percentiles_us
from loadtest.measure.redirect_note import redirects
from loadtest.measure.tags import COMMAND, INTENDED, ROUND_TRIP, SERVICE, UPLINK
from loadtest.measure.verdict import unjudged
from loadtest.protocol import phases
from loadtest.reports.class_tables import classes
from loadtest.reports.comparison_tables import ComparisonView, comparison_view
from loadtest.reports.figures import count_text, latency_text, rate_text, share_text, span_text
from loadtest.reports.latency_tables import latency
from loadtest.reports.ledger_tables import ledgers, place
from loadtest.reports.legs import LEG_MEANINGS, LEG_NAMES
from loadtest.reports.one_way import time_text
from loadtest.reports.run_tables import events, health, tested, thresholds
from loadtest.reports.storm_table import storms

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import OperationTotals
    from loadtest.reports.run_folder import RunFolder
    from loadtest.reports.table import Table

_KEY_LEGS = (ROUND_TRIP, UPLINK, COMMAND)


@dataclasses.dataclass(frozen=True, slots=True)
class Headline:
    """One figure that matters, what it is, and what stands beside it."""

    label: str
    value: str
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """A report, ready to be laid out.

    Attributes:
        result: ``passed``, ``failed``, ``void``, ``interrupted``, ``regression`` against a baseline, or ``unfinished``
            for a run without a verdict.
        adaptations: What had to be otherwise than asked for, with this system under test.
        caveats: That load went elsewhere, and that the engines were faster, or elsewhere, than where they are known to
            measure truly.
        instrument: What was known of the instrument, if it had been calibrated.
        phase: The phase the headline figures are of.
        key_latency: What people and the central system wait for, in that phase.
        classes: The classes of the fleet side by side; empty where there is only one.
        books: The ledgers in a sentence each.
        against: What came of holding it against a baseline, if it was.
    """

    run_id: str
    title: str
    subtitle: str
    result: str
    result_text: str
    reasons: tuple[str, ...]
    adaptations: tuple[str, ...]
    gaps: tuple[str, ...]
    caveats: tuple[str, ...]
    instrument: str
    phase: str
    against: ComparisonView | None
    headlines: tuple[Headline, ...]
    thresholds: Table
    latency_note: str
    latency: tuple[Table, ...]
    key_latency: tuple[Table, ...]
    books: tuple[str, ...]
    classes: tuple[Table, ...]
    storms: Table
    ledgers: tuple[Table, ...]
    health: Table
    events: Table
    tested: tuple[Table, ...]
    command: str


_LATENCY_NOTE = (
    "Times run from the instant a message was due, “service” times from when it was really sent. "
    "Percentiles are exact to three digits, maxima to the microsecond."
)
_RESULT_TEXTS = {
    "passed": "Every limit and threshold that was judged holds, the ledgers balance, the generator kept up.",
    "failed": "The system under test missed a limit or a threshold. The generator kept up and the ledgers balance.",
    "regression": "Every limit and threshold that was judged holds, but it is slower than the baseline.",
    "void": "The instrument was not fit to judge. Do not draw conclusions about the system from these figures.",
    "interrupted": "Somebody stopped the run: it has neither passed nor failed. What it had shown until then follows.",
    "unfinished": "No verdict: the run has not ended, was killed, or its record is damaged. What is left follows.",
}


def view(run: RunFolder) -> View:
    """Put a run's figures into words."""
    record = run.record
    verdict = record.verdict
    result: str = verdict.result if verdict else "unfinished"
    if result == "passed" and run.comparison is not None and run.comparison.outcome == REGRESSION:
        result = REGRESSION
    phase = phase_shown(run)
    partial = " · cut short" if record.state == "partial" and result != "interrupted" else ""
    by_leg = {
        leg: latency(run, leg, f"{LEG_NAMES[leg]}: {LEG_MEANINGS[leg]}")
        for leg in LEG_NAMES
        if any(tag.leg == leg for tag in run.totals)
    }
    return View(
        run_id=record.run.run_id,
        title=record.run.scenario,
        subtitle=f"run {record.run.run_id} · {record.run.started_at:%Y-%m-%d %H:%M:%S} UTC"
        f" · {span_text(_length_s(run))}{partial}",
        result=result,
        result_text=" ".join(filter(None, (_RESULT_TEXTS[result], unjudged(record)))),
        reasons=tuple(reason.text for reason in verdict.reasons) if verdict else (),
        adaptations=tuple(record.run.adaptations),
        gaps=tuple(run.gaps),
        caveats=tuple(filter(None, (redirects(record), caveat(record)))),
        instrument="" if record.run.calibration is None else sentence(record.run.calibration),
        phase=phase,
        against=None if run.comparison is None else comparison_view(run.comparison),
        headlines=_headlines(run, phase),
        thresholds=thresholds(record),
        latency_note=_LATENCY_NOTE,
        latency=tuple(by_leg.values()),
        key_latency=tuple(_of_phase(by_leg[leg], phase) for leg in _KEY_LEGS if leg in by_leg),
        books=_books(record),
        classes=classes(record),
        storms=storms(record),
        ledgers=ledgers(run),
        health=health(record),
        events=events(record),
        tested=tested(record),
        command=shlex.join(record.run.command),
    )


def _of_phase(table: Table, phase: str) -> Table:
    rows = tuple(row for row in table.rows if row[0] == phase)
    return dataclasses.replace(table, title=f"{table.title}, {phase}", rows=rows)


def _books(record: RunRecord) -> tuple[str, ...]:
    if record.verdict is None:
        return ()
    row, deliveries = record.operations, record.deliveries
    fates = (
        f"sent {row.sent:,} = answered {row.answered:,} + call error {row.call_error:,} + "
        f"timed out {row.timed_out:,} + cut off {row.cut_off:,} + link cut {row.link_cut:,} + "
        f"unfinished {row.unfinished:,}"
    )
    books = [f"offered {row.offered:,} = dropped {row.dropped:,} + sent {row.sent:,}", fates]
    if deliveries.observed:
        books.append(
            f"of {row.sent:,} sent, delivered {deliveries.delivered:,}, lost with links {deliveries.link_cut:,}, "
            f"lost {deliveries.lost:,}; "
            f"duplicated {deliveries.duplicated:,}, reordered {deliveries.reordered:,}"
        )
    if record.transactions is not None:
        flow = record.transactions
        books.append(
            f"transactions started {flow.started:,}, flawed {flow.flawed:,}; of their messages lost {flow.lost:,}, "
            f"duplicated {flow.duplicated:,}, reordered {flow.reordered:,}"
        )
    return tuple(books)


def phase_shown(run: RunFolder) -> str:
    """The phase that headline figures and percentile curves are of: steady, a step, else that with most samples."""
    samples: dict[str, int] = {}
    for tag, histogram in run.totals.items():
        if tag.leg in (ROUND_TRIP, UPLINK):
            samples[tag.phase] = samples.get(tag.phase, 0) + histogram.total
    if not samples:
        return phases.STEADY
    return phases.judged(samples) or max(samples, key=lambda phase: samples[phase])


def _length_s(run: RunFolder) -> float:
    return run.record.end_s or float(len(run.timeline))


def _headlines(run: RunFolder, phase: str) -> tuple[Headline, ...]:
    record = run.record
    planned = record.run.charge_points
    registered = record.registered or max((row.registered for row in run.timeline), default=0)
    of_planned = f"of {count_text(planned)} asked for" if planned else ""
    found = [Headline("Charge points registered", count_text(registered), of_planned), _rate(run, phase)]
    for leg in (ROUND_TRIP, UPLINK):
        histogram = run.merged(phase, leg, INTENDED)
        if histogram.total:
            p50_us, p99_us, p999_us = percentiles_us(histogram, (50, 99, 99.9))
            (service_us,) = percentiles_us(run.merged(phase, leg, SERVICE), (99,))
            p50, p99, p999, service = (
                time_text(value_us, leg, record.one_way_error_us) for value_us in (p50_us, p99_us, p999_us, service_us)
            )
            found.append(Headline(f"{LEG_NAMES[leg]} p99", p99, f"p50 {p50} · p99.9 {p999} · service p99 {service}"))
    deliveries = record.deliveries
    if deliveries.observed:
        beside = f"{share_text(deliveries.lost, record.operations.sent)} of {count_text(record.operations.sent)} sent"
        places = [place(hop) for hop in vanished(record.counted_by) if hop.way == UP]
        beside += f" · {', '.join(places)}" if places and deliveries.lost else ""
        found.append(Headline("Messages lost", count_text(deliveries.lost), beside))
        twice = f"reordered {count_text(deliveries.reordered)}"
        found.append(Headline("Messages duplicated", count_text(deliveries.duplicated), twice))
    if record.commands is not None:
        found.append(_commands(run, phase, record.commands.operations))
    return tuple(found)


def _commands(run: RunFolder, phase: str, fates: OperationTotals) -> Headline:
    histogram = run.merged(phase, COMMAND, INTENDED)
    p99 = f"p99 {latency_text(*percentiles_us(histogram, (99,)))} · " if histogram.total else ""
    unanswered = fates.timed_out + fates.unfinished
    note = f"{p99}refused {count_text(fates.call_error)} · not answered {count_text(unanswered)}"
    return Headline("Commands answered", f"{count_text(fates.answered)} of {count_text(fates.sent)}", note)


def _rate(run: RunFolder, phase: str) -> Headline:
    # Whole seconds only: a row is named after the phase at its beginning, the last one may end in the next phase.
    whole = [row for row, following in pairwise(run.timeline) if row.phase == phase == following.phase]
    rows = whole or [row for row in run.timeline if row.phase == phase] or run.timeline
    length_s = len(rows) or 1
    answered = sum(row.answered for row in rows) / length_s
    sent = sum(row.sent for row in rows) / length_s
    return Headline("Messages per second", rate_text(sent), f"sent by charge points, {rate_text(answered)} answered")
