"""Latency in figures: one table for each leg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.percentiles import percentiles_us
from loadtest.measure.tags import INTENDED, SERVICE
from loadtest.protocol import phases
from loadtest.reports.figures import count_text
from loadtest.reports.one_way import error_note, time_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.run_totals import LatencySummary
    from loadtest.reports.run_folder import RunFolder

_PERCENTS = (50, 90, 99, 99.9)


def latency(run: RunFolder, leg: str, title: str) -> Table:
    """One leg by phase and action: response time in full, service time beside."""
    error_us = run.record.one_way_error_us
    recorded = {row.tag: row for row in run.record.latency}
    rows: list[tuple[str, ...]] = []
    tags = [tag for tag in run.totals if tag.leg == leg and tag.kind == INTENDED]
    for tag in sorted(tags, key=lambda tag: (phases.order(tag.phase), tag.action)):
        histogram = run.totals[tag]
        summary = recorded.get(str(tag))
        service = run.totals.get(tag._replace(kind=SERVICE))
        rows.append(
            (
                tag.phase,
                tag.action,
                count_text(histogram.total),
                *(time_text(value_us, leg, error_us) for value_us in percentiles_us(histogram, _PERCENTS)),
                time_text(histogram.max_us, leg, error_us),
                time_text(percentiles_us(service, (99,))[0], leg, error_us) if service else "–",
                _out_of_range(summary),
            )
        )
    columns: tuple[str, ...] = ("Phase", "Action", "Count", "p50", "p90", "p99", "p99.9", "Max", "Service p99")
    if any(row[-1] for row in rows):
        columns = (*columns, "Out of range")
    return Table(title, columns, tuple(row[: len(columns)] for row in rows), error_note(leg, error_us), left=2)


def _out_of_range(summary: LatencySummary | None) -> str:
    """Samples no histogram can hold as they are: counted in its outermost slots, and here."""
    if summary is None or not (summary.overflow or summary.non_positive):
        return ""
    counts = (f"{summary.overflow:,} over 60 s", f"{summary.non_positive:,} not positive")
    return ", ".join(
        text for text, count in zip(counts, (summary.overflow, summary.non_positive), strict=True) if count
    )
