"""The verdict as JUnit XML: whole, of the common shape, and the same as in the record."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from sample_run import SampleRun

from loadtest.measure.limits import Limits
from loadtest.measure.run_outcome import Reason
from loadtest.measure.verdict import VOID_CODES
from loadtest.reports.junit import junit_xml
from loadtest.scenario.threshold_text import parse_all

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

# Of Jenkins' junit-10.xsd: attributes by element, whether they are required, and the elements that may be inside.
SHAPE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "disabled", "errors", "skipped"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id"},
        {"name", "tests"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": ({"name", "classname", "time", "status"}, {"name", "classname"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set(), set()),
    "error": ({"message", "type"}, set(), set()),
    "skipped": ({"message", "type"}, set(), set()),
}
OUTCOMES = ("failure", "error", "skipped")


def suite_of(record: RunRecord) -> ET.Element:
    top = ET.fromstring(junit_xml(record))
    assert top.tag == "testsuites"
    for element in top.iter():
        known, required, inside = SHAPE[element.tag]
        assert required <= set(element.attrib) <= known
        assert {child.tag for child in element} <= inside
    (suite,) = top
    cases = suite.findall("testcase")
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)
    for counted, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[counted]) == len(suite.findall(f"testcase/{outcome}")) == int(top.attrib[counted])
    assert int(suite.attrib["tests"]) == len(cases)
    return suite


def outcomes(record: RunRecord, group: str) -> dict[str, str]:
    cases = [case for case in suite_of(record).findall("testcase") if case.get("classname", "").endswith(f".{group}")]
    return {case.get("name", ""): next((child.tag for child in case), "passed") for case in cases}


def test_each_threshold_and_limit_is_a_case(tmp_path: Path) -> None:
    texts = ["p99 uplink < 1s", "p50 uplink < 1us", "lost < 1", "p99 reply < 1s"]
    record = SampleRun(lost_every=50, thresholds=parse_all(texts)).finished(tmp_path)
    assert outcomes(record, "thresholds") == {
        "p99 uplink steady < 1s": "passed",
        "p50 uplink steady < 1us": "failure",
        "lost < 1": "failure",
        "p99 reply steady < 1s": "failure",
    }
    limits = outcomes(record, "limits")
    assert len(limits) == len(Limits.__struct_fields__)
    assert limits["lost at most 0"] == "failure"
    assert limits["call errors at most 0"] == "passed"
    assert limits["commands lost at most 0"] == "skipped"
    assert outcomes(record, "run") == {"the run is complete and its ledgers balance": "passed"}
    properties = {each.get("name"): each.get("value") for each in suite_of(record).findall("properties/property")}
    assert (properties["seed"], properties["version.locust"], properties["verdict"]) == ("1", "2.47.0", "failed")


def test_what_makes_a_run_void_is_an_error(tmp_path: Path) -> None:
    record = SampleRun(pacer_us=90_000.0).finished(tmp_path)
    assert outcomes(record, "limits")["pacer p99 us at most 20000"] == "error"
    assert record.verdict is not None
    record.verdict.reasons = [Reason("ledger_unbalanced", "a"), Reason("not_registered", "b")]
    assert set(outcomes(record, "run").values()) == {"error"}
    record.verdict.reasons = [Reason("not_registered", "b")]
    assert set(outcomes(record, "run").values()) == {"failure"}


@pytest.mark.parametrize("code", sorted(VOID_CODES | {"not_registered", "sut_died", "no_data", "lost", "dropped"}))
def test_no_reason_goes_missing(tmp_path: Path, code: str) -> None:
    record = SampleRun(steady_s=1).finished(tmp_path)
    assert record.verdict is not None
    record.verdict.reasons = [Reason(code, "this is why")]
    texts = [each.text for outcome in OUTCOMES for each in suite_of(record).findall(f"testcase/{outcome}")]
    assert texts.count("this is why") == 1


def test_what_was_not_judged_is_skipped(tmp_path: Path) -> None:
    processes = SampleRun(thresholds=parse_all(["p99 uplink drain < 1s"])).play(tmp_path)
    processes.collector.event("interrupted", "stopped before its time")
    processes.report_finally()
    record = processes.finish("partial")
    assert set(outcomes(record, "thresholds").values()) == {"skipped"}
    assert set(outcomes(record, "run").values()) == {"error"}
    record.verdict = None
    assert set(outcomes(record, "limits").values()) == {"skipped"}


def test_any_text_can_stand_in_it(tmp_path: Path) -> None:
    record = SampleRun(steady_s=1, description={"scenario": 'a\x00<b>&"\ud800'.encode(errors="replace").decode()})
    suite = suite_of(record.finished(tmp_path))
    assert suite.get("name") == 'a\N{REPLACEMENT CHARACTER}<b>&"?'
