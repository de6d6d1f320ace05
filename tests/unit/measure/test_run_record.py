from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from sample_run import SampleRun

from loadtest.errors import ResultError
from loadtest.measure.run_description import FleetPart, RunDescription
from loadtest.measure.run_record import RunRecord, load, write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = SampleRun(lost_every=50).finished(tmp_path)
    assert load(tmp_path) == record
    plain = json.loads((tmp_path / "run.json").read_text())
    assert (plain["format"], plain["version"], plain["state"]) == ("loadtest-run", 1, "complete")
    assert plain["run"]["started_at"] == "2026-01-31T12:00:00Z"


def test_a_record_cut_off_anywhere_is_refused_with_its_name(tmp_path: Path) -> None:
    run = RunDescription(run_id="r", scenario="s", started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC))
    write(RunRecord(run=run), tmp_path)
    whole = (tmp_path / "run.json").read_bytes().rstrip()
    for length in range(0, len(whole), 97):
        (tmp_path / "run.json").write_bytes(whole[:length])
        with pytest.raises(ResultError, match=r"run\.json is damaged or cut off"):
            load(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint", "hint"),
    [
        ('{"format": "loadtest-run", "version": 2}', "format version 2; this loadtest reads up to 1", "newer"),
        ('{"format": "loadtest-run"}', "format version 0", "newer"),
        ('{"format": "loadtest-ledger", "version": 1}', "not a loadtest-run document", ""),
        ('{"something": "else"}', "not a loadtest-run document", ""),
        ('{"format": "loadtest-run", "version": 1, "run": 3}', "damaged or cut off: .*run", ""),
        ("[]", "damaged", ""),
    ],
)
def test_anything_else_is_refused_with_the_reason(tmp_path: Path, content: str, complaint: str, hint: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ResultError, match=complaint) as caught:
        load(tmp_path)
    assert hint in caught.value.hint


def test_a_folder_without_a_record_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not the folder of a run") as caught:
        load(tmp_path / "nothing")
    assert "results/" in caught.value.hint


def test_charge_points_have_the_ids_of_their_class() -> None:
    kerb = FleetPart(name="Kerb", charge_points=90, cohorts=2, id_prefix="cp-", first_id="cp-000000")
    depot = FleetPart(name="Depot", charge_points=10, cohorts=1, id_prefix="bus", first_id="bus000090")
    run = RunDescription(run_id="r", scenario="s", started_at=dt.datetime.now(dt.UTC), fleet=[kerb, depot])
    assert [run.charge_point(number) for number in (0, 89, 90, 99)] == [
        "cp-000000",
        "cp-000089",
        "bus000090",
        "bus000099",
    ]
    assert run.charge_point(100) == "number 100"


def test_fields_a_later_minor_version_adds_are_ignored(tmp_path: Path) -> None:
    record = SampleRun().finished(tmp_path)
    plain = json.loads((tmp_path / "run.json").read_text()) | {"later": {"x": 1}}
    (tmp_path / "run.json").write_text(json.dumps(plain))
    assert load(tmp_path) == record
