"""What the report of a search for capacity says, as text and tables: the same for HTML and Markdown."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING

from loadtest.reports.figures import latency_text, rate_text, span_text
from loadtest.reports.legs import LEG_NAMES
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.capacity_record import CapacityRecord, CapacityStep

_CLASSES = {"interval": "passed", "all_passed": "passed", "none_passed": "failed", "interrupted": "interrupted"}
_MARKS = {"passed": "✅", "failed": "❌"}
_BADGES = {
    "interval": "found",
    "all_passed": "all passed",
    "none_passed": "none passed",
    "generator": "generator was the limit",
    "generator_at_first": "generator was the limit",
    "void": "void",
    "unfinished": "unfinished",
    "interrupted": "interrupted",
}
STATES = {"cut_short": "cut short", "limited": "generator"}
"""What a state is called where its own name would not say it."""
_GROUPS = ("gateway", "broker", "engine", "subscriber")


@dataclasses.dataclass(frozen=True, slots=True)
class StepRow:
    """One run: where its report is, if there is one, and the cells beside the link."""

    name: str
    link: str
    state: str
    cells: tuple[str, ...]
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class CapacityView:
    """The report of a search, ready to be laid out."""

    title: str
    subtitle: str
    result: str
    mark: str
    badge: str
    text: str
    columns: tuple[str, ...]
    steps: tuple[StepRow, ...]
    facts: Table
    command: str


def capacity_view(record: CapacityRecord) -> CapacityView:
    """Put a search into words."""
    plan, answer = record.plan, record.result.answer if record.result is not None else "unfinished"
    result = _CLASSES.get(answer, "void")
    legs = tuple(f"{LEG_NAMES[leg]} {percentile}" for leg in plan.legs for percentile in ("p50", "p99"))
    return CapacityView(
        title=f"{plan.scenario}: capacity in {plan.unit}",
        subtitle=_subtitle(record),
        result=result,
        mark=_MARKS.get(result, "⚠️"),
        badge=_BADGES[answer],
        text=record.result.text if record.result is not None else "It has not come to its end.",
        columns=("Messages/s", *legs, *(f"CPU {group}" for group in _GROUPS)),
        steps=tuple(_row(step, record) for step in record.steps),
        facts=_facts(record),
        command=shlex.join(record.command),
    )


def cpu_by_part(step: CapacityStep) -> dict[str, float]:
    """Percent of a core by kind of part: of engines and subscribers the busiest, of gateway and broker all together."""
    found: dict[str, float] = {}
    for source, percent in step.cpu_percent.items():
        kind = source.rpartition("/")[2].rstrip("0123456789").rstrip("-")
        if kind in _GROUPS:
            found[kind] = max(found.get(kind, 0.0), percent)
    return found


def _subtitle(record: CapacityRecord) -> str:
    parts = [f"{len(record.steps)} run{'' if len(record.steps) == 1 else 's'}", f"{record.made_at:%Y-%m-%d %H:%M}"]
    if record.ended_at is not None:
        parts[-1] += f" to {record.ended_at:%Y-%m-%d %H:%M} UTC"
        parts.append(span_text((record.ended_at - record.made_at).total_seconds()))
    return " · ".join(parts)


def _row(step: CapacityStep, record: CapacityRecord) -> StepRow:
    by_leg = {row.leg: row for row in step.latency}
    cells = [rate_text(step.rate_per_s) if step.rate_per_s else "–"]
    for leg in record.plan.legs:
        row = by_leg.get(leg)
        cells += ["–", "–"] if row is None else [latency_text(row.p50_us), latency_text(row.p99_us)]
    by_part = cpu_by_part(step)
    cells += [f"{by_part[group]:.0f} %" if group in by_part else "–" for group in _GROUPS]
    return StepRow(
        name=f"{step.level:,}" + (f" ({step.attempt})" if step.attempt > 1 else ""),
        link=f"{step.folder}/report.html" if step.folder and step.state not in ("running", "cut_short") else "",
        state=STATES.get(step.state, step.state),
        cells=tuple(cells),
        why=step.limit or step.reason,
    )


def _facts(record: CapacityRecord) -> Table:
    plan = record.plan
    rows = [
        ("Searched", f"{plan.unit}, from {plan.lowest:,} to {plan.highest:,}"),
        ("Precision", f"{plan.precision_percent:g} % of the upper end"),
        ("Repeats at each end", f"{plan.repeats}; a level holds when the majority passes"),
        ("Objective", "; ".join(plan.thresholds) or "the limits of the scenario"),
        ("Settings", "; ".join(f"{name} = {value}" for name, value in plan.settings.items())),
        ("Machine", f"{record.host['cpus']} cores, {record.host.get('system', '')}" if "cpus" in record.host else ""),
        ("Made by", f"loadtest {record.made_by}"),
    ]
    return Table("Search", ("", ""), tuple(row for row in rows if row[1]), left=2)
