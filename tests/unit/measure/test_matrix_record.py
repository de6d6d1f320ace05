"""What is written into matrix.json is read again, and nothing else is taken for it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from loadtest.errors import DamagedResultError, ResultError
from loadtest.measure import matrix_record
from loadtest.measure.matrix_record import MATRIX_JSON, MatrixArm, MatrixPlan, MatrixRecord, MatrixRun

if TYPE_CHECKING:
    from pathlib import Path


def a_matrix() -> MatrixRecord:
    return MatrixRecord(
        name="20260131-120000-qos",
        made_by="0.1.0",
        made_at=dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC),
        plan=MatrixPlan(
            name="qos",
            scenario="steady",
            scenario_sha256="0" * 64,
            seeds=[1, 2],
            order_seed=1,
            pause_s=0.5,
            settings={"charge_points": "20"},
        ),
        arms=[MatrixArm(name=f"qos{qos}", settings={"qos": qos}, resolved={"qos": int(qos)}) for qos in "01"],
        runs=[
            MatrixRun(arm="qos1", repeat=1, block=1, seed=1, state="done", result="passed", folder="qos1-1"),
            MatrixRun(arm="qos0", repeat=1, block=1, seed=1),
            MatrixRun(arm="qos0", repeat=2, block=1, seed=2),
            MatrixRun(arm="qos1", repeat=2, block=1, seed=2),
        ],
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    matrix_record.write(a_matrix(), tmp_path)
    assert matrix_record.load(tmp_path) == a_matrix()
    assert [path.name for path in tmp_path.iterdir()] == [MATRIX_JSON]


def test_runs_of_an_arm_come_by_repeat() -> None:
    matrix = a_matrix()
    matrix.runs.reverse()
    assert [(run.arm, run.repeat) for run in matrix.runs_of("qos1")] == [("qos1", 1), ("qos1", 2)]


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"cannot read .*matrix\.json"):
        matrix_record.load(tmp_path)
    matrix_record.write(a_matrix(), tmp_path)
    whole = (tmp_path / MATRIX_JSON).read_bytes()
    (tmp_path / MATRIX_JSON).write_bytes(whole[:-40])
    with pytest.raises(DamagedResultError, match="damaged or cut off"):
        matrix_record.load(tmp_path)
    (tmp_path / MATRIX_JSON).write_bytes(whole.replace(b'"version": 1', b'"version": 99', 1))
    with pytest.raises(ResultError, match="format version 99"):
        matrix_record.load(tmp_path)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="cannot write"):
        matrix_record.write(a_matrix(), tmp_path / "missing")
