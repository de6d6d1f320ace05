"""The classes of a run in short, as its record holds them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadtest.measure.histogram import Histogram
from loadtest.measure.run_totals import ALL_TOGETHER, ClassTotals
from loadtest.measure.summaries import delivery_totals, latency_summaries, transaction_totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.sources import Source
    from loadtest.measure.tags import Tag


def class_totals(
    run: RunDescription, ledger: Ledger, sources: Sequence[Source], samples: Mapping[str, Mapping[Tag, Histogram]]
) -> list[ClassTotals]:
    """One for each class that has a ledger; none where the fleet has one class.

    Args:
        run: Whose fleet it is.
        ledger: The run's, settled.
        sources: Every process that took part.
        samples: By class and series.
    """
    sizes = {part.name: part.charge_points for part in run.fleet}
    return [
        _totals(name, sizes.get(name, 0), own, sources, samples.get(name, {})) for name, own in ledger.classes.items()
    ]


def _totals(
    name: str, charge_points: int, ledger: Ledger, sources: Sequence[Source], samples: Mapping[Tag, Histogram]
) -> ClassTotals:
    told = [source.classes[name] for source in sources if name in source.classes]
    counters: Counter[str] = Counter()
    for report in told:
        counters.update(report.counters)
    return ClassTotals(
        name=name,
        charge_points=charge_points,
        registered=sum(report.registered_ever for report in told),
        operations=ledger.total,
        deliveries=delivery_totals(ledger),
        transactions=transaction_totals(ledger),
        counters=dict(counters),
        latency=latency_summaries(samples),
        all_actions=latency_summaries(_together(samples)),
    )


def _together(samples: Mapping[Tag, Histogram]) -> dict[Tag, Histogram]:
    """All actions of a leg in one series."""
    merged: dict[Tag, Histogram] = {}
    for tag, histogram in samples.items():
        merged.setdefault(tag._replace(action=ALL_TOGETHER), Histogram()).merge(histogram)
    return merged
