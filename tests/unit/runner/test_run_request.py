"""How a request becomes Locust's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.runner import locust_process
from loadtest.runner import run as runs
from loadtest.runner.locust_process import start_locust
from loadtest.runner.request import RunRequest
from loadtest.runner.scenarios import Scenario
from loadtest.runner.stand_settings import stand_settings

SCENARIO = Scenario("steady", Path("scenarios/steady.py"))


def test_only_what_was_given_is_passed_on_so_that_defaults_stay_in_one_place() -> None:
    request = RunRequest(scenario=SCENARIO, settings={"charge_points": "7"}, locust_arguments=("--processes", "2"))
    flags = request.flags(run_id="x")
    assert flags[:6] == ["--charge-points", "7", "--run-id", "x", "--processes", "2"]
    # Forked workers meet their master on loopback and at a free port: Locust's is open to everybody.
    assert flags[6:9] == ["--master-bind-host", "127.0.0.1", "--master-bind-port"]
    assert flags[9] == flags[11]
    assert flags[10] == "--master-port"


def test_a_password_stays_off_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: dict[str, object] = {}

    class Recorded:
        def __init__(self, arguments: list[str], log_file: Path, environment: dict[str, str]) -> None:
            started.update(arguments=arguments, environment=environment)

    monkeypatch.setattr(locust_process, "LocustProcess", Recorded)
    request = RunRequest(scenario=SCENARIO, settings={"broker": "mqtt://me:s3cret@h"})
    start_locust(request, request.flags(run_id="x"), tmp_path / "log")
    assert "s3cret" not in repr(started["arguments"])
    assert started["environment"] == {"LOADTEST_BROKER": "mqtt://me:s3cret@h"}


def test_the_environment_gives_defaults_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SEED", "5")
    monkeypatch.setenv("LOADTEST_ENGINES", "3")
    settings = RunRequest(scenario=SCENARIO, settings={"seed": "6"}).resolved()
    assert (settings.seed, settings.engines) == (6, 3)


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        RunRequest(scenario=SCENARIO, settings={"seed": "x", "duration": "soon"}).resolved()
    assert len(caught.value.faults) == 2


def test_a_run_never_overwrites_another(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "run.json").touch()
    settings = RunRequest(scenario=SCENARIO, settings={"results": str(tmp_path), "run_id": "first"}).resolved()
    with pytest.raises(UsageError, match="first"):
        runs._new_run_dir(settings, SCENARIO)


def test_two_runs_of_the_same_second_get_different_names(tmp_path: Path) -> None:
    settings = RunRequest(scenario=SCENARIO, settings={"results": str(tmp_path)}).resolved()
    assert len({runs._new_run_dir(settings, SCENARIO) for _ in range(3)}) == 3


def test_results_that_cannot_be_written_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = RunRequest(scenario=SCENARIO, settings={"results": str(tmp_path / "file")}).resolved()
    with pytest.raises(UsageError, match="cannot make the folder"):
        runs._new_run_dir(settings, SCENARIO)


def test_an_external_gateway_needs_to_be_told_its_broker() -> None:
    with pytest.raises(UsageError) as caught:
        stand_settings({"epoch_ns": 0, "log_dir": ".", "gateway": "ws://h:1/ocpp", "broker": "auto"})
    assert "--broker mqtt://" in caught.value.hint
