"""The pictures that show a run second by second, with its phases marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.measure.timeline import PARTS, TimelineRow
from loadtest.reports.charts import Chart, latency_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.reports.run_folder import RunFolder

MOST_POINTS = 900
"""Points of a curve; longer runs are drawn in steps of several seconds."""

Steps = list[list[TimelineRow]]


class _Line(NamedTuple):
    """A curve: what it shows of a second, and how the seconds of a step become one point."""

    name: str
    colour: str
    pick: Callable[[TimelineRow], float]
    combine: Callable[[list[float]], float | None]
    dash: str = "solid"


def time_charts(run: RunFolder) -> list[Chart]:
    """Rate, charge points, latency, CPU and lateness over time; nothing for a run without a timeline."""
    if not run.timeline:
        return []
    steps, step_s = condense(run.timeline)
    limit_us = run.record.run.limits.pacer_p99_us
    marks = _phase_marks(run)
    drawn = [
        _chart(
            "load",
            "rate",
            "Messages per second",
            "CALLs of charge points: due, answered, seen by the subscriber.",
            [
                _Line("due", "@series-5", lambda row: row.offered, _mean, "dot"),
                _Line("answered", "@series-0", lambda row: row.answered, _mean),
                _Line("seen by the subscriber", "@series-2", lambda row: row.delivered, _mean, "dash"),
                _Line("failed or dropped", "@bad", _failed, _mean),
            ],
            steps,
            "messages per second",
        ),
        _chart(
            "load",
            "charge-points",
            "Charge points",
            "How many are connected, registered, and in a transaction.",
            [
                _Line("connected", "@series-0", lambda row: row.connected, _last),
                _Line("registered", "@series-2", lambda row: row.registered, _last, "dot"),
                _Line("in a transaction", "@series-1", lambda row: row.transactions, _last),
            ],
            steps,
            "charge points",
        ),
        _latency(steps),
        _chart(
            "health",
            "cpu",
            "CPU",
            "In percent of one core. Of engines and subscribers the busiest process is shown.",
            [
                _Line(part, f"@series-{number}", _cpu_of(part), _mean)
                for number, part in enumerate(PARTS)
                if any(_cpu_of(part)(row) for row in run.timeline)
            ],
            steps,
            "CPU, %",
        ),
        _chart(
            "health",
            "lateness",
            "Lateness of the generator",
            "In milliseconds, from the instant an operation was due to the instant the generator got to it: "
            "the 99th percentile of each second."
            + (f" Above {limit_us / 1000:g} ms over the steady phase a run is void." if limit_us else ""),
            [_Line("p99", "@series-0", lambda row: row.pacer_p99_us / 1000, _worst)],
            steps,
            "lateness, ms",
        ),
    ]
    for chart in drawn:
        chart["layout"] |= marks | {"xaxis": {"title": {"text": "seconds after the start"}}, "hovermode": "x unified"}
        if step_s > 1:
            chart["caption"] += f" Each point stands for {step_s} s."
    return drawn


def condense(rows: Sequence[TimelineRow]) -> tuple[Steps, int]:
    """Group seconds into at most about :data:`MOST_POINTS` steps; also returns a step's length in seconds."""
    first = rows[0].second
    step_s = (rows[-1].second - first) // MOST_POINTS + 1
    grouped: dict[int, list[TimelineRow]] = {}
    for row in rows:
        grouped.setdefault((row.second - first) // step_s, []).append(row)
    return list(grouped.values()), step_s


def _latency(steps: Steps) -> Chart:
    chart = _chart(
        "latency",
        "latency-over-time",
        "Latency over time",
        "In milliseconds, all actions together. Dotted: service time, from when a message was really sent.",
        [
            _Line("round trip p99", "@series-0", lambda row: row.round_trip_intended_p99_us / 1000, _worst),
            _Line(
                "round trip p99, service", "@series-0", lambda row: row.round_trip_service_p99_us / 1000, _worst, "dot"
            ),
            _Line("round trip p50", "@series-3", lambda row: row.round_trip_intended_p50_us / 1000, _worst),
            _Line("uplink p99", "@series-2", lambda row: row.uplink_p99_us / 1000, _worst),
            _Line("uplink p50", "@series-1", lambda row: row.uplink_p50_us / 1000, _worst),
        ],
        steps,
        "",
    )
    chart["layout"]["yaxis"] = latency_axis((value for trace in chart["data"] for value in trace["y"]), "latency, ms")
    return chart


def _chart(section: str, name: str, title: str, caption: str, lines: Sequence[_Line], steps: Steps, axis: str) -> Chart:
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines" if len(steps) > 1 else "markers",
            "name": line.name,
            "x": [step[0].second for step in steps],
            "y": [line.combine([line.pick(row) for row in step]) for step in steps],
            "line": {"color": line.colour, "width": 1.8, "dash": line.dash},
        }
        for line in lines
    ]
    return {
        "id": name,
        "section": section,
        "title": title,
        "caption": caption,
        "data": data,
        "layout": {"yaxis": {"title": {"text": axis}, "rangemode": "tozero"}},
    }


def _phase_marks(run: RunFolder) -> dict[str, Any]:
    """A line where each phase begins, and its name."""
    last_s = run.timeline[-1].second
    spans = [span for span in run.record.phases if span.start_s <= last_s]
    if not spans:  # a run that was killed has them only in its timeline
        starts = {row.phase: row.second for row in reversed(run.timeline) if row.phase}
        named = sorted((float(second), name) for name, second in starts.items())
    else:
        named = [(span.start_s, span.name) for span in spans]
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "@faint", "width": 1, "dash": "dash"}}
    label = {"yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "font": {"color": "@muted", "size": 11}}
    return {
        "shapes": _fault_bands(run) + [line | {"x0": start_s, "x1": start_s} for start_s, _ in named],
        "annotations": [
            # The last names would run over the edge.
            label | {"x": start_s, "text": name, "xanchor": "right" if start_s > 0.85 * last_s else "left"}
            for start_s, name in named
        ],
    }


def _fault_bands(run: RunFolder) -> list[dict[str, Any]]:
    """The time during which something was broken on purpose, shaded."""
    band = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "fillcolor": "@bad", "opacity": 0.12}
    last_s = run.timeline[-1].second
    return [
        band | {"x0": fault.begin_s, "x1": min(fault.planned_end_s, last_s), "line": {"width": 0}}
        for fault in run.record.faults
        if fault.begin_s is not None and fault.begin_s < last_s
    ]


def _failed(row: TimelineRow) -> float:
    return row.call_error + row.timed_out + row.cut_off + row.dropped


def _cpu_of(part: str) -> Callable[[TimelineRow], float]:
    return lambda row: float(getattr(row, f"{part}_cpu_percent"))


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 3)


def _last(values: list[float]) -> float:
    return values[-1]


def _worst(values: list[float]) -> float | None:
    """The largest percentile of a step; without samples a gap, not a zero."""
    return max(values) or None
