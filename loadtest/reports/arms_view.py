"""What the report of a comparison says, as text and tables: the same for HTML and Markdown."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING

from loadtest.measure import compared_figures as kinds
from loadtest.measure import comparison_record
from loadtest.measure.tags import UPLINK
from loadtest.protocol.phases import STEADY
from loadtest.reports.comparison_tables import (
    ComparisonView,
    against,
    change_text,
    class_means,
    comparison_view,
    held_against,
    interval_text,
    mean_text,
)
from loadtest.reports.figures import chance_text, count_text, value_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.compared_figures import ComparedFigure
    from loadtest.measure.comparison_record import Comparison

_MARKS = {comparison_record.REGRESSION: "❌", comparison_record.NO_REGRESSION: "✅", comparison_record.NO_VERDICT: "⚠️"}
_CLASSES = {
    comparison_record.REGRESSION: "regression",
    comparison_record.NO_VERDICT: "void",
    comparison_record.NO_REGRESSION: "passed",
    comparison_record.NO_DIFFERENCE: "different",
    comparison_record.DIFFERENT: "different",
}
"""Nothing shown is nothing proved: only what was held against a baseline is good or bad."""
_TURNS = (
    "The arms took turns. What grew or fell steadily meanwhile is taken out of every figure that is judged: "
    "a line through the order of all runs, the same for all arms."
)
_MOST_CHANGED, _MOST_ROWS = 60, 300
_BESIDE = (kinds.THROUGHPUT, *sorted(kinds.SHARES), kinds.REGISTERED, kinds.BACK)


@dataclasses.dataclass(frozen=True, slots=True)
class ArmsView:
    """The report of a comparison, ready to be laid out.

    Attributes:
        result: Its outcome as a class of the page.
        ranking: The arms in order, with ties.
        behind: The pairs of the figure they are ranked by.
        beside: Throughput, loss and times by arm.
        costs: What it took, by arm.
        latency: Percentiles of all actions by arm.
        classes: Means of each class of a mixed fleet by arm, one row for each figure.
        arms: What each is made of: runs, what was left out, what had to be otherwise.
        common: What is the same in all of them.
        shapes: How far distributions lie apart.
        pairs: Every change of every figure.
    """

    title: str
    subtitle: str
    result: str
    mark: str
    ranking_text: str
    ranking: Table
    behind: Table
    beside: Table
    costs: Table
    latency: Table
    classes: Table
    arms: Table
    common: Table
    adaptations: tuple[str, ...]
    shapes: Table
    pairs: ComparisonView
    not_compared: tuple[str, ...]
    plan: str
    command: str


def arms_view(comparison: Comparison) -> ArmsView:
    """Put a comparison into words."""
    return ArmsView(
        title=f"{comparison.scenario or 'nothing'}: {len(comparison.arms)} arms",
        subtitle=_subtitle(comparison),
        result=_CLASSES[comparison.outcome],
        mark=_MARKS.get(comparison.outcome, "ℹ️"),
        ranking_text="" if comparison.ranking is None else comparison.ranking.text,
        ranking=_ranking(comparison),
        behind=_shortened(_behind(comparison), _MOST_CHANGED),
        beside=_by_arm(comparison, "Throughput, loss, times", lambda figure: figure.quantity in _BESIDE),
        costs=_by_arm(comparison, "Cost", lambda figure: figure.quantity in kinds.COSTS),
        latency=_by_arm(
            comparison,
            "Response times, all actions",
            lambda figure: figure.quantity == kinds.LATENCY and figure.action == kinds.ALL_ACTIONS,
        ),
        classes=_shortened(class_means(comparison), _MOST_ROWS),
        arms=_arms(comparison),
        common=Table("The same in all arms", ("", ""), tuple(comparison.common.items()), left=2),
        adaptations=tuple(f"{arm.name}: {text}" for arm in comparison.arms for text in arm.adaptations),
        shapes=_shortened(_shapes(comparison), _MOST_ROWS),
        pairs=_readable(comparison_view(comparison)),
        not_compared=tuple(comparison.not_compared),
        plan=comparison.plan,
        command=shlex.join(comparison.command),
    )


def _readable(pairs: ComparisonView) -> ComparisonView:
    """Tables that pages and pull requests can take; of many arms there are thousands of changes."""
    return dataclasses.replace(
        pairs,
        changed=_shortened(pairs.changed, _MOST_CHANGED),
        figures=_shortened(pairs.figures, _MOST_ROWS),
        classes=_shortened(pairs.classes, _MOST_ROWS),
    )


def _shortened(table: Table, most: int) -> Table:
    if len(table.rows) <= most:
        return table
    more = f"{len(table.rows) - most:,} more rows are in {comparison_record.COMPARISON_JSON}."
    return dataclasses.replace(table, rows=table.rows[:most], note=f"{more} {table.note}".rstrip())


def _subtitle(comparison: Comparison) -> str:
    runs = sum(len(arm.runs) for arm in comparison.arms)
    began = min((arm.began_at for arm in comparison.arms if arm.began_at), default=None)
    ended = max((arm.ended_at for arm in comparison.arms if arm.ended_at), default=None)
    parts = [f"{count_text(runs)} runs that count"]
    if began is not None:
        parts.append(f"{began:%Y-%m-%d %H:%M}" + ("" if ended is None else f" to {ended:%Y-%m-%d %H:%M}") + " UTC")
    if comparison.baseline:
        parts.append(f"held against {comparison.baseline}")
    return " · ".join(parts)


def _ranking(comparison: Comparison) -> Table:
    ranking = comparison.ranking
    if ranking is None:
        return Table("Ranking")
    unit = ranking.figure.unit
    reference = held_against(ranking, comparison.baseline)
    rows = tuple(
        (
            "–" if place.rank is None else str(place.rank),
            place.arm,
            place.letters,
            *(value_text(value, unit) for value in (place.mean, place.low, place.high)),
            *against(ranking.figure, reference, place.arm),
        )
        for place in ranking.places
    )
    interval = f"{comparison.confidence_percent:g} % interval"
    return Table(
        f"Ranking by {ranking.figure.name}",
        (
            "Rank",
            "Arm",
            "Shared",
            "Mean of runs",
            "Lowest run",
            "Highest run",
            f"Against {reference}",
            interval,
            "Finding",
        ),
        rows,
        f"The rank is one more than the arms that are really better, by more than {comparison.tolerance_percent:g} %. "
        "Arms with a letter in common are not shown to differ so. This figure is tested by itself, for all pairs of "
        f"arms: where nothing differs, any two are told apart in at most {comparison.error_rate_percent:g} % of "
        "comparisons; an interval is of its pair alone, and may leave out 0 where that is undecided. –: too few "
        "repeats to tell.",
        left=3,
    )


def _behind(comparison: Comparison) -> Table:
    ranking = comparison.ranking
    if ranking is None:
        return Table("Pairs")
    figure = ranking.figure
    rows = tuple(
        (
            change.finding,
            change.baseline,
            change.candidate,
            change_text(figure, change),
            interval_text(figure, change),
            chance_text(change.p_value),
            "" if change.repeats_needed is None else f"{change.repeats_needed:,}",
        )
        for change in figure.changes
    )
    interval = f"{comparison.confidence_percent:g} % interval"
    columns = ("Finding", "From", "To", "Change", interval, "p", "Repeats needed")
    return Table(f"Every pair by {figure.name}", columns, rows, left=3)


def _by_arm(comparison: Comparison, title: str, wanted: Callable[[ComparedFigure], bool]) -> Table:
    figures = [figure for figure in comparison.figures if wanted(figure)]
    figures.sort(key=lambda figure: (figure.phase not in ("", STEADY), figure.leg != UPLINK))
    names = [arm.name for arm in comparison.arms if arm.runs]
    rows = tuple((name, *(mean_text(figure, name) for figure in figures)) for name in names)
    if not figures:
        return Table(title)
    note = "Means over the runs that count: geometric, of losses arithmetic. CPU and memory are those of all processes."
    return Table(title, ("Arm", *(figure.name for figure in figures)), rows, note)


def _arms(comparison: Comparison) -> Table:
    rows = tuple(
        (
            arm.name,
            ", ".join(f"{name} {value}" for name, value in arm.settings.items())
            or ("what all have in common" if comparison.plan else arm.folder),
            str(len(arm.runs)),
            "; ".join(arm.left_out) or "none",
        )
        for arm in comparison.arms
    )
    note = _TURNS if comparison.plan else ""
    return Table("Arms", ("Arm", "What it is", "Runs that count", "Left out, and why"), rows, note, left=4)


def _shapes(comparison: Comparison) -> Table:
    rows = tuple(
        (
            "real" if shape.real else "–",
            shape.baseline,
            shape.candidate,
            f"{shape.leg.replace('_', ' ')}, {shape.phase}",
            f"{shape.distance_percent:.1f} %",
            chance_text(shape.p_value),
        )
        for shape in comparison.shapes
    )
    return Table(
        "Distributions as a whole",
        ("Finding", "From", "To", "Leg, phase", "Distance", "p"),
        rows,
        "Distance of Kolmogorov and Smirnov between all samples of the one arm and of the other: so many messages more "
        "are answered within some time. Tested by exchanging whole runs, for messages of one run are not independent; "
        "it tells shifts and changes of shape alike, counts as no regression, and has an error rate of its own.",
        left=4,
    )
