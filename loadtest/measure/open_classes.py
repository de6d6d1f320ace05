"""The books of a run's classes as they are open, settled when the run is over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from loadtest.measure.leg import LegRow, leg_rows
from loadtest.measure.rows import merge_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.seconds import Seconds
    from loadtest.measure.sources import Source
    from loadtest.measure.tags import Tag


class OpenClass(NamedTuple):
    """What is in the books of one class, as in :class:`loadtest.measure.books.Books` of all.

    ``charge_points`` is how many there are to be, 0 beyond the fleet; ``registered`` how many ever were.
    """

    charge_points: int
    registered: int
    operations: list[OperationRow]
    legs: list[LegRow]
    counters: Mapping[str, int]
    samples: Mapping[Tag, Histogram]


def open_classes(
    run: RunDescription, sources: Sequence[Source], seconds: Seconds, settled: Ledger | None
) -> dict[str, OpenClass]:
    """Every class of which something has been told; none where there is only one."""
    sizes = {part.name: part.charge_points for part in run.fleet}
    names = dict.fromkeys(name for source in sources for name in source.classes)
    return {name: _of(name, sizes.get(name, 0), sources, seconds, settled) for name in sorted(names)}


def _of(
    name: str, charge_points: int, sources: Sequence[Source], seconds: Seconds, settled: Ledger | None
) -> OpenClass:
    told = [source.classes[name] for source in sources if name in source.classes]
    operations = merge_rows(each.operations for each in told)
    legs: list[LegRow] = []
    if any(source.role == "subscriber" for source in sources):
        sent = {(row.phase, row.action): row.sent for row in operations}
        legs = leg_rows(sent, merge_rows(each.deliveries for each in told))
    if settled is not None and name in settled.classes:
        operations, legs = settled.classes[name].operations, settled.classes[name].legs
    counters: Counter[str] = Counter()
    for each in told:
        counters.update(each.counters)
    return OpenClass(
        charge_points=charge_points,
        registered=sum(each.registered_ever for each in told),
        operations=operations,
        legs=legs,
        counters=counters,
        samples=seconds.of_class.get(name, {}),
    )
