"""Comparisons as older versions wrote them are read as the present ones are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loadtest.errors import ResultError
from loadtest.measure import comparison_record
from loadtest.measure.compared_figures import UNDECIDED, WORSE
from loadtest.measure.comparison_record import COMPARISON_JSON

if TYPE_CHECKING:
    from pathlib import Path

FIGURE = {
    "phase": "steady",
    "leg": "round_trip",
    "action": "Heartbeat",
    "percent": 99.9,
    "baseline_us": 1000.0,
    "candidate_us": 1200.0,
    "change_percent": 20.0,
    "low_percent": 15.0,
    "high_percent": 25.0,
    "p_value": 0.01,
    "finding": "slower",
    "repeats_needed": None,
}
OLD = {
    "format": "loadtest-comparison",
    "version": 1,
    "outcome": "regression",
    "text": "Slower.",
    "baseline": {"name": "main", "runs": ["a-1"], "left_out": ["a-2: void"]},
    "candidate": {"name": "change", "runs": ["b-1"], "left_out": []},
    "tolerance_percent": 5.0,
    "error_rate_percent": 5.0,
    "confidence_percent": 95.0,
    "differences": [{"what": "setting qos", "baseline": "1", "candidate": "0"}],
    "figures": [FIGURE, FIGURE | {"finding": "undecided", "low_percent": None, "repeats_needed": 7}],
    "not_compared": ["uplink x p99: not in every run"],
}


def test_all_that_was_written_is_there(tmp_path: Path) -> None:
    (tmp_path / COMPARISON_JSON).write_text(json.dumps(OLD))
    found = comparison_record.load(tmp_path)
    assert found is not None
    assert (found.version, found.baseline, found.outcome) == (2, "main", "regression")
    assert [(arm.name, arm.runs, arm.left_out) for arm in found.arms] == [
        ("main", ["a-1"], ["a-2: void"]),
        ("change", ["b-1"], []),
    ]
    ((figure, change),) = found.found(WORSE)
    assert figure.name == "round trip Heartbeat p99.9"
    assert figure.means == {"main": 1000.0, "change": 1200.0}
    assert (change.baseline, change.candidate, change.change_percent) == ("main", "change", 20.0)
    ((_, undecided),) = found.found(UNDECIDED)
    assert (undecided.low_percent, undecided.repeats_needed) == (None, 7)
    assert found.differences[0].values == {"main": "1", "change": "0"}
    comparison_record.write(found, tmp_path)
    assert comparison_record.load(tmp_path) == found


@pytest.mark.parametrize(
    "content",
    ["{", json.dumps(OLD | {"version": 3}), json.dumps(OLD | {"figures": [{}]}), json.dumps({"format": "other"}), "[]"],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / COMPARISON_JSON).write_text(content)
    with pytest.raises(ResultError):
        comparison_record.load(tmp_path)
