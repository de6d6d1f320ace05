"""Ledgers in one row, and series in one: what the record of a run holds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_totals import DeliveryTotals, LatencySummary, TransactionTotals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.tags import Tag


def delivery_totals(ledger: Ledger) -> DeliveryTotals:
    """The uplink in one row."""
    return DeliveryTotals(**{name: getattr(ledger, name) for name in DeliveryTotals.__struct_fields__})


def transaction_totals(ledger: Ledger) -> TransactionTotals | None:
    """The ledger of transactions in one row; ``None``: there were none."""
    flow = ledger.transactions
    if flow is None:
        return None
    return TransactionTotals(**{name: getattr(flow, name) for name in TransactionTotals.__struct_fields__})


def latency_summaries(samples: Mapping[Tag, Histogram]) -> list[LatencySummary]:
    """Every series in figures, by name."""
    return [summary(tag, samples[tag]) for tag in sorted(samples)]


def summary(tag: Tag, histogram: Histogram) -> LatencySummary:
    """One series in figures."""
    p50_us, p90_us, p99_us, p999_us = histogram.percentiles((50, 90, 99, 99.9))
    return LatencySummary(
        tag=str(tag),
        count=histogram.total,
        min_us=histogram.min_us,
        p50_us=p50_us,
        p90_us=p90_us,
        p99_us=p99_us,
        p999_us=p999_us,
        max_us=histogram.max_us,
        mean_us=round(histogram.mean_us, 1),
        overflow=histogram.overflow,
        non_positive=histogram.non_positive,
    )
