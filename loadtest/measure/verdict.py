"""The verdict on a run: passed, failed because of the system under test, void because of the instrument, interrupted.

Void outranks failed: when the generator was the limit or a ledger does not balance, figures say nothing about the
system, good or bad. Interrupted outranks both: a run that was not let finish has neither passed nor failed. Every
reason is given all the same, each with a code that programs can rely on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import ExitCode
from loadtest.measure.reason_texts import first_connect_fault
from loadtest.measure.reasons import reasons
from loadtest.measure.run_events import ENDED_EARLY, INTERRUPTED, REFUSED
from loadtest.measure.run_outcome import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.measure.run_events import RunEvent
    from loadtest.measure.run_outcome import Result
    from loadtest.measure.run_record import RunRecord

VOID_CODES = frozenset(
    {
        "ledger_unbalanced",
        "part_died",
        "worker_lost",
        "master_lost",
        "harness_fault",
        "fault_failed",
        "report_missing",
        "report_damaged",
        "results_incomplete",
        "generator_late",
        "generator_cpu",
        "generator_backlog",
        "generator_stood_still",
        "generator_sockets",
        "clocks_differ",
        "invalid_messages",
    }
)
"""Codes of reasons that make a run void; every other fails it."""

GENERATOR_CODES = frozenset({"generator_late", "generator_cpu", "generator_backlog", "generator_sockets"})
"""Those of them that say that the load was more than the generator can give here; a smaller one may do."""


_NOT_REACHED = frozenset({"no_data", "not_registered", "absent_at_end", "threshold_no_data"})


def judge(record: RunRecord) -> Verdict:
    """Hold a run against its limits; ``record.thresholds`` are judged as they stand."""
    refused = [Reason("refused", event.text) for event in record.events if event.kind == REFUSED]
    if refused:
        return Verdict("void", refused, int(ExitCode.USAGE))
    found = list(reasons(record))
    stopped = [event for event in record.events if event.kind == INTERRUPTED]
    if stopped or any(event.kind == ENDED_EARLY for event in record.events):  # what was not reached is not judged
        found = [reason for reason in found if reason.code not in _NOT_REACHED]
    if stopped:
        if never_began(record):  # nobody had been told to do anything that could be missing
            found = [reason for reason in found if reason.code != "report_missing"]
        return Verdict("interrupted", [_stopped(record, stopped[0]), *found], int(ExitCode.INTERRUPTED))
    result: Result = "passed"
    if found:
        result = "void" if any(reason.code in VOID_CODES for reason in found) else "failed"
    code = {"passed": ExitCode.PASSED, "failed": ExitCode.FAILED, "void": ExitCode.VOID}[result]
    return Verdict(result, found, int(code))


def never_began(record: RunRecord) -> bool:
    """Whether the run was stopped before its ramp: there is nothing in its books."""
    return not record.phases and any(event.kind == INTERRUPTED for event in record.events)


def unjudged(record: RunRecord) -> str:
    """What the scenario, or who ran it, wanted nobody to look at, in words; empty when all of it was judged."""
    limits = record.run.limits
    off = [name.replace("_", " ") for name in limits.__struct_fields__ if getattr(limits, name) is None]
    said = [f"Limits switched off: {', '.join(off)}."] if off else []
    return " ".join(said if record.thresholds else [*said, "No thresholds."])


def killed() -> Verdict:
    """On a run that was interrupted and could not be waited for: its books were never settled."""
    text = "Killed before its ledgers could be settled: only what had been written until then is there."
    return Verdict("interrupted", [Reason("killed", text)], int(ExitCode.INTERRUPTED))


def master_lost(how: str) -> Verdict:
    """On a run whose master died: its books were never settled, and what its children knew went with it.

    Args:
        how: What became of it: ``was killed by SIGKILL``, ``stood still for 60 s and was killed``.
    """
    text = f"Locust {how} while the run went on: only what had been written until then is there."
    return Verdict("void", [Reason("master_lost", text)], int(ExitCode.VOID))


def never_written(reasons: Iterable[str]) -> Verdict:
    """On a run that was judged, and void, whose final record could not be written.

    Args:
        reasons: Those it was given.
    """
    return Verdict("void", [Reason("results_incomplete", reason) for reason in reasons], int(ExitCode.VOID))


def _stopped(record: RunRecord, event: RunEvent) -> Reason:
    if never_began(record):
        return Reason("interrupted", f"Stopped at {event.at_s:.1f} s, before its ramp: nothing was measured.")
    text = f"Stopped at {event.at_s:.1f} s, before its time: what it shows is partial."
    if record.registered < record.run.charge_points:
        text += f" {record.registered:,} of {record.run.charge_points:,} charge points had registered."
        text += first_connect_fault(record)
    return Reason("interrupted", text)
