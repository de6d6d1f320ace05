"""Arms that are rehearsed: whose faults are told how. Rehearsals with real brokers: ``test_matrix_runs.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.matrix.plan_file import read_plan
from loadtest.matrix.rehearsals import rehearse_arms

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.matrix.plan import Plan
    from loadtest.runner.request import RunRequest

PLAN = """
scenario = "steady"
[[arm]]
name = "zero"
qos = 0
[[arm]]
name = "one"
[[arm]]
name = "two"
qos = 2
before = ["true"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "a.toml").write_text(PLAN)
    return read_plan(tmp_path / "a.toml")


def test_a_fault_is_told_once_with_the_arms_it_is_of(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems: list[bool] = []
    said: list[str] = []

    def rehearse(request: RunRequest, _interrupts: list[int], *, system: bool) -> None:
        systems.append(system)
        if "qos" in request.settings:
            raise UsageError(["--engines: too many", f"--qos: not {request.settings['qos']}"], hint="take fewer")
        raise EnvironmentNotReady("--engines: too many")

    monkeypatch.setattr("loadtest.matrix.rehearsals.rehearse", rehearse)
    with pytest.raises(UsageError) as caught:
        rehearse_arms(plan, tmp_path / "a.toml", said.append, [])
    start = f"{tmp_path / 'a.toml'}: "
    assert list(caught.value.faults) == [
        f"{start}engines: too many",
        f"{start}arm 'zero': qos: not 0",
        f"{start}arm 'two': qos: not 2",
    ]
    assert caught.value.hint == "take fewer"
    assert said == ["checking arm 1 of 3: zero", "checking arm 2 of 3: one", "checking arm 3 of 3: two"]
    assert systems == [True, True, False]  # what comes into being before each run is not there yet


def test_who_asks_for_an_end_is_told_no_faults(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rehearse(_request: RunRequest, interrupts: list[int], *, system: bool) -> None:
        interrupts.append(2)
        raise UsageError("broken off")

    monkeypatch.setattr("loadtest.matrix.rehearsals.rehearse", rehearse)
    said: list[str] = []
    rehearse_arms(plan, tmp_path / "a.toml", said.append, [])
    assert len(said) == 1
