"""Why a run has failed: the system under test did not do what was asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.instrument_reasons import is_instrument
from loadtest.measure.reason_texts import first, first_connect_fault
from loadtest.measure.run_events import OUT_OF_DESCRIPTORS, PART_DIED
from loadtest.measure.run_outcome import Reason
from loadtest.measure.validity import INVALID_ANSWER, Validity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadtest.measure.run_events import RunEvent
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import DeliveryTotals


def system_reasons(record: RunRecord) -> Iterator[Reason]:
    """Did the system under test do what was asked of it?"""
    yield from _system_events(record.events)
    operations, limits = record.operations, record.run.limits
    absent = record.run.charge_points - record.registered - record.never_by_link
    if absent > 0:
        text = f"{absent:,} of {record.run.charge_points:,} charge points never registered."
        yield Reason("not_registered", text + first_connect_fault(record))
    if not operations.sent:
        yield Reason("no_data", "No charge point sent a single message.")
    absent = record.registered - record.registered_at_end - record.away_by_link
    if limits.absent_at_end is not None and record.registered_at_end >= 0 and absent > limits.absent_at_end:
        yield Reason(
            "absent_at_end",
            f"{absent:,} of {record.registered:,} charge points were without a connection at the end; "
            f"allowed {limits.absent_at_end:,}.",
        )
    given_up = operations.timed_out + operations.cut_off + operations.link_cut  # each may be answered yet, too late
    late = record.counters.get("engine.late_or_duplicate_answers", 0) - given_up
    # A connection that breaks makes MQTT repeat what was not acknowledged.
    repeated = record.faults or record.counters.get("engine.sessions_resumed", 0)
    if late > 0 and not repeated:
        yield Reason(
            "answers_doubled",
            f"{late:,} CALLs were answered more than once. Does another central system answer too? "
            "Then ours is to observe only: --csms observe.",
        )
    sampled = Validity.of(record.counters)
    if limits.invalid_answers is not None and sampled.answers_invalid > limits.invalid_answers:
        yield Reason(
            "invalid_answers",
            f"{sampled.answers_invalid:,} of {sampled.answers_checked:,} answers of the central system that were "
            f"checked are not valid against the official schemas; allowed {limits.invalid_answers:,}"
            f"{first(record, INVALID_ANSWER)}.",
        )
    deliveries = record.deliveries
    if deliveries.observed and limits.lost is not None and deliveries.lost > limits.lost:
        yield Reason(
            "lost",
            f"{deliveries.lost:,} of {operations.sent:,} messages were lost{_whose(deliveries)}; "
            f"allowed {limits.lost:,}.{_not_taken(record)}",
        )
    unanswered = operations.timed_out + operations.cut_off + operations.unfinished
    if limits.unanswered is not None and unanswered > limits.unanswered:
        yield Reason(
            "unanswered",
            f"{unanswered:,} of {operations.sent:,} operations were not answered in time; "
            f"allowed {limits.unanswered:,}.",
        )
    if limits.call_errors is not None and operations.call_error > limits.call_errors:
        yield Reason(
            "call_errors",
            f"{operations.call_error:,} of {operations.sent:,} operations were answered with an error; "
            f"allowed {limits.call_errors:,}.",
        )
    dropped = operations.dropped - record.counters.get("engine.dropped_by_link", 0)
    if limits.dropped_share is not None and dropped > limits.dropped_share * operations.offered:
        yield Reason(
            "dropped",
            f"{dropped:,} of {operations.offered:,} operations could not be sent at all; "
            f"allowed {limits.dropped_share:.0%}.",
        )


def _system_events(events: Iterable[RunEvent]) -> Iterator[Reason]:
    """What became of its embedded parts."""
    for event in events:
        if event.kind == PART_DIED and not is_instrument(event.part):
            yield Reason("sut_died", f"At {event.at_s:.1f} s: {event.text}.")
        elif event.kind == OUT_OF_DESCRIPTORS:
            yield Reason("sut_descriptors", f"At {event.at_s:.1f} s: {event.text}.")


def _whose(deliveries: DeliveryTotals) -> str:
    """Of how many charge points lost messages were; nothing when a part that would know is gone."""
    return f", of {deliveries.lost_charge_points:,} charge points" if deliveries.lost_charge_points else ""


def _not_taken(record: RunRecord) -> str:
    """What the broker itself said it has not taken from charge points on the direct path."""
    refused = record.counters.get("engine.messages_refused", 0)
    too_large = record.counters.get("engine.messages_too_large", 0)
    said = f" The broker acknowledged {refused:,} with a reason code of failure." if refused else ""
    return said + (f" {too_large:,} were larger than it takes." if too_large else "")
