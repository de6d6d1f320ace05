"""Arms by path and by name, and those of a matrix that may not be finished."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import simulated_runs

from loadtest.compare.open_arms import open_arms
from loadtest.errors import LoadTestError, UsageError
from loadtest.measure import matrix_record, run_record, run_set
from loadtest.measure.matrix_record import PLAN_TOML, MatrixArm, MatrixPlan, MatrixRecord, MatrixRun

if TYPE_CHECKING:
    from pathlib import Path

AT = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)


def make_set(folder: Path, runs: int = 2, **description: Any) -> None:
    random = np.random.default_rng(1)
    names = [f"{folder.name}-{number}" for number in range(1, runs + 1)]
    for name in names:
        (folder / name).mkdir(parents=True)
        run_record.write(simulated_runs.run(random, name, samples=200, **description), folder / name)
    run_set.write(run_set.RunSet(name=folder.name, made_at=AT, runs=names), folder)


def test_void_runs_of_a_set_that_were_made_once_more_are_told(tmp_path: Path) -> None:
    for name in ("today", "before"):
        make_set(tmp_path / name)
    kept = run_set.load(tmp_path / "today")
    run_set.write(msgspec.structs.replace(kept, void=["today-1.void"]), tmp_path / "today")
    today, before = open_arms(["today", "before"], tmp_path).arms
    assert (len(today.runs), today.left_out) == (2, ["today-1.void: void, and made once more"])
    assert before.left_out == []


def make_matrix(folder: Path) -> None:
    """Two repeats of three arms: one is whole, one is not finished, one could not be started."""
    for arm in ("mosquitto", "nats"):
        make_set(folder / arm)
    states: dict[str, tuple[Any, Any]] = {
        "mosquitto": ("done", "done"),
        "nats": ("void", "waiting"),
        "ejabberd": ("failed", "skipped"),
    }
    record = MatrixRecord(
        name=folder.name,
        made_by="0.1.0",
        state="interrupted",
        made_at=AT,
        command=["loadtest", "matrix", "brokers"],
        plan=MatrixPlan(
            name="brokers",
            scenario="steady",
            scenario_sha256="",
            seeds=[1, 2],
            order_seed=1,
            pause_s=0.0,
            settings={},
            baseline="mosquitto",
        ),
        arms=[
            MatrixArm(
                name=name,
                settings={"broker": name},
                resolved={},
                given_up="it is not installed" if name == "ejabberd" else "",
            )
            for name in states
        ],
        runs=[
            MatrixRun(
                arm=name,
                repeat=repeat,
                block=1,
                seed=repeat,
                state=state,
                reason={"void": "generator late", "failed": "it is not installed"}.get(state, ""),
                folder=f"{name}-{repeat}",
            )
            for name, both in states.items()
            for repeat, state in enumerate(both, 1)
        ],
    )
    matrix_record.write(record, folder)
    (folder / PLAN_TOML).write_text('scenario = "steady"\n')


def test_a_matrix_is_its_arms_with_what_became_of_every_run(tmp_path: Path) -> None:
    make_matrix(tmp_path / "m")
    opened = open_arms(["m"], tmp_path)
    assert (opened.baseline, opened.plan) == ("mosquitto", 'scenario = "steady"\n')
    assert (opened.command, opened.matrix) == (("loadtest", "matrix", "brokers"), tmp_path / "m")
    whole, void, dead = opened.arms
    assert [record.run.run_id for record in whole.runs] == ["mosquitto-1", "mosquitto-2"]
    assert whole.settings == {"broker": "mosquitto"}
    assert whole.order == [0, 1]
    assert void.runs == []
    assert void.left_out == ["repeat 1: void, generator late", "repeat 2: not run yet"]
    assert dead.left_out == ["repeat 1: failed, it is not installed", "repeat 2: given up"]


def test_a_matrix_can_be_held_against_other_runs(tmp_path: Path) -> None:
    make_matrix(tmp_path / "m")
    make_set(tmp_path / "mosquitto")
    opened = open_arms([str(tmp_path / "m"), "mosquitto"], tmp_path)
    assert [arm.name for arm in opened.arms] == ["m/mosquitto", "nats", "ejabberd", f"{tmp_path.name}/mosquitto"]
    assert (opened.baseline, opened.matrix) == ("", None)
    assert not any(arm.order for arm in opened.arms)  # they did not take turns
    assert opened.named("nats") == "nats"
    assert opened.named(str(tmp_path / "mosquitto")) == f"{tmp_path.name}/mosquitto"
    with pytest.raises(UsageError, match="'mosquitto' is none of the arms"):
        opened.named("mosquitto")


def test_runs_and_sets_are_arms(tmp_path: Path) -> None:
    make_set(tmp_path / "one")
    opened = open_arms(["one", str(tmp_path / "one" / "one-2")], tmp_path)
    assert [(arm.name, len(arm.runs)) for arm in opened.arms] == [("one", 2), ("one-2", 1)]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError) as refused:
        open_arms(["no", "nothing"], tmp_path)
    assert len(refused.value.faults) == 2
    make_set(tmp_path / "one")
    make_set(tmp_path / "two", scenario="soak")
    with pytest.raises(UsageError, match="1 given; 2 to 20"):
        open_arms(["one"], tmp_path)
    with pytest.raises(UsageError) as refused:
        open_arms(["one", "one", "two"], tmp_path)
    assert "given more than once" in refused.value.faults[0]
    assert "two is of soak" in refused.value.faults[1]
