"""A run once more, from its record: the same scenario, settings and seed, the same options of Locust."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from loadtest import __version__
from loadtest.errors import UsageError
from loadtest.runner import scenarios
from loadtest.runner.request import RunRequest
from loadtest.scenario.resolve import as_written
from loadtest.scenario.settings import masked
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.measure.run_record import RunRecord
    from loadtest.runner.scenarios import Scenario

_CHOSEN_ANEW = frozenset({"run_id", "results", "metrics_port", "metrics_host"})
_MASK = ":***@"


class Again(NamedTuple):
    """What repeats a run, and what is not as it was then."""

    request: RunRequest
    notes: list[str]


def again(record: RunRecord, given: Mapping[str, str]) -> Again:
    """What repeats the run of a record.

    Args:
        record: Of the run.
        given: Settings from the command line: where to put the results, and URLs whose password no record holds.

    Raises:
        UsageError: Something is given that would make it another run, in the environment as well; or a password, or
            the scenario, is missing. With every fault found.
    """
    recorded = {
        setting.name: text
        for setting in SETTINGS
        if setting.name not in _CHOSEN_ANEW and (text := as_written(setting, record.run.settings)) is not None
    }
    secret = {name for name, text in recorded.items() if _MASK in text}
    faults = _overrides(recorded, given, _CHOSEN_ANEW | secret)
    for name in sorted(secret):
        if masked(given.get(name, "")) != recorded[name]:
            faults.append(f"--{name}: give it again, its password is in no record: {recorded[name]}")
    if faults:
        raise UsageError(
            faults, hint="--from repeats a run exactly; for a changed one start from its command: loadtest show"
        )
    command = record.run.command
    scenario = scenarios.find(command[2] if len(command) > 2 else record.run.scenario)
    settings = {name: text for name, text in recorded.items() if not _is_default(name, text)}
    of_locust = tuple(command[command.index("--") + 1 :]) if "--" in command else ()
    request = RunRequest(scenario=scenario, settings=settings | dict(given), locust_arguments=of_locust)
    return Again(request, _notes(record, scenario))


def _overrides(recorded: Mapping[str, str], given: Mapping[str, str], free: frozenset[str]) -> list[str]:
    faults = []
    for setting in SETTINGS:
        if setting.name in free:
            continue
        if setting.name in given:
            faults.append(f"{setting.flag}: the run has one of its own; leave it out")
        elif os.environ.get(setting.variable, recorded.get(setting.name, "")) != recorded.get(setting.name, ""):
            faults.append(f"{setting.variable}: the run had {recorded.get(setting.name, '') or 'none'}; unset it")
    return faults


def _is_default(name: str, text: str) -> bool:
    """Whether a setting needs no word, which keeps what is asked of Locust short."""
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    return text == str(setting.default)


def _notes(record: RunRecord, scenario: Scenario) -> list[str]:
    """What is not as it was."""
    notes = []
    digest = hashlib.sha256(scenario.path.read_bytes()).hexdigest()
    if not record.run.scenario_sha256:
        notes.append(f"whether {scenario.path.name} has changed since is not known: the record does not say")
    elif digest != record.run.scenario_sha256:
        notes.append(f"{scenario.path.name} has changed since that run: this is another one")
    made_by = record.run.versions.get("loadtest", "")
    if made_by and made_by != __version__:
        notes.append(f"that run was made by loadtest {made_by}, this is {__version__}")
    return notes
