"""A comparison on the terminal: the answer, the ranking, what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from loadtest.measure.compared_figures import BETTER, WORSE
from loadtest.measure.comparison_record import (
    COMPARISON_JSON,
    DIFFERENT,
    NO_DIFFERENCE,
    NO_REGRESSION,
    NO_VERDICT,
    REGRESSION,
)

if TYPE_CHECKING:
    from rich.console import Console

    from loadtest.measure.compared_figures import Change, ComparedFigure
    from loadtest.measure.comparison_record import Comparison, Ranking

_STYLES = {
    REGRESSION: "bold red",
    NO_REGRESSION: "bold green",
    DIFFERENT: "bold cyan",
    NO_DIFFERENCE: "bold cyan",
    NO_VERDICT: "bold yellow",
}
_MOST_ROWS = 20
_MOST_DIFFERENCES = 12
_WIDEST = 1_000


def print_comparison(comparison: Comparison, out: Console) -> None:
    """What came of it, the ranking when there are several arms, the figures that differ, and what else does."""
    several = len(comparison.arms) > 2 or not comparison.baseline
    title = f"baseline {comparison.baseline}" if comparison.baseline else f"{len(comparison.arms)} arms"
    out.print(Text.assemble(f"{title}  ", (comparison.outcome, _STYLES[comparison.outcome])), soft_wrap=True)
    out.print(f"  {comparison.text}", markup=False, soft_wrap=True)
    if several and comparison.ranking is not None:
        _print_whole(_ranking(comparison.ranking, comparison), out)
        out.print("  Arms that share a letter are not shown to differ by more than what matters.", style="dim")
    _print_changes(comparison.found(WORSE, BETTER), comparison, out)
    of_classes = [row for row in comparison.changes_of_classes() if row[1].finding in (WORSE, BETTER)]
    if of_classes:
        out.print("  of single classes, which is no regression:", style="dim")
        _print_changes(of_classes, comparison, out)
    for arm in comparison.arms:
        for why in arm.left_out if several else ():
            out.print(f"  left out of {arm.name}: {why}", markup=False, style="yellow", soft_wrap=True)
        for sentence in arm.adaptations:
            out.print(f"  {arm.name}: {sentence}", markup=False, style="yellow", soft_wrap=True)
    for each in comparison.differences[:_MOST_DIFFERENCES]:
        values = _by_arm(each.values) if several else " → ".join(each.values.values())
        out.print(f"  differs: {each.what}: {values}", markup=False, style="dim", soft_wrap=True)
    if len(comparison.differences) > _MOST_DIFFERENCES:
        out.print(f"  and {len(comparison.differences) - _MOST_DIFFERENCES} other differences", style="dim")


def _print_changes(rows: list[tuple[ComparedFigure, Change]], comparison: Comparison, out: Console) -> None:
    if rows:
        _print_whole(_table(rows[:_MOST_ROWS], comparison), out)
    if len(rows) > _MOST_ROWS:
        out.print(f"  and {len(rows) - _MOST_ROWS} more, in {COMPARISON_JSON}")


def _print_whole(table: Table, out: Console) -> None:
    """As wide as it is: a terminal that breaks lines is better than half a number."""
    table.width = Measurement.get(out, out.options.update(max_width=_WIDEST), table).maximum
    out.print(table, crop=False)


def _by_arm(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value != "–")


def _ranking(ranking: Ranking, comparison: Comparison) -> Table:
    from loadtest.reports.comparison_tables import against, held_against  # noqa: PLC0415 - brings in the charts
    from loadtest.reports.figures import value_text  # noqa: PLC0415

    unit = ranking.figure.unit
    table = _plain()
    for heading in ("  rank", "arm", ""):
        table.add_column(heading, no_wrap=True)
    reference = held_against(ranking, comparison.baseline)
    interval = f"{comparison.confidence_percent:g} % interval"
    for heading in (ranking.figure.name, "lowest run", "highest run", f"against {reference}", interval, ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for place in ranking.places:
        rank = "–" if place.rank is None else str(place.rank)
        values = (value_text(value, unit) for value in (place.mean, place.low, place.high))
        found = against(ranking.figure, reference, place.arm)
        table.add_row(f"  {rank}", place.arm, Text(place.letters, "bold"), *values, *found)
    return table


def _table(rows: list[tuple[ComparedFigure, Change]], comparison: Comparison) -> Table:
    from loadtest.reports.comparison_tables import change_text, interval_text  # noqa: PLC0415 - brings in the charts
    from loadtest.reports.figures import value_text  # noqa: PLC0415

    pairs = len(comparison.arms) > 2
    table = _plain()
    for heading in ("  ", *(("from", "to") if pairs else ()), "figure"):
        table.add_column(heading, no_wrap=True)
    names = ("before", "now") if comparison.baseline else tuple(arm.name for arm in comparison.arms[:2])
    for heading in (*(("from", "to") if pairs else names), "change", f"{comparison.confidence_percent:g} % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for figure, change in rows:
        table.add_row(
            Text(f"  {change.finding}", "red" if change.finding == WORSE else "green"),
            *((change.baseline, change.candidate) if pairs else ()),
            figure.name,
            value_text(figure.means[change.baseline], figure.unit),
            value_text(figure.means[change.candidate], figure.unit),
            change_text(figure, change),
            interval_text(figure, change),
        )
    return table


def _plain() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
