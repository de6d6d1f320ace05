"""Where samples lie, by time and latency: what a percentile of each second cannot show, such as two humps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from loadtest.measure.tags import INTENDED, SERVICE
from loadtest.reports.chart import Chart, Variant, log_ticks, picture
from loadtest.reports.heat_map import BINS_PER_DECADE
from loadtest.reports.legs import LEG_NAMES

if TYPE_CHECKING:
    from loadtest.reports.heat_map import HeatMap
    from loadtest.reports.run_folder import RunFolder
    from loadtest.reports.time_axis import TimeAxis

_TIMES = {INTENDED: "response time", SERVICE: "service time"}
_LOG_US_PER_MS = 3


def heat_chart(run: RunFolder, axis: TimeAxis) -> Chart | None:
    """One picture of the leg and the kind of time that the reader chooses; nothing without samples."""
    marks = axis.layout(run)
    step_s = max((heat.column_s for heat in run.heat.values()), default=1)
    for heat in run.heat.values():
        heat.widen(step_s)
    variants = [
        _variant(run.heat[leg, kind], {"Leg": LEG_NAMES[leg], "Time": name}, axis, marks)
        for leg in LEG_NAMES
        for kind, name in _TIMES.items()
        if (leg, kind) in run.heat
    ]
    if not variants:
        return None
    caption = (
        f"How many samples fell into each step of {step_s} s and of latency, all actions together: the stronger the "
        "colour, the more. Empty where there are none."
    )
    return picture("heat-map", "time", "Latency heat map", caption, variants, linked=True)


def _variant(heat: HeatMap, choice: dict[str, str], axis: TimeAxis, marks: dict[str, Any]) -> Variant:
    first_bin, first_column, counts = heat.cropped()
    low = (first_bin + 0.5) / BINS_PER_DECADE - _LOG_US_PER_MS
    high = low + len(counts) / BINS_PER_DECADE
    ticks_ms = log_ticks(low, high)
    trace = {
        "type": "heatmap",
        "counts": counts.tolist(),
        "x0": axis.at((first_column + 0.5) * heat.column_s),
        "dx": axis.at(heat.column_s),
        "y0": low,
        "dy": 1 / BINS_PER_DECADE,
        "colorscale": [[0, "@heat-low"], [0.5, "@heat-middle"], [1, "@heat-high"]],
        "name": "samples",
    }
    yaxis = {
        "title": {"text": "latency, ms"},
        "tickvals": [math.log10(tick) for tick in ticks_ms],
        "ticktext": [f"{tick:,g}" for tick in ticks_ms],
        "range": [low - 1 / BINS_PER_DECADE, high],
    }
    return {"choice": choice, "data": [trace], "layout": marks | {"yaxis": yaxis, "hovermode": "closest"}}
