"""What came of holding runs against a baseline, as text and tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from loadtest.measure.comparison_record import COMPARISON_JSON, FASTER, SLOWER
from loadtest.reports.figures import latency_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.comparison_record import ComparedFigure, Comparison


@dataclasses.dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison, ready to be laid out.

    Attributes:
        changed: The percentiles that are slower or faster.
        figures: All of them.
        differences: What else is not the same on both sides.
    """

    baseline: str
    outcome: str
    text: str
    changed: Table
    figures: Table
    differences: Table


def comparison_view(comparison: Comparison) -> ComparisonView:
    """Put a comparison into words."""
    interval = f"{comparison.confidence_percent:g} % interval"
    columns = ("Finding", "Leg", "Action", "Percentile", "Baseline", "Now", "Change", interval, "p", "Repeats needed")
    note = (
        f"Changes up to {comparison.tolerance_percent:g} % do not matter. p is corrected for all percentiles: where "
        f"nothing has changed, any is called different in at most {comparison.error_rate_percent:g} % of comparisons."
    )
    sides = (comparison.baseline, comparison.candidate)
    note += "".join(f" Left out of {side.name}: {'; '.join(side.left_out)}." for side in sides if side.left_out)
    if comparison.not_compared:
        count = len(comparison.not_compared)
        note += f" Not compared for want of samples: {count} percentiles, named in {COMPARISON_JSON}."
    changed = [*comparison.found(SLOWER), *comparison.found(FASTER)]
    differences = tuple((each.what, each.baseline, each.candidate) for each in comparison.differences)
    return ComparisonView(
        baseline=comparison.baseline.name,
        outcome=comparison.outcome,
        text=comparison.text,
        changed=Table("Slower and faster", columns[:-1], tuple(_row(each)[:-1] for each in changed), left=4),
        figures=Table("All percentiles", columns, tuple(map(_row, comparison.figures)), note, left=4),
        differences=Table("What else differs", ("What", "Baseline", "Now"), differences, left=3),
    )


def _row(figure: ComparedFigure) -> tuple[str, ...]:
    known = figure.low_percent is not None
    return (
        figure.finding,
        figure.leg.replace("_", " "),
        figure.action,
        figure.percentile,
        latency_text(figure.baseline_us),
        latency_text(figure.candidate_us),
        f"{figure.change_percent:+.1f} %",
        f"{figure.low_percent:+.1f} … {figure.high_percent:+.1f} %" if known else "–",
        f"{figure.p_value:.3f}",
        "" if figure.repeats_needed is None else f"{figure.repeats_needed:,}",
    )
