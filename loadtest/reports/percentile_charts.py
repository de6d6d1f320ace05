"""Latency by percentile, for every leg, phase and action: response time beside service time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.measure.percentiles import percentile_curve
from loadtest.measure.tags import INTENDED, PACER, ROUND_TRIP, SERVICE, UPLINK, Tag
from loadtest.protocol import phases
from loadtest.reports.chart import COLOURS, Chart, Variant, in_ms, latency_axis, percentile_axis, picture
from loadtest.reports.legs import LEG_NAMES
from loadtest.reports.view import phase_shown

if TYPE_CHECKING:
    from loadtest.measure.histogram import Histogram
    from loadtest.reports.run_folder import RunFolder

_EVERY = "every action"
_ALL = "all actions"
_CAPTION = (
    "In milliseconds. Solid: response time, from the instant a message was due. Dotted: service time, from when it "
    "was really sent. Where they part, messages waited before they were sent."
)


def percentile_charts(run: RunFolder) -> list[Chart]:
    """Two pictures side by side, of whatever the reader chooses; first the round trip, and the uplink."""
    variants = _variants(run)
    if not variants:
        return []
    legs = [variant["choice"]["Leg"] for variant in variants]
    first = picture("percentiles", "latency", "Latency by percentile", _CAPTION, variants)
    if LEG_NAMES[UPLINK] not in legs[1:]:
        return [first]
    return [first, first | {"id": "percentiles-beside", "start": legs.index(LEG_NAMES[UPLINK]), "variants": []}]


def _variants(run: RunFolder) -> list[Variant]:
    shown = phase_shown(run)
    series = {tag for tag in run.totals if tag.kind == INTENDED and tag.leg != PACER}
    legs = {leg: position for position, leg in enumerate((ROUND_TRIP, UPLINK, *LEG_NAMES))}
    groups = {(tag.leg, tag.phase) for tag in series}
    found: list[Variant] = []
    for leg, phase in sorted(groups, key=lambda group: (legs[group[0]], group[1] != shown, phases.order(group[1]))):
        actions = sorted(tag.action for tag in series if (tag.leg, tag.phase) == (leg, phase))
        curves = {
            action: _curves(run.totals, Tag(phase, leg, action, INTENDED), f"@series-{number % COLOURS}")
            for number, action in enumerate(actions)
        }
        choice = {"Leg": LEG_NAMES[leg], "Phase": phase}
        if len(actions) > 1:
            merged = {Tag(phase, leg, _ALL, kind): run.merged(phase, leg, kind) for kind in (INTENDED, SERVICE)}
            together = _curves(merged, Tag(phase, leg, _ALL, INTENDED), "@ink")
            every = [curve for action in actions for curve in curves[action]] + together
            found.append(_variant(choice | {"Action": _EVERY}, every))
            found.append(_variant(choice | {"Action": _ALL}, together))
        found += [_variant(choice | {"Action": action}, curves[action]) for action in actions]
    return [variant for variant in found if variant["data"]]


def _curves(totals: dict[Tag, Histogram], tag: Tag, colour: str) -> list[dict[str, Any]]:
    return [
        _curve(tag.action, kind, totals[tag._replace(kind=kind)], colour)
        for kind in (INTENDED, SERVICE)
        if tag._replace(kind=kind) in totals and totals[tag._replace(kind=kind)].total
    ]


def _curve(name: str, kind: str, histogram: Histogram, colour: str) -> dict[str, Any]:
    x, y_us = percentile_curve(histogram)
    response = kind == INTENDED
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "name": name if response else f"{name}, service",
        "legendgroup": name,
        "showlegend": response,
        "x": x,
        "y": in_ms(y_us),
        "line": {"color": colour, "width": 2.5 if name == _ALL else 1.6, "dash": "solid" if response else "dot"},
        "hovertemplate": "%{y:,.4~r} ms: 1 in %{x:,.4~r} is slower<extra>%{fullData.name}</extra>",
    }


def _variant(choice: dict[str, str], data: list[dict[str, Any]]) -> Variant:
    largest = max((max(trace["x"]) for trace in data), default=2)
    alone = len({trace["legendgroup"] for trace in data}) == 1
    if alone:  # nothing else to tell apart: the legend tells response from service time
        data = [trace | {"showlegend": True, "name": _alone(trace)} for trace in data]
    return {
        "choice": choice,
        "data": data,
        "layout": {
            "xaxis": percentile_axis(largest),
            "yaxis": latency_axis((value for trace in data for value in trace["y"]), "latency, ms"),
            "hovermode": "closest",
        },
    }


def _alone(trace: dict[str, Any]) -> str:
    return "response time" if trace["line"]["dash"] == "solid" else "service time"
