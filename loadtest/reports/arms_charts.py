"""Pictures of a comparison: curves over each other, intervals of every difference, what a message costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from loadtest.measure import compared_figures as kinds
from loadtest.measure.compared_figures import BETTER, WORSE
from loadtest.measure.tags import UPLINK
from loadtest.protocol.phases import STEADY
from loadtest.reports.chart import COLOURS, Chart, Variant, latency_axis, log_ticks, percentile_axis, picture
from loadtest.reports.legs import LEG_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.compared_figures import Change, ComparedFigure
    from loadtest.measure.comparison_record import Comparison

_DASHES = ("solid", "dash", "dot")
_MOST_PAIRS = 28
"""Rows of a picture of intervals; of more pairs, those with the best arm are shown."""
_ROW_PX, _AROUND_ROWS_PX = 22, 150
_POINTS = "change, percentage points"
_TIMES = "times as much"
_FINDINGS = {WORSE: ("worse", "@bad"), BETTER: ("better", "@good")}
_OTHER = ("alike or undecided", "@muted")


def arms_charts(comparison: Comparison) -> list[Chart]:
    """Everything there is to draw."""
    charts = [
        picture("curves", "latency", "Response time by percentile", _CURVES, _curves(comparison)),
        picture("intervals", "intervals", "Differences and their intervals", _INTERVALS, _intervals(comparison)),
        picture("cpu", "cost", "CPU for each message", _CPU, _bars(comparison, _CPU_PARTS, 1.0, "µs/message")),
        picture("memory", "cost", "Memory", _MEMORY, _bars(comparison, _MEMORY_PARTS, 2.0**20, "MB")),
    ]
    return [chart for chart in charts if chart["variants"]]


_CURVES = "All actions and all runs of an arm together, in milliseconds, from the instant a message was due."
_INTERVALS = (
    "What stands behind the arrow against what stands before it; the line is the 95 % interval over repeats, the band "
    "what does not matter. No line: too few repeats for one."
)
_CPU = "CPU time in the steady phase for each message that arrived; the line goes from the lowest to the highest run."
_MEMORY = "Largest resident memory; the line goes from the lowest to the highest run."
_CPU_PARTS: dict[str, kinds.Quantity] = {"broker": kinds.BROKER_CPU, "gateway": kinds.GATEWAY_CPU}
_MEMORY_PARTS: dict[str, kinds.Quantity] = {"broker": kinds.BROKER_MEMORY, "gateway": kinds.GATEWAY_MEMORY}


def _curves(comparison: Comparison) -> list[Variant]:
    names = [arm.name for arm in comparison.arms]
    series = {(curve.phase, curve.leg) for curve in comparison.curves}
    order = list(LEG_NAMES)
    variants: list[Variant] = []
    for phase, leg in sorted(
        series, key=lambda each: (each[0] != STEADY, each[1] != UPLINK, order.index(each[1]), each)
    ):
        data: list[dict[str, Any]] = []
        for curve in comparison.curves:
            if (curve.phase, curve.leg) != (phase, leg):
                continue
            number = names.index(curve.arm)
            line = {"color": f"@series-{number % COLOURS}", "width": 2, "dash": _DASHES[number // COLOURS % 3]}
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": curve.arm,
                    "x": [1 / (1 - percent / 100) for percent in curve.percents if percent < 100],
                    "y": [value_us / 1000 for value_us in curve.values_us],
                    "line": line,
                    "hovertemplate": "%{y:,.4~r} ms: 1 in %{x:,.4~r} is slower<extra>%{fullData.name}</extra>",
                }
            )
        layout = {
            "xaxis": percentile_axis(max(max(trace["x"]) for trace in data)),
            "yaxis": latency_axis((value for trace in data for value in trace["y"]), "response time, ms"),
            "hovermode": "closest",
        }
        variants.append({"choice": {"Leg": LEG_NAMES[leg], "Phase": phase}, "data": data, "layout": layout})
    return variants


def _intervals(comparison: Comparison) -> list[Variant]:
    figures = list(comparison.figures)
    ranking = comparison.ranking
    if ranking is not None:
        ranked_by = ranking.figure.name
        figures.sort(key=lambda figure: figure.name != ranked_by)
        if not comparison.baseline and figures and figures[0].name == ranked_by:
            figures[0] = ranking.figure  # with the findings of its own test, which stand in the ranking
    best = ranking.places[0].arm if ranking is not None else ""
    variants: list[Variant] = []
    for figure in figures:
        changes = figure.changes
        if len(changes) > _MOST_PAIRS and best:
            changes = [change for change in changes if best in (change.baseline, change.candidate)]
        if changes:
            variants.append(_forest(figure, changes[:_MOST_PAIRS], comparison.tolerance_percent))
    return variants


def _forest(figure: ComparedFigure, changes: Sequence[Change], tolerance_percent: float) -> Variant:
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        groups.setdefault(_FINDINGS.get(change.finding, _OTHER), []).append(change)
    data = [_points(figure, name, colour, group) for (name, colour), group in groups.items()]
    shares = figure.unit == "%"
    band = [0.0, 0.0] if shares else [1 / (1 + tolerance_percent / 100), 1 + tolerance_percent / 100]
    rows = [_pair(change) for change in reversed(changes)]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": _POINTS}} if shares else _times_axis(changes),
        "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": rows, "ticks": "", "dtick": 1},
        "height": _AROUND_ROWS_PX + _ROW_PX * len(rows),
        "hovermode": "closest",
        "shapes": [
            _between(band, {"fillcolor": "@rule", "line": {"width": 0}}),
            _between([band[0] if shares else 1.0] * 2, {"line": {"color": "@faint", "width": 1}}),
        ],
    }
    return {"choice": {"Figure": figure.name}, "data": data, "layout": layout}


def _times_axis(changes: Sequence[Change]) -> dict[str, Any]:
    """A logarithmic axis of ratios; where all lie near 1 the drawing library finds better ticks."""
    ends = [(each.change_percent, each.low_percent, each.high_percent) for each in changes]
    logs = [math.log10(1 + end / 100) for three in ends for end in three if end is not None and end > -100]
    axis: dict[str, Any] = {"type": "log", "title": {"text": _TIMES}}
    low, high = min(0.0, *logs), max(0.0, *logs)
    if high - low > math.log10(2):
        ticks = log_ticks(low, high)
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}
    return axis


def _between(x: list[float], style: dict[str, Any]) -> dict[str, Any]:
    """What lies behind the points from top to bottom."""
    place = {"type": "rect", "xref": "x", "yref": "paper", "x0": x[0], "x1": x[1], "y0": 0, "y1": 1}
    return place | {"layer": "below"} | style


def _points(figure: ComparedFigure, name: str, colour: str, changes: Sequence[Change]) -> dict[str, Any]:
    def at(percent: float | None, change: Change) -> float:
        """Where a change lies on the axis; the end of an interval that is not known lies where the change does."""
        known = change.change_percent if percent is None else percent
        return known if figure.unit == "%" else 1 + known / 100

    x = [at(each.change_percent, each) for each in changes]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": [_pair(each) for each in changes],
        "marker": {"color": colour, "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [at(each.high_percent, each) - middle for each, middle in zip(changes, x, strict=True)],
            "arrayminus": [middle - at(each.low_percent, each) for each, middle in zip(changes, x, strict=True)],
            "color": colour,
            "thickness": 1.6,
            "width": 4,
        },
        "hovertemplate": "%{y}: %{x:,.4~r}<extra></extra>",
    }


def _pair(change: Change) -> str:
    return f"{change.baseline} → {change.candidate}"


def _bars(comparison: Comparison, parts: dict[str, kinds.Quantity], unit: float, title: str) -> list[Variant]:
    by_quantity = {figure.quantity: figure for figure in comparison.figures}
    data = [
        _bar(by_quantity[quantity], part, unit, title) | {"marker": {"color": f"@series-{number}"}}
        for number, (part, quantity) in enumerate(parts.items())
        if quantity in by_quantity
    ]
    if not data:
        return []
    layout = {
        "xaxis": {"title": {"text": ""}, "type": "category"},
        "yaxis": {"title": {"text": title}, "rangemode": "tozero"},
        "barmode": "group",
        "hovermode": "closest",
    }
    return [{"choice": {}, "data": data, "layout": layout}]


def _bar(figure: ComparedFigure, part: str, unit: float, title: str) -> dict[str, Any]:
    rows = [(arm, mean / unit, [value / unit for value in figure.values[arm]]) for arm, mean in figure.means.items()]
    return {
        "type": "bar",
        "name": part,
        "x": [arm for arm, _, _ in rows],
        "y": [mean for _, mean, _ in rows],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(values) - mean for _, mean, values in rows],
            "arrayminus": [mean - min(values) for _, mean, values in rows],
            "color": "@muted",
            "thickness": 1.4,
            "width": 4,
        },
        "hovertemplate": "%{y:,.4~r} " + title + "<extra>%{x}, " + part + "</extra>",
    }
