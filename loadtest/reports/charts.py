"""The pictures of a report, as Plotly figures: data and layout only.

Colours are names (``@ink``); the page puts in those of its theme, and again when the theme changes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from loadtest.measure.histogram import Histogram
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE, UPLINK
from loadtest.reports.figures import latency_text
from loadtest.reports.view import LEG_NAMES, phase_shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.reports.run_folder import RunFolder

COLOURS = 8
"""Series colours a theme has: ``@series-0`` and so on."""

_POINTS_PER_DECADE = 24
_NINES = (0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999)


class Chart(TypedDict):
    """One picture: where it stands, what it shows in words, and the figure."""

    id: str
    section: str
    title: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


def percentile_charts(run: RunFolder) -> list[Chart]:
    """Round trip and uplink by percentile, response time beside service time."""
    phase = phase_shown(run)
    drawn = (_percentiles(run, leg, phase) for leg in (ROUND_TRIP, UPLINK))
    return [chart for chart in drawn if chart["data"]]


def percentile_curve(histogram: Histogram) -> tuple[list[float], list[int]]:
    """A curve's points: ``x = 1 / (1 - p)``, evenly spaced on a log axis up to the last sample; ``y`` in µs.

    On that axis each further nine (90 %, 99 %, 99.9 %) has the same room.
    """
    steps = int(math.log10(histogram.total) * _POINTS_PER_DECADE) + 1
    x = [10 ** (step / _POINTS_PER_DECADE) for step in range(steps)]
    if histogram.total > 1:
        x.append(float(histogram.total))
    return [round(point, 4) for point in x], histogram.percentiles([100 * (1 - 1 / point) for point in x])


def latency_axis(values_ms: Iterable[float | None], title: str) -> dict[str, Any]:
    """A logarithmic axis, with as many steps in a decade as there is room for."""
    present = [value for value in values_ms if value]
    if not present:
        return {"title": {"text": title}}
    low, high = math.log10(min(present)), math.log10(max(present))
    bases: tuple[float, ...] = (1,)
    if high - low < 2.2:
        bases = (1, 2, 5) if high - low > 0.9 else (1, 1.5, 2, 3, 4, 6, 8)
    ticks = [base * 10.0**power for power in range(-3, 6) for base in bases]
    return {
        "type": "log",
        "title": {"text": title},
        "range": [low - 0.08, high + 0.12],
        "tickvals": ticks,
        "ticktext": [f"{tick:,g}" for tick in ticks],
    }


def _percentiles(run: RunFolder, leg: str, phase: str) -> Chart:
    actions = sorted({tag.action for tag in run.totals if (tag.phase, tag.leg) == (phase, leg)})
    data: list[dict[str, Any]] = []
    largest = 2
    for kind, dash in ((INTENDED, "solid"), (SERVICE, "dot")):
        curves = [
            (action, f"@series-{number % COLOURS}", 1.5, _samples(run, phase, leg, action, kind))
            for number, action in enumerate(actions)
        ]
        if len(actions) > 1:
            curves.append(("all actions", "@ink", 2.5, run.merged(phase, leg, kind)))
        for name, colour, width, histogram in curves:
            if histogram.total:
                largest = max(largest, histogram.total)
                line = {"color": colour, "width": width, "dash": dash}
                data.append(_curve(name, kind, histogram) | {"line": line, "showlegend": kind == INTENDED})
    values_ms = (value for trace in data for value in trace["y"])
    return {
        "id": f"{leg}-percentiles",
        "section": "latency",
        "title": f"{LEG_NAMES[leg]} latency by percentile",
        "caption": f"Phase {phase}, in milliseconds. Solid: response time, from the instant a message was due. "
        "Dotted: service time, from when it was really sent. Where they part, messages waited before they were sent.",
        "data": data,
        "layout": {
            "xaxis": {
                "type": "log",
                "title": {"text": "percentile"},
                "tickvals": [1 / (1 - percent / 100) for percent in _NINES],
                "ticktext": [f"{percent:g} %" for percent in _NINES],
                "range": [0, math.log10(largest) + 0.05],
            },
            "yaxis": latency_axis(values_ms, "latency, ms"),
            "hovermode": "closest",
        },
    }


def _samples(run: RunFolder, phase: str, leg: str, action: str, kind: str) -> Histogram:
    wanted = (phase, leg, action, kind)
    return next((histogram for tag, histogram in run.totals.items() if tag == wanted), Histogram())


def _curve(name: str, kind: str, histogram: Histogram) -> dict[str, Any]:
    x, y_us = percentile_curve(histogram)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": name,
        "x": x,
        "y": [value_us / 1000 for value_us in y_us],
        "text": [
            f"{name}, {kind}: p{100 * (1 - 1 / point):.6g} is {latency_text(value_us)}"
            for point, value_us in zip(x, y_us, strict=True)
        ],
        "hoverinfo": "text",
    }
