"""A search for capacity on the terminal: what is tried and what became of it, the table of all levels at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from loadtest.cli.messages import talk
from loadtest.cli.summary import STYLES, milliseconds
from loadtest.measure.capacity_record import CHARGE_POINTS

if TYPE_CHECKING:
    from rich.console import Console

    from loadtest.measure.capacity_record import CapacityRecord, CapacityStep
    from loadtest.scenario.settings import RunSettings

_WORDS = {"limited": "generator was the limit", "cut_short": "cut short"}
_STYLES = {**STYLES, "limited": "bold yellow", "cut_short": "yellow"}


class StepLines:
    """Tells of each step in a line when it begins, and in one when it has ended."""

    def __init__(self, record: CapacityRecord, *, quiet: bool) -> None:
        self._record = record
        self._quiet = quiet

    def begins(self, step: CapacityStep) -> None:
        """A run begins."""
        self._say(f"run {len(self._record.steps)}: {step.level:,} {self._record.plan.unit}{_attempt(step)}")

    def ended(self, step: CapacityStep) -> None:
        """It has ended."""
        why = step.limit or step.reason
        told = f"{_WORDS.get(step.state, step.state)} in {step.elapsed_s:.0f} s"
        self._say(f"{step.level:,} {self._record.plan.unit}{_attempt(step)}: {told}{f': {why}' if why else ''}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            talk().print(text, markup=False)


def print_plan(record: CapacityRecord, base: RunSettings, out: Console) -> None:
    """What would be searched."""
    plan = record.plan
    where = f"from {plan.lowest:,} to {plan.highest:,}, to {plan.precision_percent:g} %"
    lines = [
        f"{plan.scenario}: capacity in {plan.unit}, {where}",
        f"at most {plan.most_runs} runs, {base.warmup_s:g} s warm-up and {base.duration_s:g} s of steady load in each",
        f"{plan.repeats} runs at each end; a level holds when the majority passes",
    ]
    if plan.axis == CHARGE_POINTS and base.ramp_s:
        lines.append(f"charge points connect at {base.charge_points / base.ramp_s:,.4g}/s at every level")
    elif plan.axis != CHARGE_POINTS:
        lines.append(f"{base.charge_points:,} charge points at every level")
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def print_result(record: CapacityRecord, out: Console) -> None:
    """All levels, the lowest first, and what they show together."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (record.plan.unit, "msg/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("what ran out, or was missed", overflow="fold")
    for step in sorted(record.steps, key=lambda each: (each.level, each.attempt)):
        latency = next(iter(step.latency), None)
        p50, p99 = ("-", "-") if latency is None else (milliseconds(latency.p50_us), milliseconds(latency.p99_us))
        rate = f"{step.rate_per_s:,.0f}" if step.rate_per_s else "-"
        state = Text(_WORDS.get(step.state, step.state), _STYLES.get(step.state, ""))
        table.add_row(f"{step.level:,}", rate, p50, p99, state, Text(step.limit or step.reason))
    out.print(table)
    if record.result is not None:
        out.print(record.result.text, markup=False, soft_wrap=True)


def _attempt(step: CapacityStep) -> str:
    return f", try {step.attempt}" if step.attempt > 1 else ""
