"""What thresholds are held against: while a run goes on, and when it has ended."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from loadtest.measure import run_events
from loadtest.measure.leg import leg_rows
from loadtest.measure.rows import merge_rows
from loadtest.measure.run_totals import DeliveryTotals
from loadtest.measure.spans import PhaseSpan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import ClassReport, OperationRow
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.leg import LegRow
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import TransactionTotals
    from loadtest.measure.seconds import Seconds
    from loadtest.measure.sources import Source
    from loadtest.measure.storm import Storm
    from loadtest.measure.storm_watch import StormWatch
    from loadtest.measure.tags import Tag

_CUT_SHORT = frozenset({run_events.INTERRUPTED, run_events.REFUSED, run_events.ENDED_EARLY})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What thresholds are held against.

    Attributes:
        over: The run went on to its planned end; otherwise more data might have come.
        now_s: Until when it is known what happened.
        phases: So far, the last one until ``now_s``.
        operations: Fates of the charge points' messages by phase and action.
        legs: Their arrivals by phase and action.
        deliveries: Their arrivals over the whole run.
        totals: All samples by series.
        charge_points: Size of the fleet.
        registered_after_s: Of the ramp, as in the record.
        storms: Of the run.
        transactions: ``None`` when there were none.
        one_way_error_us: How wrong times between processes on different hosts may be.
        classes: The same of each class of charge points; empty where there is only one.
    """

    over: bool
    now_s: float
    phases: Sequence[PhaseSpan]
    operations: Sequence[OperationRow]
    legs: Sequence[LegRow]
    deliveries: DeliveryTotals
    totals: Mapping[Tag, Histogram]
    charge_points: int
    registered_after_s: Mapping[int, float]
    storms: Sequence[Storm]
    transactions: TransactionTotals | None
    one_way_error_us: float = 0.0
    classes: Mapping[str, Evidence] = dataclasses.field(default_factory=dict)

    def of(self, fleet_class: str) -> Evidence:
        """Of one class; of all charge points where no class is named, or there is only the one."""
        return self.classes.get(fleet_class, self)


def so_far(
    record: RunRecord,
    sources: Collection[Source],
    samples: Seconds,
    storms: StormWatch | None,
    now_s: float,
) -> Evidence:
    """What is known by ``now_s``; what may still be under way counts as neither lost nor arrived.

    Args:
        record: The record in the making.
        sources: Every process that reports.
        samples: Those of all seconds that are written.
        storms: ``None``: nobody asks for storms, which are dear to find.
        now_s: The end of the last second written.
    """
    *before, last = record.phases or [PhaseSpan("", now_s, now_s)]
    phases = [*before, PhaseSpan(last.name, last.start_s, max(now_s, last.start_s))]
    fleet = record.run.charge_points
    observed = any(source.role == "subscriber" for source in sources)
    whole = Evidence(
        over=False,
        now_s=now_s,
        phases=phases,
        **_rows(sources, observed=observed),
        totals=samples.totals,
        charge_points=fleet,
        registered_after_s={} if storms is None else storms.registered_after_s(fleet, phases),
        storms=[] if storms is None else storms.find(fleet, phases, None, {}),
        transactions=None,
    )
    classes = {}
    for name in record.run.fleet_classes.names:
        told = [source.classes[name] for source in sources if name in source.classes]
        rows = _rows(told, observed=observed)
        classes[name] = dataclasses.replace(whole, **rows, totals=samples.of_class.get(name, {}))
    return dataclasses.replace(whole, classes=classes)


def _rows(told: Collection[Source | ClassReport], *, observed: bool) -> dict[str, Any]:
    """Operations and arrivals so far, of everything or of one class."""
    operations = merge_rows(each.operations for each in told)
    deliveries = merge_rows(each.deliveries for each in told)
    return {
        "operations": operations,
        "legs": leg_rows({(row.phase, row.action): row.sent for row in operations}, deliveries),
        "deliveries": DeliveryTotals(
            observed=observed,
            duplicated=sum(row.duplicated for row in deliveries),
            reordered=sum(row.reordered for row in deliveries),
        ),
    }


def at_end(record: RunRecord, ledger: Ledger, samples: Seconds, *, over: bool) -> Evidence:
    """What is known when the books are closed.

    Args:
        record: The record, filled but for thresholds and verdict.
        ledger: The settled ledgers.
        samples: All there are.
        over: The run has taken its course.
    """
    whole = Evidence(
        over=over and not any(event.kind in _CUT_SHORT for event in record.events),
        now_s=record.end_s,
        phases=record.phases,
        operations=ledger.operations,
        legs=ledger.legs,
        deliveries=record.deliveries,
        totals=samples.totals,
        charge_points=record.run.charge_points,
        registered_after_s=record.registered_after_s,
        storms=record.storms,
        transactions=record.transactions,
        one_way_error_us=record.one_way_error_us,
    )
    classes = {}
    totals = {part.name: part for part in record.classes}
    for name in record.run.fleet_classes.names:
        own, part = ledger.classes.get(name), totals.get(name)
        classes[name] = dataclasses.replace(
            whole,
            operations=[] if own is None else own.operations,
            legs=[] if own is None else own.legs,
            deliveries=DeliveryTotals() if part is None else part.deliveries,
            transactions=None if part is None else part.transactions,
            totals=samples.of_class.get(name, {}),
        )
    return dataclasses.replace(whole, classes=classes)
