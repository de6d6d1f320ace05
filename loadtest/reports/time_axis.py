"""The axis that all pictures over time share: its unit, and what is marked on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from loadtest.measure.spans import FaultSpan
    from loadtest.reports.run_folder import RunFolder

_UNITS = ((3 * 3600, "hours", 3600), (600, "minutes", 60))
"""From which length on an axis has which unit, and its seconds."""

_LABEL_WIDTH = 0.011
"""Room that a character of a phase's name takes, as a share of the axis."""


_MOST_BANDS = 200
"""Regional outages that are shaded; with more of them everything would be grey."""


class TimeAxis(NamedTuple):
    """Time after the start of a run, in a unit that suits its length."""

    unit: str
    unit_s: int
    length_s: float

    def at(self, second: float) -> float:
        """Where an instant is on the axis."""
        return round(second / self.unit_s, 5)

    def layout(self, run: RunFolder) -> dict[str, Any]:
        """The axis with its phases and faults, as a part of a figure's layout."""
        return {
            "xaxis": {"title": {"text": f"{self.unit} after the start"}, "range": [0, self.at(self.length_s)]},
            "hovermode": "x unified",
            "shapes": [*_regional_bands(run, self), *_fault_bands(run, self), *_phase_lines(run, self)],
            "annotations": _phase_names(run, self),
        }


def time_axis(run: RunFolder) -> TimeAxis:
    """The axis for a run, to the end of its last second."""
    length_s = run.timeline[-1].second + 1 if run.timeline else max(run.record.end_s, 1)
    for from_s, unit, unit_s in _UNITS:
        if length_s >= from_s:
            return TimeAxis(unit, unit_s, length_s)
    return TimeAxis("seconds", 1, length_s)


def _phase_starts(run: RunFolder, axis: TimeAxis) -> list[tuple[float, str]]:
    """When each phase begins; a run that was killed has them only in its timeline."""
    spans = [(span.start_s, span.name) for span in run.record.phases if span.start_s < axis.length_s]
    if spans:
        return spans
    changes = [(0.0, "")]
    for row in run.timeline:
        if row.phase != changes[-1][1]:
            changes.append((float(row.second), row.phase))
    return [change for change in changes if change[1]]


def _phase_lines(run: RunFolder, axis: TimeAxis) -> list[dict[str, Any]]:
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "@faint", "width": 1, "dash": "dash"}}
    return [line | {"x0": axis.at(start_s), "x1": axis.at(start_s)} for start_s, _ in _phase_starts(run, axis)]


def _phase_names(run: RunFolder, axis: TimeAxis) -> list[dict[str, Any]]:
    """Names above the lines where phases begin, in as many rows as keep them apart."""
    label = {"yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "font": {"color": "@muted", "size": 11}}
    rows_end: list[float] = []
    found = []
    for start_s, name in _phase_starts(run, axis):
        width = len(name) * _LABEL_WIDTH
        to_the_left = start_s / axis.length_s + width > 1
        begin = start_s / axis.length_s - (width if to_the_left else 0)
        row = next((row for row, end in enumerate(rows_end) if end <= begin), len(rows_end))
        rows_end[row : row + 1] = [begin + width]
        found.append(
            label
            | {
                "x": axis.at(start_s),
                "text": name.replace("&", "&amp;").replace("<", "&lt;"),
                "xanchor": "right" if to_the_left else "left",
                "yshift": 13 * row,
            }
        )
    return found


def _regional_bands(run: RunFolder, axis: TimeAxis) -> list[dict[str, Any]]:
    """When the network of a region was down, as the scenario's link models have it."""
    band = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": "@muted", "opacity": 0.1}
    return [
        band | {"x0": axis.at(outage.start_s), "x1": axis.at(min(outage.end_s, axis.length_s)), "line": {"width": 0}}
        for outage in run.record.regional_outages[:_MOST_BANDS]
        if outage.start_s < axis.length_s
    ]


def _fault_bands(run: RunFolder, axis: TimeAxis) -> list[dict[str, Any]]:
    """What was broken on purpose: while it was, and, lighter, until all that was taken away was back."""
    band = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": "@bad"}
    return [
        band | {"x0": axis.at(from_s), "x1": axis.at(to_s), "opacity": opacity, "line": {"width": 0}}
        for fault in run.record.faults
        for from_s, to_s, opacity in _spans(fault, axis.length_s)
    ]


def _spans(fault: FaultSpan, length_s: float) -> list[tuple[float, float, float]]:
    if fault.begin_s is None or fault.begin_s >= length_s:
        return []
    broken_until_s = min(max(fault.planned_end_s, fault.begin_s), length_s)
    back_s = min(fault.back_s if fault.back_s is not None else length_s, length_s)
    spans = [(fault.begin_s, broken_until_s, 0.16)]
    return [*spans, (broken_until_s, back_s, 0.07)] if back_s > broken_until_s else spans
