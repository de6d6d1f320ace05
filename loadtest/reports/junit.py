"""A verdict as JUnit XML, which every CI system shows: a test case for each threshold, each limit, and the run itself.

The shape is that of Jenkins' ``junit-10.xsd``. What does not hold is a failure, what makes a run void an error, and
what could not be judged is skipped.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

from loadtest.measure.comparison_record import NO_VERDICT, REGRESSION
from loadtest.measure.run_events import ENDED_EARLY, INTERRUPTED
from loadtest.measure.verdict import VOID_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loadtest.measure.comparison_record import Comparison
    from loadtest.measure.run_outcome import Reason
    from loadtest.measure.run_record import RunRecord

_CODES_OF_LIMIT = {
    "dropped_share": ("dropped", "commands_dropped"),
    "pacer_p99_us": ("generator_late",),
    "generator_cpu_percent": ("generator_cpu",),
    "coalesced_intervals": ("generator_backlog",),
    "standstill_us": ("generator_stood_still",),
}
"""Codes of the reasons a limit may give; every other limit gives the one it is called by."""

_ERRORS = VOID_CODES | {"interrupted", "killed", "refused"}
_OF_THRESHOLDS = ("threshold", "threshold_no_data")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Case(NamedTuple):
    """One test case; ``outcome`` is ``failure``, ``error``, ``skipped``, or empty when it passed."""

    group: str
    name: str
    outcome: str = ""
    kind: str = ""
    text: str = ""


def junit_xml(record: RunRecord, comparison: Comparison | None = None) -> bytes:
    """The document of a run, in UTF-8, with what came of holding it against a baseline."""
    cases = [*_thresholds(record), *_limits(record), _run(record), *_against(comparison)]
    return _document(record, cases, _properties(record), record.end_s)


def set_junit_xml(
    name: str, records: list[RunRecord], comparison: Comparison | None, *, void_is_told: bool = False
) -> bytes:
    """The document of a set of runs: a case for each, and one for the baseline.

    Args:
        name: Of the set.
        records: Of its runs.
        comparison: With the baseline, if there is one.
        void_is_told: Enough runs count: void ones are skipped, and no errors.
    """
    cases = [_run_of_set(record) for record in records]
    if void_is_told:
        results = ["" if record.verdict is None else record.verdict.result for record in records]
        cases = [
            case._replace(outcome="skipped", kind="") if result == "void" else case
            for case, result in zip(cases, results, strict=True)
        ]
    return _document(records[0], [*cases, *_against(comparison)], {"set": name}, sum(each.end_s for each in records))


def _document(record: RunRecord, cases: list[_Case], properties: Mapping[str, str], length_s: float) -> bytes:
    counts = {"tests": str(len(cases))}
    for outcome, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        counts[name] = str(sum(case.outcome == outcome for case in cases))
    counts["time"] = f"{length_s:.3f}"
    top = ET.Element("testsuites", {"name": "loadtest", **counts})
    suite = ET.SubElement(
        top,
        "testsuite",
        {
            "name": _clean(record.run.scenario),
            **counts,
            "timestamp": f"{record.run.started_at:%Y-%m-%dT%H:%M:%S}",
            "hostname": _clean(str(record.run.host.get("name", ""))),
        },
    )
    listed = ET.SubElement(suite, "properties")
    for name, value in properties.items():
        ET.SubElement(listed, "property", {"name": name, "value": _clean(value)})
    for case in cases:
        attributes = {"classname": f"{record.run.scenario}.{case.group}", "name": case.name, "time": "0"}
        element = ET.SubElement(suite, "testcase", {key: _clean(value) for key, value in attributes.items()})
        if case.outcome:
            said = {"message": _clean(case.text)} | ({"type": case.kind} if case.kind else {})
            ET.SubElement(element, case.outcome, said).text = _clean(case.text)
    ET.indent(top)
    document: bytes = ET.tostring(top, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _properties(record: RunRecord) -> dict[str, str]:
    verdict = record.verdict
    return {
        "run_id": record.run.run_id,
        "verdict": verdict.result if verdict else "unfinished",
        "seed": str(record.run.seed),
        "charge_points": str(record.run.charge_points),
        "command": shlex.join(record.run.command),
    } | {f"version.{name}": version for name, version in sorted(record.run.versions.items())}


def _thresholds(record: RunRecord) -> Iterator[_Case]:
    for outcome in record.thresholds:
        if outcome.passed is None:
            yield _Case("thresholds", outcome.text, "skipped", text=f"not judged: {outcome.reason}")
        elif outcome.passed:
            yield _Case("thresholds", outcome.text)
        else:
            kind = "threshold_no_data" if outcome.no_data else "threshold"
            yield _Case("thresholds", outcome.text, "failure", kind, outcome.reason)


def _limits(record: RunRecord) -> Iterator[_Case]:
    reasons = {reason.code: reason for reason in _reasons(record)}
    cut_short = any(event.kind in (INTERRUPTED, ENDED_EARLY) for event in record.events)
    for name, value in msgspec.structs.asdict(record.run.limits).items():
        if value is None:
            continue
        text = f"{name.replace('_', ' ')} at most {value:g}"
        missed = next((reasons[code] for code in _codes(name) if code in reasons), None)
        if missed is not None:
            yield _case_of("limits", text, [missed])
        elif why := _not_judged(record, name, cut_short=cut_short):
            yield _Case("limits", text, "skipped", text=f"not judged: {why}")
        else:
            yield _Case("limits", text)


def _not_judged(record: RunRecord, limit: str, *, cut_short: bool) -> str:
    if record.verdict is None:
        return "the run has not ended, was killed, or its record is damaged"
    if limit.startswith("command") and record.commands is None:
        return "the central system sent no commands"
    if limit == "lost" and not record.deliveries.observed:
        return "no subscriber took part"
    if limit == "absent_at_end" and (cut_short or record.registered_at_end < 0):
        return "the run was cut short"
    return ""


def _run(record: RunRecord) -> _Case:
    """Everything that is neither a threshold's nor a limit's: the ledgers, the instrument, the run's end."""
    name = "the run is complete and its ledgers balance"
    if record.verdict is None:
        return _Case(
            "run",
            name,
            "error",
            "unfinished",
            "there is no verdict: the run has not ended, was killed, or its record is damaged",
        )
    elsewhere = {code for limit in type(record.run.limits).__struct_fields__ for code in _codes(limit)}
    left = [reason for reason in _reasons(record) if reason.code not in elsewhere.union(_OF_THRESHOLDS)]
    return _case_of("run", name, left) if left else _Case("run", name)


