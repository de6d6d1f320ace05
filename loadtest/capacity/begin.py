"""The beginning of a search: what was asked for, checked as a whole, and its record before the first run."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import TYPE_CHECKING

from loadtest import __version__
from loadtest.capacity.axis import AXES, OWN_SETTINGS
from loadtest.clock import utc_now
from loadtest.errors import Faults
from loadtest.measure.capacity_record import CHARGE_POINTS, CapacityRecord, SearchPlan
from loadtest.scenario.settings import masked
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.capacity.axis import Axis
    from loadtest.runner.request import RunRequest

LEAST_RUNS = 2
"""One for each end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked of the search; ``None``: as the axis has it.

    Attributes:
        axis: Name of the axis.
        lowest: First level.
        highest: Last one.
        precision: Share of the upper end.
        repeats: At each end.
        most_runs: In all.
    """

    axis: str
    lowest: int | None = None
    highest: int | None = None
    precision: float = 0.05
    repeats: int = 3
    most_runs: int = 40


def begin(wanted: Wanted, request: RunRequest, name: str, command: list[str]) -> tuple[CapacityRecord, RunRequest]:
    """The record of a search without steps, and what all its runs have in common.

    Args:
        wanted: Of the search.
        request: Of every run.
        name: Of the search, and of its folder.
        command: What repeats it.

    Raises:
        UsageError: With every fault found.
    """
    axis = AXES[wanted.axis]
    lowest = axis.lowest if wanted.lowest is None else wanted.lowest
    highest = max(axis.highest, lowest) if wanted.highest is None else wanted.highest
    request = dataclasses.replace(request, settings=_warmed_up(request.settings, axis))
    found = Faults()
    found.faults += _faults(wanted, request, lowest, highest)
    with found.gathered():
        base = request.resolved()
        if not found.faults:
            for level in (lowest, highest):
                of_level = {**request.settings, **axis.settings(level, base)}
                dataclasses.replace(request, settings=of_level).resolved()
    found.refuse()
    scenario = request.scenario
    shared = {name: masked(value) for name, value in request.settings.items() if name not in ("results", "run_id")}
    plan = SearchPlan(
        scenario=scenario.name,
        scenario_sha256=hashlib.sha256(scenario.path.read_bytes()).hexdigest(),
        axis=axis.name,
        unit=axis.unit,
        phase=axis.phase,
        legs=axis.legs,
        lowest=lowest,
        highest=highest,
        precision_percent=round(100 * wanted.precision, 6),
        repeats=wanted.repeats,
        most_runs=wanted.most_runs,
        settings=shared,
    )
    return CapacityRecord(name=name, made_by=__version__, made_at=utc_now(), command=command, plan=plan), request


def _warmed_up(settings: Mapping[str, str], axis: Axis) -> dict[str, str]:
    (warmup,) = (setting for setting in SETTINGS if setting.name == "warmup")
    return dict(settings) if warmup.variable in os.environ else {"warmup": axis.warmup, **settings}


def _faults(wanted: Wanted, request: RunRequest, lowest: int, highest: int) -> list[str]:
    axis = AXES[wanted.axis]
    faults = [
        f"{setting.flag}: with --of {axis.name} each level has its own; leave it out"
        for setting in SETTINGS
        if setting.name in OWN_SETTINGS[axis.name] and setting.name in request.settings
    ]
    if lowest < 1:
        faults.append(f"--from: {lowest} is no level; 1 or more")
    if highest < lowest:
        faults.append(f"--to: {highest:,} is below --from {lowest:,}")
    if axis.name == CHARGE_POINTS and highest > axis.highest:
        faults.append(f"--to: {highest:,} are more charge points than there can be: {axis.highest:,}")
    if wanted.repeats < 1:
        faults.append(f"--repeats: {wanted.repeats} is not 1 or more")
    if wanted.most_runs < LEAST_RUNS:
        faults.append(f"--steps-most: {wanted.most_runs} is not {LEAST_RUNS} or more")
    if request.settings.get("no_thresholds"):
        faults.append("--no-thresholds: a search needs something that a level can miss")
    return faults
