"""A matrix on the terminal: its arms and their order before it begins, what became of them after it."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from loadtest.cli.summary import STYLES
from loadtest.matrix.remaining import remaining_s

if TYPE_CHECKING:
    from rich.console import Console

    from loadtest.measure.matrix_record import MatrixArm, MatrixRecord, MatrixRun

_FATES = ("passed", "failed", "void", "broken", "left")
_AGAIN = "made again"
"""Attempts that were void; told where there are any."""


def print_order(matrix: MatrixRecord, out: Console) -> None:
    """What would be run, and for how long."""
    left = [run for run in matrix.runs if run.state == "waiting"]
    plan = matrix.plan
    size = f"{len(matrix.arms)} arms, {len(plan.seeds)} repeats, {len(left)} runs of {plan.scenario} to come"
    out.print(f"{plan.name}: {size}, {about(remaining_s(matrix))}", markup=False, soft_wrap=True)
    if plan.description:
        out.print(plan.description, markup=False, style="dim", soft_wrap=True)
    arms = _plain_table("arm", "what differs", *["before each run"] * any(arm.before for arm in matrix.arms))
    for arm in matrix.arms:
        name = f"{arm.name} (baseline)" if arm.name == plan.baseline else arm.name
        arms.add_row(name, differing(arm), *[shlex.join(arm.before) or "nothing"] * (len(arms.columns) > 2))
    out.print(arms)
    order = _plain_table("block", "repeat", "seed", "order")
    for block, repeat in dict.fromkeys((run.block, run.repeat) for run in left):
        runs = [run for run in left if run.repeat == repeat]
        order.add_row(str(block), str(repeat), str(runs[0].seed), "  ".join(run.arm for run in runs))
    out.print(order)


def print_reasons(matrix: MatrixRecord, out: Console) -> None:
    """Why some runs have no figures that count."""
    given_up = {arm.name for arm in matrix.arms if arm.given_up}
    for run in matrix.runs:
        if run.state == "void" or (run.state == "failed" and run.arm not in given_up):
            out.print(f"{run.arm}, repeat {run.repeat}: {run.state}: {run.reason}", markup=False, soft_wrap=True)
    for arm in matrix.arms:
        if arm.given_up:
            out.print(f"{arm.name}: given up: {arm.given_up}", markup=False, style="yellow", soft_wrap=True)


def outcome_table(matrix: MatrixRecord) -> Table:
    """How many runs of each arm have come to what."""
    table = _plain_table("arm")
    shown = (*_FATES, _AGAIN) if any(run.void for run in matrix.runs) else _FATES
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for arm in matrix.arms:
        runs = [run for run in matrix.runs if run.arm == arm.name]
        counted = Counter(fate(run) for run in runs) + Counter({_AGAIN: sum(len(run.void) for run in runs)})
        cells = [Text(str(counted[each]) if counted[each] else "-", _style(each, counted[each])) for each in shown]
        table.add_row(arm.name, *cells)
    return table


def fate(run: MatrixRun) -> str:
    """What became of a run, in a word or two."""
    return {"done": run.result, "void": "void", "failed": "broken", "skipped": "broken"}.get(run.state, "left")


def differing(arm: MatrixArm) -> str:
    """The settings that make an arm differ."""
    return "  ".join(f"{name} = {value}" for name, value in arm.settings.items()) or "nothing"


def about(time_s: float) -> str:
    """A length of time that is not known exactly."""
    if time_s < 90:
        return f"about {time_s:.0f} s"
    minutes = round(time_s / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {minutes // 60} h {minutes % 60:02d} min"


def _style(name: str, count: int) -> str:
    return STYLES.get(name, "yellow" if name == "broken" else "") if count else "dim"


def _plain_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
