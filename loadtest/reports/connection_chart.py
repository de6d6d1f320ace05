"""What the connections of the fleet were like over time, as one stack that is as high as the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.measure import connection_states as states
from loadtest.reports.chart import picture
from loadtest.reports.thinning import thinned

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.timeline import TimelineRow
    from loadtest.reports.chart import Chart, Variant
    from loadtest.reports.run_folder import RunFolder
    from loadtest.reports.time_axis import TimeAxis

_LAYERS = (
    (states.CHARGING, "charging", "@state-charging"),
    (states.IDLE, "registered", "@state-registered"),
    (states.REGISTERING, "registering", "@state-registering"),
    (states.CONNECTING, "connecting", "@state-connecting"),
    (states.HALF_OPEN, "half-open", "@state-half-open"),
    (states.BACKING_OFF, "backing off", "@state-backing-off"),
    (states.OFFLINE, "offline", "@state-offline"),
)
"""From the bottom to the top: state, name, colour."""


def connection_chart(run: RunFolder, axis: TimeAxis) -> Chart | None:
    """The stack; nothing for a run whose timeline does not tell of states."""
    if not any(_told(row) for row in run.timeline):
        return None
    fleet = run.record.run.charge_points
    layers: list[tuple[str, str, Callable[[TimelineRow], float]]] = [
        (name, colour, _count(state)) for state, name, colour in _LAYERS
    ]
    layers.append(("not told of", "@state-unknown", lambda row: max(fleet - _told(row), 0)))
    layers = [layer for layer in layers if any(map(layer[2], run.timeline))]
    rows = thinned(run.timeline, [pick for _, _, pick in layers])
    x = [axis.at(row.second + 1) for row in rows]  # gauges stand at the end of a second
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "fleet",
            "name": name,
            "x": x,
            "y": [pick(row) for row in rows],
            "line": {"width": 0},
            "fillcolor": colour,
            "hovertemplate": "%{y:,}",
        }
        for name, colour, pick in layers
    ]
    layout = axis.layout(run) | {"yaxis": {"title": {"text": "charge points"}, "rangemode": "tozero"}}
    shaded = " Red: something was broken on purpose; lighter until all was back." if run.record.faults else ""
    unknown = " Not told of: not begun yet, or their engine is gone." if layers[-1][0] == "not told of" else ""
    caption = (
        "Charge points by the state of their connection at the end of each second; a charge point is in one state, so "
        f"that they add up to the fleet. Charging: registered, in a transaction.{unknown}{shaded}"
    )
    variants: list[Variant] = [{"choice": {}, "data": data, "layout": layout}]
    return picture("connections", "time", "Connections", caption, variants, linked=True)


def _count(state: str) -> Callable[[TimelineRow], float]:
    return lambda row: float(getattr(row, state))


def _told(row: TimelineRow) -> int:
    return sum(getattr(row, state) for state in states.CONNECTION_STATES)
