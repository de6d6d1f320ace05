"""What a search has found, in sentences, and what the command ends with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadtest.errors import ExitCode
from loadtest.measure.capacity_record import CapacityResult

if TYPE_CHECKING:
    from loadtest.capacity.search import Finding
    from loadtest.measure.capacity_record import Answer, CapacityRecord

_CODES: dict[Answer, ExitCode] = {
    "interval": ExitCode.PASSED,
    "all_passed": ExitCode.PASSED,
    "none_passed": ExitCode.FAILED,
    "generator": ExitCode.VOID,
    "generator_at_first": ExitCode.VOID,
    "void": ExitCode.VOID,
    "unfinished": ExitCode.VOID,
    "interrupted": ExitCode.INTERRUPTED,
}
"""Void: how much the system carries at most is not known."""


def answer(finding: Finding, record: CapacityRecord, knee: int | None) -> CapacityResult:
    """Put a finding into words.

    Args:
        finding: Of the search.
        record: Its state says whether it was interrupted.
        knee: The knee, if there is one.
    """
    kind: Answer = "interrupted" if record.state == "interrupted" else finding.kind
    limit = _limit(record, finding)
    text = " ".join([_sentence(kind, finding, record, limit), *_about_edge(finding, record, knee)])
    return CapacityResult(
        answer=kind,
        passed=finding.passed,
        failed=finding.failed,
        limit=limit,
        knee=knee,
        text=text,
        exit_code=int(_CODES[kind]),
    )


def _sentence(kind: Answer, finding: Finding, record: CapacityRecord, limit: str) -> str:
    plan = record.plan
    unit = plan.unit
    passed = f"{finding.passed:,} {unit}" if finding.passed is not None else ""
    failed = f"{finding.failed:,} {unit}" if finding.failed is not None else ""
    match kind:
        case "interval":
            return f"Capacity: {passed} meet the objective, {failed} do not: {limit}."
        case "generator":
            return f"Capacity: at least {passed}. At {failed} the generator was the limit, not the system: {limit}."
        case "all_passed":
            return f"Capacity: at least {passed}, the most that was asked for. Search higher with --to."
        case "none_passed":
            return f"Not even {failed} meet the objective: {limit}. Begin lower with --from."
        case "generator_at_first":
            return f"The generator was the limit at {failed} already: {limit}. Nothing is known of the system."
        case "void":
            void = next(step for step in reversed(record.steps) if step.state == "void")
            known = f"Capacity: at least {passed}." if passed else "Nothing is known of the system."
            return f"{known} {void.level:,} {unit} could not be measured: {void.reason.rstrip('.')}."
        case "unfinished" | "interrupted":
            why = f"After {len(record.steps)} runs" if kind == "unfinished" else "Interrupted"
            ends = [f"{passed} met the objective"] if passed else []
            ends += [f"{failed} did not ({limit})"] if failed else []
            known = f"{', '.join(ends)}; not yet as exactly as asked for" if ends else "nothing is known yet"
            return f"{why}: {known}."
    raise ValueError(kind)


def _about_edge(finding: Finding, record: CapacityRecord, knee: int | None) -> list[str]:
    """How often each end was tried, and where the knee is."""
    ends = []
    for level in (finding.passed, finding.failed):
        if level is not None:
            states = Counter(step.state for step in record.at(level) if step.state in ("passed", "failed", "limited"))
            ends.append(f"{states['passed']} of {states.total()} runs at {level:,} passed")
    told = [f"{'; '.join(ends)} (the majority counts)."] if ends else []
    return told + ([f"Latency has its knee at {knee:,} {record.plan.unit}."] if knee is not None else [])


def _limit(record: CapacityRecord, finding: Finding) -> str:
    """What ran out, or was missed, at the end above: in its latest try that says what the finding says."""
    if finding.failed is None:
        return ""
    told = "limited" if finding.kind in ("generator", "generator_at_first") else "failed"
    tries = sorted(record.at(finding.failed), key=lambda step: (step.state == told, step.attempt))
    return next((step.limit for step in reversed(tries) if step.limit), "")
