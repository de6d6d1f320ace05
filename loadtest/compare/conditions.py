"""Under what conditions runs were made: what makes comparing them senseless, and what the reader has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError
from loadtest.measure.comparison_record import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.measure.run_description import RunDescription

_OF_EACH_RUN = frozenset({"seed", "run_id", "results", "threshold", "no_thresholds", "metrics_port", "metrics_host"})
"""Settings that differ between runs of the same kind, or say nothing about what was measured."""
_OF_A_PART = ("kind", "version")
_OF_A_HOST = ("name", "system", "cpus")


def refuse_another_load(baseline: str, runs: Iterable[RunDescription], scenario: str, charge_points: int) -> None:
    """Refuse a baseline of another scenario, or with another number of charge points.

    Args:
        baseline: What the user calls it.
        runs: The baseline's.
        scenario: Of the run to be held against it.
        charge_points: The same.

    Raises:
        UsageError: With one sentence for each fault found.
    """
    described = list(runs)
    others = sorted({run.scenario for run in described} - {scenario})
    faults = [f"--baseline: {baseline} is of the scenario {other}, this run of {scenario}" for other in others]
    counts = sorted({run.charge_points for run in described} - {charge_points})
    faults += [
        f"--baseline: {baseline} has {count:,} charge points, this run {charge_points:,}"
        for count in counts
        if not others
    ]
    if faults:
        raise UsageError(faults, hint="loadtest baseline show says what a baseline was made with")


def differences(arms: Mapping[str, Sequence[RunDescription]]) -> list[Difference]:
    """What is not the same in all arms that have runs, seeds and thresholds left out; by the names of the arms."""
    found = {name: _conditions(runs) for name, runs in arms.items() if runs}
    return [
        Difference(what, {name: _text(conditions.get(what)) for name, conditions in found.items()})
        for what in dict.fromkeys(what for conditions in found.values() for what in conditions)
        if len({_text(conditions.get(what)) for conditions in found.values()}) > 1
    ]


def common(arms: Mapping[str, Sequence[RunDescription]]) -> dict[str, str]:
    """What is the same in all runs of all arms, but for seeds and thresholds."""
    first, *others = [_of_run(run) for runs in arms.values() for run in runs] or [{}]
    return {
        what: str(value) or "–"
        for what, value in first.items()
        if all(what in each and str(each[what]) == str(value) for each in others)
    }


def _conditions(runs: Sequence[RunDescription]) -> dict[str, list[str]]:
    """Each condition with the values it had, without repetition."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for what, value in _of_run(run).items():
            found.setdefault(what, {})[str(value)] = None
    return {what: sorted(values) for what, values in found.items()}


def _of_run(run: RunDescription) -> dict[str, Any]:
    conditions: dict[str, Any] = {
        f"setting {name.removesuffix('_s')}": f"{value:g} s" if name.endswith("_s") else value
        for name, value in run.settings.items()
        if name not in _OF_EACH_RUN
    }
    if run.fleet:
        conditions["fleet"] = ", ".join(f"{part.charge_points:,} {part.name}" for part in run.fleet)
    if run.scenario_sha256:
        conditions["scenario file"] = f"sha256 {run.scenario_sha256[:12]}"
    for part, facts in run.sut.items():
        conditions |= {f"{part} {name}": facts[name] for name in _OF_A_PART if name in facts}
        settings = facts.get("settings")
        if isinstance(settings, dict):
            conditions |= {f"{part} setting {name}": value for name, value in settings.items()}
    conditions |= {f"version of {name}": version for name, version in run.versions.items()}
    return conditions | _of_host(run.host)


def _of_host(host: Mapping[str, Any]) -> dict[str, Any]:
    return {f"host {name}": host[name] for name in _OF_A_HOST if name in host}


def _text(values: list[str] | None) -> str:
    return ", ".join(each or "–" for each in values) if values else "–"
