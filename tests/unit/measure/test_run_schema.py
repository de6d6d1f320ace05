"""The published schema of ``run.json``: up to date, and kept by what runs write."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from sample_run import SampleRun

from loadtest.measure.run_record import RUN_JSON
from loadtest.measure.run_schema import schema_json
from loadtest.scenario.threshold_text import parse_all

PUBLISHED = Path(__file__).parents[3] / "docs" / "run.schema.json"


def test_the_published_schema_is_that_of_the_record() -> None:
    assert PUBLISHED.read_bytes() == schema_json(), "make schema writes it again"


@pytest.mark.parametrize("ended", [True, False])
def test_records_of_runs_keep_to_it(tmp_path: Path, ended: bool) -> None:
    sample = SampleRun(lost_every=30, thresholds=parse_all(["p99 uplink < 1us", "p99 reply < 1s"]))
    if ended:
        sample.finished(tmp_path)
    else:
        sample.play(tmp_path, until_s=4)
    validator = jsonschema_rs.validator_for(msgspec.json.decode(PUBLISHED.read_bytes()))
    record = msgspec.json.decode((tmp_path / RUN_JSON).read_bytes())
    validator.validate(record)
    validator.validate(record | {"added_by_a_newer_version": 1})
    assert not validator.is_valid(record | {"state": "exploded"})
    assert not validator.is_valid({name: value for name, value in record.items() if name != "run"})
