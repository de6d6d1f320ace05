"""The published schema of ``comparison.json``: up to date, and kept by what comparisons write."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import msgspec
import numpy as np
from simulated_runs import arm

from loadtest.compare.compare import Question, compare_arms
from loadtest.measure.comparison_schema import schema_json
from loadtest.measure.result_documents import to_json

PUBLISHED = Path(__file__).parents[3] / "docs" / "comparison.schema.json"


def test_the_published_schema_is_that_of_the_record() -> None:
    assert PUBLISHED.read_bytes() == schema_json(), "make schema writes it again"


def test_comparisons_keep_to_it() -> None:
    random = np.random.default_rng(1)
    arms = [arm(random, name, 4) for name in ("one", "two", "three")]
    found = compare_arms(arms, Question(rank="uplink Heartbeat p99"))
    validator = jsonschema_rs.validator_for(msgspec.json.decode(PUBLISHED.read_bytes()))
    assert [error.message for error in validator.iter_errors(msgspec.json.decode(to_json(found)))] == []
