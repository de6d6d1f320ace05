"""What came of holding runs against runs, as text and tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from loadtest.measure.compared_figures import BETTER, WORSE
from loadtest.measure.comparison_record import COMPARISON_JSON
from loadtest.reports.figures import chance_text, value_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.compared_figures import Change, ComparedFigure
    from loadtest.measure.comparison_record import Comparison, Ranking


_CLASS_NOTE = (
    "Of the charge points of each class alone. p is corrected for all figures of classes; they tell where a difference "
    "comes from, and are no regression."
)


@dataclasses.dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison, ready to be laid out.

    Attributes:
        changed: The figures that are worse or better.
        figures: All of them.
        classes: Those of the classes of a mixed fleet, worse and better ones first.
        differences: What else is not the same in all arms.
    """

    baseline: str
    outcome: str
    text: str
    changed: Table
    figures: Table
    classes: Table
    differences: Table


def comparison_view(comparison: Comparison) -> ComparisonView:
    """Put a comparison into words."""
    names = [arm.name for arm in comparison.arms]
    versus = len(names) > 2
    interval = f"{comparison.confidence_percent:g} % interval"
    arms = ("From", "To") if versus else ()
    means = ("Before", "Now") if versus or comparison.baseline else tuple(names)
    columns = ("Finding", *arms, "Figure", *means, "Change", interval, "p", "Repeats needed")
    note = (
        f"Changes up to {comparison.tolerance_percent:g} % do not matter. p is corrected for all figures"
        f"{' and pairs of arms' if versus else ''}: where nothing has changed, any is called different in at most "
        f"{comparison.error_rate_percent:g} % of comparisons."
    )
    note += "".join(f" Left out of {arm.name}: {'; '.join(arm.left_out)}." for arm in comparison.arms if arm.left_out)
    if comparison.not_compared:
        note += f" Not in every arm: {len(comparison.not_compared)} figures, named in {COMPARISON_JSON}."
    left = 2 + len(arms)
    changed = tuple(_row(*row, versus=versus)[:-1] for row in comparison.found(WORSE, BETTER))
    rows = tuple(_row(*row, versus=versus) for row in comparison.changes())
    return ComparisonView(
        baseline=comparison.baseline,
        outcome=comparison.outcome,
        text=comparison.text,
        changed=Table("Worse and better", columns[:-1], changed, left=left),
        figures=Table("All figures", columns, rows, note, left=left),
        classes=Table("Figures of classes", columns, _class_rows(comparison, versus=versus), _CLASS_NOTE, left=left),
        differences=differences_table(comparison),
    )


def _class_rows(comparison: Comparison, *, versus: bool) -> tuple[tuple[str, ...], ...]:
    rows = sorted(comparison.changes_of_classes(), key=lambda row: row[1].finding not in (WORSE, BETTER))
    return tuple(_row(*row, versus=versus) for row in rows)


def differences_table(comparison: Comparison) -> Table:
    """What else is not the same in all arms."""
    names = tuple(arm.name for arm in comparison.arms)
    rows = tuple((each.what, *(each.values.get(name, "–") for name in names)) for each in comparison.differences)
    return Table("What else differs", ("What", *names), rows, left=1 + len(names))


def class_means(comparison: Comparison) -> Table:
    """The figures of the classes of a mixed fleet by arm."""
    names = [arm.name for arm in comparison.arms if arm.runs]
    rows = tuple((figure.name, *(mean_text(figure, name) for name in names)) for figure in comparison.classes)
    note = "Means over the runs that count: geometric, of losses arithmetic."
    return Table("Means by class", ("Figure", *names), rows, note)


def mean_text(figure: ComparedFigure, arm: str) -> str:
    """The mean of an arm; a dash when it does not have the figure."""
    return value_text(figure.means[arm], figure.unit) if arm in figure.means else "–"


def change_text(figure: ComparedFigure, change: Change) -> str:
    """A change in per cent, or in percentage points of a share."""
    return _signed(figure, change.change_percent) + _unit(figure)


def interval_text(figure: ComparedFigure, change: Change) -> str:
    """The interval of a change; a dash when there are too few runs for one."""
    if change.low_percent is None or change.high_percent is None:
        return "–"
    return f"{_signed(figure, change.low_percent)} … {_signed(figure, change.high_percent)}{_unit(figure)}"


def held_against(ranking: Ranking, baseline: str) -> str:
    """The arm that the others of a ranking are shown against: the baseline if it is there, else the best."""
    names = [place.arm for place in ranking.places]
    return baseline if baseline in names else names[0]


def against(figure: ComparedFigure, reference: str, arm: str) -> tuple[str, str, str]:
    """Change, interval and finding of an arm; dashes for the reference itself."""
    change = figure.change(reference, arm)
    if change is None:
        return ("–", "–", "–")
    return (change_text(figure, change), interval_text(figure, change), change.finding)


def _signed(figure: ComparedFigure, percent: float) -> str:
    return f"{percent:+,.3f}" if figure.unit == "%" else f"{percent:+,.1f}"


def _unit(figure: ComparedFigure) -> str:
    return " points" if figure.unit == "%" else " %"


def _row(figure: ComparedFigure, change: Change, *, versus: bool) -> tuple[str, ...]:
    return (
        change.finding,
        *((change.baseline, change.candidate) if versus else ()),
        figure.name,
        value_text(figure.means[change.baseline], figure.unit),
        value_text(figure.means[change.candidate], figure.unit),
        change_text(figure, change),
        interval_text(figure, change),
        chance_text(change.p_value),
        "" if change.repeats_needed is None else f"{change.repeats_needed:,}",
    )
