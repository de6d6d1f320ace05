"""The pictures that show a run second by second, on one axis of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.measure.timeline import PARTS, TimelineRow
from loadtest.reports.chart import Chart, latency_axis, picture
from loadtest.reports.connection_chart import connection_chart
from loadtest.reports.heat_chart import heat_chart
from loadtest.reports.thinning import thinned
from loadtest.reports.time_axis import TimeAxis, time_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.reports.run_folder import RunFolder

_US_PER_MS = 1000


class _Line(NamedTuple):
    """A curve: its name, and what it shows of a second."""

    name: str
    colour: str
    pick: Callable[[TimelineRow], float]
    dash: str = "solid"


def time_charts(run: RunFolder) -> list[Chart]:
    """Rates, connections, latency, heat map, CPU, memory and lateness; nothing for a run without a timeline."""
    if not run.timeline:
        return []
    axis = time_axis(run)
    drawn = [_rate(run, axis), connection_chart(run, axis), _latency(run, axis), heat_chart(run, axis)]
    if any(row.commands_sent for row in run.timeline):
        drawn.insert(1, _commands(run, axis))
    drawn += [_cpu(run, axis), _memory(run, axis), _lateness(run, axis)]
    return [chart for chart in drawn if chart is not None]


def _rate(run: RunFolder, axis: TimeAxis) -> Chart:
    lines = [
        _Line("due", "@series-5", lambda row: row.offered, "dot"),
        _Line("answered", "@series-0", lambda row: row.answered),
        _Line("seen by the subscriber", "@series-2", lambda row: row.delivered, "dash"),
        _Line("failed or dropped", "@bad", _failed),
    ]
    if any(row.link_cut for row in run.timeline):
        lines.append(_Line("link cut", "@series-4", lambda row: row.link_cut))
    words = "Messages per second", "CALLs of charge points: due, answered, seen by the subscriber."
    return _chart(run, axis, "time", "rate", words, lines, "per second")


def _commands(run: RunFolder, axis: TimeAxis) -> Chart:
    lines = [
        _Line("sent", "@series-5", lambda row: row.commands_sent, "dot"),
        _Line("answered", "@series-0", lambda row: row.commands_answered),
        _Line("refused or timed out", "@bad", lambda row: row.commands_call_error + row.commands_timed_out),
    ]
    words = "Commands per second", "CALLs of the central system: sent, answered, answered with an error or not at all."
    return _chart(run, axis, "time", "commands", words, lines, "per second")


def _latency(run: RunFolder, axis: TimeAxis) -> Chart:
    lines = [
        _Line("round trip p99", "@series-0", lambda row: row.round_trip_intended_p99_us),
        _Line("round trip p99, service", "@series-0", lambda row: row.round_trip_service_p99_us, "dot"),
        _Line("round trip p50", "@series-3", lambda row: row.round_trip_intended_p50_us),
        _Line("uplink p99", "@series-2", lambda row: row.uplink_p99_us),
        _Line("uplink p50", "@series-1", lambda row: row.uplink_p50_us),
        _Line("command p99", "@series-4", lambda row: row.command_p99_us),
    ]
    lines = [line for line in lines if any(map(line.pick, run.timeline))] or lines[:1]
    words = (
        "Latency over time",
        (
            "Percentiles of each second in milliseconds, all actions together, from the instant a message was due. "
            "Dotted: service time, from when it was really sent. Where a curve is broken nothing was measured."
        ),
    )
    chart = _chart(run, axis, "time", "latency-over-time", words, lines, "", positive=_US_PER_MS)
    (figure,) = chart["variants"]
    values_ms = (value for trace in figure["data"] for value in trace["y"])
    figure["layout"]["yaxis"] = latency_axis(values_ms, "latency, ms")
    return chart


def _cpu(run: RunFolder, axis: TimeAxis) -> Chart:
    parts = [part for part in PARTS if any(getattr(row, f"{part}_cpu_percent") for row in run.timeline)]
    lines = [_Line(part, f"@series-{PARTS.index(part)}", _column(f"{part}_cpu_percent")) for part in parts]
    words = "CPU", "In percent of one core. Of engines and subscribers the busiest process is shown."
    return _chart(run, axis, "health", "cpu", words, lines, "CPU, %")


def _memory(run: RunFolder, axis: TimeAxis) -> Chart:
    parts = [part for part in PARTS if any(getattr(row, f"{part}_rss_bytes") for row in run.timeline)]
    lines = [_Line(part, f"@series-{PARTS.index(part)}", _megabytes(f"{part}_rss_bytes")) for part in parts]
    words = "Memory", "Resident memory in MB, all processes of a kind together."
    return _chart(run, axis, "health", "memory", words, lines, "memory, MB")


def _lateness(run: RunFolder, axis: TimeAxis) -> Chart:
    limit_us = run.record.run.limits.pacer_p99_us
    allowed = f" Above {limit_us / _US_PER_MS:g} ms over the steady phase the run is void." if limit_us else ""
    words = (
        "Lateness of the generator",
        f"How late operations were released, p99 of each second, in milliseconds.{allowed}",
    )
    lines = [_Line("p99", "@series-0", lambda row: row.pacer_p99_us)]
    return _chart(run, axis, "health", "pacer", words, lines, "lateness, ms", positive=_US_PER_MS)


def _chart(
    run: RunFolder,
    axis: TimeAxis,
    section: str,
    name: str,
    words: tuple[str, str],
    lines: Sequence[_Line],
    unit: str,
    *,
    positive: int = 0,
) -> Chart:
    """A picture of curves; with ``positive`` values are divided by it, and 0 means that there is none."""
    rows = thinned(run.timeline, [line.pick for line in lines])
    title, caption = words
    if run.record.regional_outages:
        caption += " Grey: the network of a region is down."
    if len(rows) < len(run.timeline):
        caption += " Of this long run the lowest and highest seconds are drawn."
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines" if len(rows) > 1 else "markers",
            "name": line.name,
            "x": [axis.at(row.second + 0.5) for row in rows],  # what was counted or measured within a second
            "y": [_value(line.pick(row), positive) for row in rows],
            "line": {"color": line.colour, "width": 1.6, "dash": line.dash},
        }
        for line in lines
    ]
    layout = axis.layout(run) | {"yaxis": {"title": {"text": unit}, "rangemode": "tozero"}}
    return picture(name, section, title, caption, [{"choice": {}, "data": data, "layout": layout}], linked=True)


def _value(value: float, positive: int) -> float | None:
    if positive:
        return value / positive if value else None
    return value


def _failed(row: TimelineRow) -> float:
    return row.call_error + row.timed_out + row.cut_off + row.dropped


def _column(name: str) -> Callable[[TimelineRow], float]:
    return lambda row: float(getattr(row, name))


def _megabytes(name: str) -> Callable[[TimelineRow], float]:
    return lambda row: round(getattr(row, name) / 2**20, 1)
