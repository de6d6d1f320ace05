"""How a run stands while it goes on: what a page that watches it shows, from the books its record is made of.

Whatever is shown of a run that has ended is what its record says.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import RegionalOutage
from loadtest.measure.redirect_note import TIMES_REDIRECTED
from loadtest.measure.rows import merge_rows, total_of
from loadtest.measure.run_events import RunEvent
from loadtest.measure.run_outcome import ThresholdOutcome, Verdict
from loadtest.measure.run_record import RunRecord, State
from loadtest.measure.run_totals import DeliveryTotals, OperationTotals, TransactionTotals
from loadtest.measure.spans import FaultSpan, PhaseSpan
from loadtest.measure.tags import COMMAND_LEGS, INTENDED, LEGS, SERVICE, Tag
from loadtest.measure.timeline import TimelineRow
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.measure.sources import Source, Usage

MOST_ROWS = 3_600
"""Seconds that are kept for whoever looks later; a longer run's beginning stands in its timeline alone."""
MOST_EVENTS = 200
_LEG_ORDER = (*LEGS, *COMMAND_LEGS)


class LegFigures(msgspec.Struct):
    """One leg in one phase, all actions together; times from the instant a message was due, but for ``service``."""

    phase: str
    leg: str
    samples: int
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    service_p99_us: int


class PartHealth(msgspec.Struct):
    """One process, or several of a kind: what it uses now, and the worst there has been."""

    source: str
    cpu_percent: float
    rss_bytes: int
    cpu_percent_mean: float
    loop_lag_max_us: int
    gc_pause_max_us: int
    backlog_bytes_max: int
    coalesced_intervals: int


class Standing(msgspec.Struct, kw_only=True):
    """How a run stands at the end of the last second that every process has told of.

    While it goes on, ``unfinished`` operations are under way, and messages counted as ``lost`` have not arrived yet,
    or vanished with charge points' links, which is known at the end.

    Attributes:
        columns: Names of the figures in ``rows``, those of :class:`~loadtest.measure.timeline.TimelineRow`.
        rows: The seconds asked for.
        commands: Fates of the central system's commands; ``None`` when it has sent none.
        transactions: While the run goes on only ``started``; ``None`` when there were none.
        thresholds: What the run is held against.
        outcomes: What came of each threshold, once it has ended.
        events: The last ones.
        redirected: How often brokers sent charge points to other servers.
    """

    run_id: str
    scenario: str
    started_at: str
    state: State
    now_s: float
    charge_points: int
    registered: int
    phases: list[PhaseSpan]
    faults: list[FaultSpan]
    regional_outages: list[RegionalOutage]
    operations: OperationTotals
    deliveries: DeliveryTotals
    commands: OperationTotals | None
    transactions: TransactionTotals | None
    legs: list[LegFigures]
    health: list[PartHealth]
    thresholds: tuple[str, ...]
    outcomes: list[ThresholdOutcome]
    verdict: Verdict | None
    unbalanced: list[str]
    events: list[RunEvent]
    redirected: int
    columns: tuple[str, ...] = TimelineRow.__struct_fields__
    rows: list[tuple[Any, ...]] = []


