"""The arms of a plan, resolved as their runs would be: the same table, the same check, the same environment."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from loadtest.brokers.kind import Demand
from loadtest.brokers.kind_settings import in_force
from loadtest.brokers.kinds import KINDS
from loadtest.errors import UsageError
from loadtest.matrix.plan import PlannedArm
from loadtest.matrix.setting_values import merged, shown, texts
from loadtest.runner.request import RunRequest
from loadtest.runner.scenarios import Scenario, folders
from loadtest.scenario.broker_settings import broker_settings
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.matrix.arms import ArmRow
    from loadtest.matrix.setting_values import Value

_OF_A_SINGLE_RUN = frozenset({"seed", "results", "run_id"})


class Common(NamedTuple):
    """What the arms of a plan share.

    Attributes:
        scenario: What they run; ``None`` when the plan names none that can be run.
        settings: Theirs, unless they have their own.
        places: Where settings stand that are not in ``[settings]``, for messages.
        before: The program to run before each run of an arm that has none of its own.
    """

    scenario: Scenario | None
    settings: Mapping[str, Value]
    places: Mapping[str, str] = {}
    before: tuple[str, ...] = ()


def resolved_arms(
    rows: Sequence[ArmRow], common: Common, seeds: Sequence[int], faults: list[str]
) -> tuple[PlannedArm, ...]:
    """Resolve each arm.

    Args:
        rows: The arms as written.
        common: What they share.
        seeds: Of their runs.
        faults: Takes each fault once, with the place where the setting was written.
    """
    scenario = common.scenario or Scenario("", folders()[0])
    arms: list[PlannedArm] = []
    found: list[tuple[ArmRow, list[str]]] = []
    for row in rows:
        settings = merged(common.settings, row.own)
        wrong = _kept_on(settings)
        try:
            arm = _resolved(row, RunRequest(scenario=scenario, settings=texts(settings)), seeds, common.before)
        except UsageError as error:
            wrong += [by_name(fault) for fault in error.faults]
        if wrong:
            found.append((row, wrong))
        else:
            arms.append(arm)
    for row, own in found:
        for fault in own:
            name = re.split(r"\W", fault, maxsplit=1)[0]
            faulty = {id(row) for row, others in found if fault in others}
            everywhere = all(id(row) in faulty or name in row.own for row in rows)
            shared = common.places.get(name, "[settings]") if everywhere else f"arm {row.name!r},"
            faults.append(f"{row.places.get(name, shared)} {fault}")
    return tuple(arms)


def _resolved(row: ArmRow, request: RunRequest, seeds: Sequence[int], before: tuple[str, ...]) -> PlannedArm:
    """One arm.

    Raises:
        UsageError: With every fault found.
    """
    of_a_run = {"results": "results", "run_id": "auto", "seed": str(max(seeds))}
    resolved = dataclasses.replace(request, settings={**request.settings, **of_a_run}).resolved()
    if resolved.broker in KINDS:
        demand = Demand(qos=resolved.qos, persistent=resolved.persistent, subscribers=resolved.subscribers)
        in_force(KINDS[resolved.broker], broker_settings(resolved.broker_setting), demand)
    kept = {name: value for name, value in resolved.public().items() if name not in _OF_A_SINGLE_RUN}
    own = shown(row.own)
    if row.before is not None:
        before, own["before"] = row.before, shlex.join(row.before) or "nothing"
    return PlannedArm(name=row.name, own=own, request=request, resolved=kept, before=before)


def _kept_on(settings: Mapping[str, Value]) -> list[str]:
    """Options without a value that a plan turns off, and the environment on: no word takes them back."""
    return [
        f"{setting.name}: {setting.variable} turns it on for every arm; unset it"
        for setting in SETTINGS
        if setting.kind == "flag" and settings.get(setting.name) == "no" and os.environ.get(setting.variable)
    ]


def by_name(fault: str) -> str:
    """A fault by the name of the setting in a plan, rather than by its flag."""
    flags = {setting.flag: setting.name for setting in SETTINGS}
    flag = re.match(r"--[\w-]+", fault)
    return flags.get(flag[0], flag[0]) + fault[flag.end() :] if flag else fault
