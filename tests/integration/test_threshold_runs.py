"""A run that a threshold ends early: warm-up, exit code, record, JUnit and the terminal tell the same."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import jsonschema_rs
import msgspec
import pytest

from loadtest.measure import run_record
from loadtest.measure.run_schema import schema_json

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

IMPOSSIBLE = "p50 round_trip steady < 1us abort after 1s"
NEVER_SENT = "p99 round_trip SignCertificate steady < 1s"
REPLACED = "p99 round_trip steady < 9s"


def test_a_threshold_ends_a_run_that_warmed_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "run", "steady", "--results", str(tmp_path), "--run-id", "run"]
    command += ["--charge-points", "100", "--ramp", "1s", "--warmup", "1s", "--duration", "10m", "--quiet"]
    for text in (IMPOSSIBLE, NEVER_SENT, REPLACED):
        command += ["--threshold", text]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    record = run_record.load(tmp_path / "run")
    assert record.verdict is not None
    assert ended.returncode == record.verdict.exit_code, ended.stderr
    # A machine that others use as well may be late, which makes the run void; nothing else may be wrong.
    codes = {reason.code for reason in record.verdict.reasons if not reason.code.startswith("generator_")}
    assert codes == {"threshold"}, record.verdict
    assert [span.name for span in record.phases] == ["ramp", "warmup", "steady", "drain"]
    assert record.phases[1].end_s - record.phases[1].start_s == pytest.approx(1, abs=0.002), "begun as announced"
    passed = {outcome.text: outcome.passed for outcome in record.thresholds}
    assert list(passed) == [REPLACED, "p99 register ramp < 5s", IMPOSSIBLE, NEVER_SENT]
    assert (passed[REPLACED], passed[IMPOSSIBLE], passed[NEVER_SENT]) == (True, False, None)
    missed, holds = ("–", "–") if record.verdict.result == "void" else ("✗", "✓")  # a void run convicts nobody
    assert f"{missed} {IMPOSSIBLE}" in ended.stdout
    assert f"{holds} {REPLACED}" in ended.stdout
    suite = ET.parse(tmp_path / "run" / "junit.xml").getroot()[0]
    cases = {case.get("name"): [child.tag for child in case] for case in suite.findall("testcase")}
    assert (cases[REPLACED], cases[IMPOSSIBLE], cases[NEVER_SENT]) == ([], ["failure"], ["skipped"])
    written = msgspec.json.decode((tmp_path / "run" / run_record.RUN_JSON).read_bytes())
    jsonschema_rs.validator_for(msgspec.json.decode(schema_json())).validate(written)