class Lookout:
    """Keeps the last seconds, and the percentiles found last, so that looking often costs little."""

    def __init__(self) -> None:
        self._rows: deque[TimelineRow] = deque(maxlen=MOST_ROWS)
        self._figures: dict[tuple[str, str], LegFigures] = {}

    def second(self, row: TimelineRow) -> None:
        """A second has been written."""
        self._rows.append(row)

    def standing(
        self,
        record: RunRecord,
        sources: Sequence[Source],
        usages: Sequence[Usage],
        totals: Mapping[Tag, Histogram],
        *,
        outages: list[RegionalOutage],
        transactions_started: int,
        after: int,
    ) -> Standing:
        """Put together how the run stands.

        Args:
            record: Its record in the making, or made.
            sources: Every process that reports.
            usages: What every process of the run uses.
            totals: All samples by series.
            outages: Regional outages so far.
            transactions_started: Of all engines.
            after: Rows of later seconds than this one are wanted.
        """
        last = self._rows[-1] if self._rows else TimelineRow(second=-1)
        ended = record.state != "running"
        operations = record.operations if ended else _operations(source.operations for source in sources)
        if ended:
            commands = record.commands.operations if record.commands is not None else None
            transactions = record.transactions
        else:
            commands = _operations(source.commands for source in sources)
            transactions = TransactionTotals(started=transactions_started) if transactions_started else None
        return Standing(
            run_id=record.run.run_id,
            scenario=record.run.scenario,
            started_at=f"{record.run.started_at:%Y-%m-%d %H:%M:%S} UTC",
            state=record.state,
            now_s=record.end_s if ended else float(last.second + 1),
            charge_points=record.run.charge_points,
            registered=record.registered if ended else last.registered,
            phases=record.phases,
            faults=record.faults,
            regional_outages=outages,
            operations=operations,
            deliveries=record.deliveries if ended else _deliveries(sources, operations.sent),
            commands=commands if commands is not None and commands.offered else None,
            transactions=transactions,
            legs=self._legs(totals),
            health=[_health(usage) for usage in usages],
            thresholds=record.run.thresholds,
            outcomes=record.thresholds,
            verdict=record.verdict,
            unbalanced=record.unbalanced,
            events=record.events[-MOST_EVENTS:],
            redirected=sum(source.counters.get(TIMES_REDIRECTED, 0) for source in sources),
            rows=[msgspec.structs.astuple(row) for row in self._rows if row.second > after],
        )

    def _legs(self, totals: Mapping[Tag, Histogram]) -> list[LegFigures]:
        series: dict[tuple[str, str], list[Tag]] = {}
        for tag in totals:
            if tag.leg in _LEG_ORDER:
                series.setdefault((tag.phase, tag.leg), []).append(tag)
        for (phase, leg), tags in series.items():
            known = self._figures.get((phase, leg))
            samples = sum(totals[tag].total for tag in tags if tag.kind == INTENDED)
            if known is None or known.samples != samples:
                self._figures[phase, leg] = _figures(phase, leg, tags, totals)
        in_order = sorted(series, key=lambda key: (phases.order(key[0]), _LEG_ORDER.index(key[1])))
        return [self._figures[key] for key in in_order]


def _figures(phase: str, leg: str, tags: Iterable[Tag], totals: Mapping[Tag, Histogram]) -> LegFigures:
    merged = {INTENDED: Histogram(), SERVICE: Histogram()}
    for tag in tags:
        merged[tag.kind].merge(totals[tag])
    intended, service = merged[INTENDED], merged[SERVICE]
    p50_us, p99_us, p999_us = intended.percentiles((50, 99, 99.9))
    most_us = intended.max_us  # known exactly, where a percentile is the upper edge of its slot
    return LegFigures(
        phase,
        leg,
        intended.total,
        min(p50_us, most_us),
        min(p99_us, most_us),
        min(p999_us, most_us),
        most_us,
        min(service.percentile(99), service.max_us),
    )


def _operations(rows: Iterable[Iterable[Any]]) -> OperationTotals:
    found = total_of(merge_rows(rows))
    ended = found.answered + found.call_error + found.timed_out + found.cut_off + found.link_cut
    found.unfinished = found.sent - ended
    return found


def _deliveries(sources: Iterable[Source], sent: int) -> DeliveryTotals:
    rows = merge_rows(source.deliveries for source in sources)
    delivered = sum(row.delivered for row in rows)
    return DeliveryTotals(
        observed=any(source.role == "subscriber" for source in sources),
        delivered=delivered,
        lost=max(sent - delivered, 0),  # arrivals may be told of before their sendings
        duplicated=sum(row.duplicated for row in rows),
        reordered=sum(row.reordered for row in rows),
    )


def _health(usage: Usage) -> PartHealth:
    worst = usage.health
    return PartHealth(
        worst.source,
        usage.cpu_percent_now,
        usage.rss_bytes_now,
        worst.cpu_percent,
        worst.loop_lag_max_us,
        worst.gc_pause_max_us,
        worst.backlog_bytes_max,
        worst.coalesced_intervals,
    )
