"""Pictures of a search for capacity: load against latency with the edge and the knee, load against CPU."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from loadtest.reports.capacity_view import STATES, cpu_by_part
from loadtest.reports.chart import Chart, Variant, latency_axis, picture
from loadtest.reports.legs import LEG_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.measure.capacity_record import CapacityRecord, CapacityStep

_PERCENTILES = ("p50", "p99", "p999")
_NAMES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}
_STATES = {"passed": "@good", "failed": "@bad", "limited": "@warn", "void": "@muted"}
_TELLING = ("passed", "failed")
"""States of runs that say something about the system."""
_EDGE = (
    "Each point is a run, at its p99, by what became of it; lines go through the middle of the runs at a level that "
    "say something about the system. The band lies between the largest level that held and the smallest that did not, "
    "the dotted line at the knee."
)
_CPU = "Percent of one core; of engines and subscribers the busiest process, of gateway and broker all together."


def capacity_charts(record: CapacityRecord) -> list[Chart]:
    """Everything there is to draw."""
    charts = [
        picture("latency", "load", "Latency by load", _EDGE, _latency(record)),
        picture("cpu", "load", "CPU by load", _CPU, _cpu(record)),
    ]
    return [chart for chart in charts if chart["variants"]]


def _latency(record: CapacityRecord) -> list[Variant]:
    variants: list[Variant] = []
    for leg in record.plan.legs:
        rows = [(step, row) for step in record.steps for row in step.latency if row.leg == leg and row.count]
        if not rows:
            continue
        data: list[dict[str, Any]] = []
        for number, percentile in enumerate(_PERCENTILES):
            values_ms = {
                id(step): getattr(row, f"{percentile}_us") / 1000 for step, row in rows if step.state in _TELLING
            }
            by_level = _by_level(values_ms, record)
            if by_level:
                data.append(_line(_NAMES[percentile], by_level, number, "ms"))
        for state, colour in _STATES.items():
            points = [(step.level, row.p99_us / 1000) for step, row in rows if step.state == state]
            if points:
                data.append(_points(STATES.get(state, state), points, colour))
        values = [value for trace in data for value in trace["y"]]
        layout = _layout(record) | {"yaxis": latency_axis(values, f"{LEG_NAMES[leg].lower()}, ms")}
        variants.append({"choice": {"Leg": LEG_NAMES[leg]}, "data": data, "layout": layout})
    return variants


def _cpu(record: CapacityRecord) -> list[Variant]:
    parts = dict.fromkeys(part for step in record.steps for part in cpu_by_part(step))
    data = []
    for number, part in enumerate(parts):
        values = {id(step): cpu_by_part(step)[part] for step in record.steps if part in cpu_by_part(step)}
        data.append(_line(part, _by_level(values, record), number, "%"))
    if not data:
        return []
    layout = _layout(record) | {"yaxis": {"title": {"text": "CPU, percent of a core"}, "rangemode": "tozero"}}
    return [{"choice": {}, "data": data, "layout": layout}]


def _by_level(values: Mapping[int, float], record: CapacityRecord) -> dict[int, float]:
    """The middle of the runs at each level, in the order of levels; ``values`` by the identity of the step."""
    found: dict[int, list[float]] = {}
    for step in sorted(record.steps, key=_level):
        if id(step) in values:
            found.setdefault(step.level, []).append(values[id(step)])
    return {level: median(each) for level, each in found.items()}


def _level(step: CapacityStep) -> int:
    return step.level


def _line(name: str, by_level: Mapping[int, float], number: int, unit: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(by_level),
        "y": list(by_level.values()),
        "line": {"color": f"@series-{number}", "width": 2},
        "hovertemplate": f"%{{x:,}}: %{{y:,.4~r}} {unit}<extra>%{{fullData.name}}</extra>",
    }


def _points(name: str, points: list[tuple[int, float]], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [level for level, _ in points],
        "y": [value for _, value in points],
        "marker": {"color": colour, "size": 9},
        "hovertemplate": "%{x:,}: %{y:,.4~r} ms<extra>%{fullData.name}</extra>",
    }


def _layout(record: CapacityRecord) -> dict[str, Any]:
    shapes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    result = record.result
    if result is not None and result.passed is not None:
        shapes.append(_upright(result.passed, result.failed or result.passed, {"fillcolor": "@rule"}, "@good"))
        annotations.append(_word("capacity", result.passed))
    if result is not None and result.knee is not None:
        shapes.append(_upright(result.knee, result.knee, {}, "@warn", dash="dot"))
        annotations.append(_word("knee", result.knee) | {"yshift": 14})
    return {
        "xaxis": {"title": {"text": record.plan.unit}, "rangemode": "tozero"},
        "hovermode": "closest",
        "shapes": shapes,
        "annotations": annotations,
    }


def _upright(x0: float, x1: float, style: dict[str, Any], colour: str, dash: str = "solid") -> dict[str, Any]:
    """From top to bottom behind the points."""
    place = {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1, "layer": "below"}
    return place | {"line": {"color": colour, "width": 1, "dash": dash}} | style


def _word(text: str, x: float) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "x": x, "y": 1, "yanchor": "bottom", "showarrow": False}
    return place | {"text": text, "font": {"color": "@muted", "size": 11}}
