"""The books of a run as they are open: by phase and action, as every process has said last, settled when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.measure.closing import total_counters
from loadtest.measure.leg import LegRow, leg_rows
from loadtest.measure.open_classes import OpenClass, open_classes
from loadtest.measure.rows import merge_rows
from loadtest.measure.sources import total_gauge
from loadtest.measure.timeline import GAUGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.seconds import Seconds
    from loadtest.measure.sources import Source
    from loadtest.measure.tags import Tag
    from loadtest.measure.timeline import TimelineRow


class Books(NamedTuple):
    """What is in them. Valid until the collector takes the next report; nothing in it may be changed.

    Attributes:
        record: The record in the making; figures, verdict and end are in it once the run is over.
        operations: Fates of the charge points' operations, by phase and action.
        legs: The uplink by phase and action; until they are settled ``lost`` is what was sent and has not arrived,
            whether it will or not. Empty when nothing listens.
        commands: Fates of the central system's commands, by phase and action.
        gauges: States now, by the names of :data:`loadtest.measure.timeline.GAUGES`.
        counters: Running totals of all processes, by name.
        samples: Everything measured, by series; of the seconds that every process has reported.
        row: The last of these seconds; ``None`` before the first.
        classes: The same of each class of a mixed fleet, by name.
    """

    record: RunRecord
    operations: list[OperationRow]
    legs: list[LegRow]
    commands: list[OperationRow]
    gauges: dict[str, int]
    counters: dict[str, int]
    samples: Mapping[Tag, Histogram]
    row: TimelineRow | None
    classes: Mapping[str, OpenClass]


def open_books(
    record: RunRecord,
    sources: Sequence[Source],
    seconds: Seconds,
    row: TimelineRow | None,
    settled: Ledger | None,
) -> Books:
    """Put together what every process has said last; what is settled stands in the ledger instead."""
    operations = merge_rows(source.operations for source in sources)
    legs: list[LegRow] = []
    if any(source.role == "subscriber" for source in sources):
        sent = {(each.phase, each.action): each.sent for each in operations}
        legs = leg_rows(sent, merge_rows(source.deliveries for source in sources))
    commands = merge_rows(source.commands for source in sources)
    if settled is not None:
        operations, legs = settled.operations, settled.legs
        commands = settled.commands.operations if settled.commands is not None else []
    return Books(
        record=record,
        operations=operations,
        legs=legs,
        commands=commands,
        gauges={name: total_gauge(sources, name) for name in GAUGES},
        counters=total_counters(sources),
        samples=seconds.totals,
        row=row,
        classes=open_classes(record.run, sources, seconds, settled),
    )