def _run_of_set(record: RunRecord) -> _Case:
    """A whole run as one case; its own document has the cases of its thresholds and limits."""
    name = f"{record.run.run_id}: passed"
    if record.verdict is None:
        return _run(record)._replace(name=name)
    return _case_of("runs", name, record.verdict.reasons) if record.verdict.reasons else _Case("runs", name)


def _against(comparison: Comparison | None) -> Iterator[_Case]:
    if comparison is not None:
        outcome = {REGRESSION: "failure", NO_VERDICT: "skipped"}.get(comparison.outcome, "")
        kind = "regression" if outcome == "failure" else ""
        yield _Case("baseline", f"no regression against {comparison.baseline}", outcome, kind, comparison.text)


def _case_of(group: str, name: str, reasons: list[Reason]) -> _Case:
    void = next((reason for reason in reasons if reason.code in _ERRORS), None)
    text = "\n".join(reason.text for reason in reasons)
    return _Case(group, name, "error" if void else "failure", (void or reasons[0]).code, text)


def _reasons(record: RunRecord) -> list[Reason]:
    return record.verdict.reasons if record.verdict else []


def _codes(limit: str) -> tuple[str, ...]:
    return _CODES_OF_LIMIT.get(limit, (limit,))


def _clean(text: str) -> str:
    """Without what XML has no way to write."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
