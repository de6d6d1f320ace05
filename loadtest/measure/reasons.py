"""Why a run is void or has failed: every reason there is, each with a code that programs can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.interval import INVALID
from loadtest.measure.run_events import (
    DAMAGED_REPORT,
    FAULT_FAILED,
    FIRST_CONNECT_FAULT,
    HARNESS_FAULTS,
    OUT_OF_DESCRIPTORS,
    PART_DIED,
    WORKER_LOST,
    WRITE_FAILED,
)
from loadtest.measure.run_outcome import Reason
from loadtest.measure.tags import PACER, parse
from loadtest.measure.validity import INVALID_ANSWER, INVALID_MESSAGE, Validity
from loadtest.protocol.phases import STEADY, STEP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadtest.measure.run_events import RunEvent
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import DeliveryTotals

GENERATOR_PARTS = frozenset({"engine", "subscriber", "worker", "csms", "stand"})
"""Parts of the instrument: without one of them the figures are not what they seem."""

_RAN_OUT = {
    "no_descriptors": "file descriptors (raise the limit, ulimit -Hn, or take more --engines)",
    "no_source_port": "source ports (widen net.ipv4.ip_local_port_range, or connect to several addresses)",
    "no_memory": "memory for sockets",
}
"""What an engine may lack to connect, by the cause it counts the failed attempts under."""

MEASURING_ROLES = frozenset({"engine", "subscriber"})
"""Roles of the processes that read the clock: what keeps one of them waiting stands in the latencies."""

_MEANWHILE = {
    "engine": "what was due meanwhile is late through its fault",
    "subscriber": "what arrived meanwhile is late through its fault",
    "stand": "nobody looked after gateway and broker meanwhile, and what became of them is not known",
    "master": "nobody led the run meanwhile, and phases, faults and its end may be late by so much",
}
"""What it means that a process of the harness stood still, by its role."""


def reasons(record: RunRecord) -> Iterator[Reason]:
    """Everything that speaks against a run, the instrument's failings first; ``record.thresholds`` as they stand."""
    yield from _instrument(record)
    yield from _generator(record)
    yield from _system(record)
    yield from _commands(record)
    yield from _thresholds(record)


def first_connect_fault(record: RunRecord) -> str:
    """Why the first charge point could not connect that could not, to be put behind a sentence."""
    return next((f" First: {event.text}." for event in record.events if event.kind == FIRST_CONNECT_FAULT), "")


def _instrument(record: RunRecord) -> Iterator[Reason]:
    """Is the account complete and consistent?"""
    if record.unbalanced:
        more = f" and {len(record.unbalanced) - 1} more" if len(record.unbalanced) > 1 else ""
        yield Reason("ledger_unbalanced", f"The ledgers do not balance: {record.unbalanced[0]}{more}.")
    for event in record.events:
        if event.kind == WORKER_LOST:
            yield Reason("worker_lost", f"A worker was lost: {event.text}.")
        elif event.kind == PART_DIED and _is_instrument(event.part):
            yield Reason("part_died", f"At {event.at_s:.1f} s: {event.text}.")
        elif event.kind in HARNESS_FAULTS:
            yield Reason("harness_fault", f"{event.part or 'The harness'} failed: {event.text}.")
        elif event.kind == FAULT_FAILED:
            yield Reason("fault_failed", f"At {event.at_s:.1f} s a fault was not carried out: {event.text}.")
        elif event.kind == DAMAGED_REPORT:
            yield Reason("report_damaged", f"A report could not be read: {event.text}.")
        elif event.kind == WRITE_FAILED:
            yield Reason("results_incomplete", f"Results could not be written: {event.text}.")
    silent = [health.source for health in record.health if not health.final and health.role != "stand"]
    if silent:
        yield Reason("report_missing", f"No final report from {_listed(silent)}.")
    sampled = Validity.of(record.counters)
    if sampled.invalid:
        yield Reason(
            "invalid_messages",
            f"{sampled.invalid:,} of {sampled.checked:,} messages of charge points that were checked are not valid "
            f"against the official schemas{_first(record, INVALID_MESSAGE)}.",
        )
    hosts = {health.host for health in record.health if health.host and health.role != "stand"}
    hosts -= {clock.clock for clock in record.clocks}
    if len(hosts) > 1:
        yield Reason(
            "clocks_differ",
            f"Engines and subscribers ran on several hosts ({_listed(sorted(hosts))}), whose clocks were not compared.",
        )


def _generator(record: RunRecord) -> Iterator[Reason]:
    """Did the generator keep up?"""
    limits = record.run.limits
    for cause, what in _RAN_OUT.items():
        if count := record.counters.get(f"engine.connect_failures.{cause}", 0):
            yield Reason("generator_sockets", f"The generator ran out of {what}: {count:,} attempts to connect failed.")
    paused = {fault.part for fault in record.faults}  # who stood still on purpose could not report
    for health in record.health:
        stood_still = limits.standstill_us is not None and health.loop_lag_max_us > limits.standstill_us
        if stood_still and health.role not in paused:
            yield Reason(
                "generator_stood_still",
                f"{health.source} stood still for {health.loop_lag_max_us / 1e6:.1f} s: {_MEANWHILE[health.role]}.",
            )
    lateness_us = max((row.p99_us for row in record.latency if _is_steady_pacer(row.tag)), default=0)
    if limits.pacer_p99_us is not None and lateness_us > limits.pacer_p99_us:
        yield Reason(
            "generator_late",
            f"The generator released operations late: p99 {lateness_us / 1000:.1f} ms in the steady phase, "
            f"limit {limits.pacer_p99_us / 1000:g} ms.",
        )
    measuring = [health for health in record.health if health.role in MEASURING_ROLES]
    limit = limits.generator_cpu_percent
    busy = [health for health in measuring if limit is not None and health.cpu_percent > limit]
    if busy:
        worst = max(busy, key=lambda health: health.cpu_percent)
        yield Reason(
            "generator_cpu",
            f"The generator had no CPU to spare: {worst.source} used {worst.cpu_percent:.0f} % of a core on average, "
            f"limit {limit:g} %.",
        )
    coalesced = sum(health.coalesced_intervals for health in record.health if health.role not in paused | {"stand"})
    if limits.coalesced_intervals is not None and coalesced > limits.coalesced_intervals:
        yield Reason(
            "generator_backlog",
            f"Reports backed up: {coalesced} intervals had to be folded into later ones, "
            f"limit {limits.coalesced_intervals}.",
        )


def _system(record: RunRecord) -> Iterator[Reason]:
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
            f"{_first(record, INVALID_ANSWER)}.",
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
        if event.kind == PART_DIED and not _is_instrument(event.part):
            yield Reason("sut_died", f"At {event.at_s:.1f} s: {event.text}.")
        elif event.kind == OUT_OF_DESCRIPTORS:
            yield Reason("sut_descriptors", f"At {event.at_s:.1f} s: {event.text}.")


def _commands(record: RunRecord) -> Iterator[Reason]:
    """Did the central system's commands reach the charge points, and come back answered as OCPP has it?"""
    commands, limits = record.commands, record.run.limits
    if commands is None:
        return
    operations = commands.operations
    lost = commands.downlink.lost + commands.replies.lost
    if limits.commands_lost is not None and lost > limits.commands_lost:
        yield Reason(
            "commands_lost",
            f"{commands.downlink.lost:,} of {operations.sent:,} commands and {commands.replies.lost:,} answers to "
            f"commands were lost; allowed {limits.commands_lost:,}.",
        )
    unanswered = operations.timed_out + operations.unfinished
    if limits.commands_unanswered is not None and unanswered > limits.commands_unanswered:
        yield Reason(
            "commands_unanswered",
            f"{unanswered:,} of {operations.sent:,} commands were not answered in time; "
            f"allowed {limits.commands_unanswered:,}.",
        )
    if limits.command_errors is not None and operations.call_error > limits.command_errors:
        refused = [row.action for row in commands.by_action if row.operations.call_error]
        yield Reason(
            "command_errors",
            f"{operations.call_error:,} of {operations.sent:,} commands were answered with an error, namely "
            f"{_listed(refused)}; allowed {limits.command_errors:,}.",
        )
    invalid = {row.action: row.answers[INVALID] for row in commands.by_action if INVALID in row.answers}
    count = sum(invalid.values())
    if limits.command_answers_invalid is not None and count > limits.command_answers_invalid:
        yield Reason(
            "command_answers_invalid",
            f"{count:,} answers to commands do not fit the official schemas, namely to {_listed(sorted(invalid))}; "
            f"allowed {limits.command_answers_invalid:,}.",
        )
    if limits.dropped_share is not None and operations.dropped > limits.dropped_share * operations.offered:
        yield Reason(
            "commands_dropped",
            f"{operations.dropped:,} of {operations.offered:,} commands could not be sent: no charge point was free; "
            f"allowed {limits.dropped_share:.0%}.",
        )


def _thresholds(record: RunRecord) -> Iterator[Reason]:
    for outcome in record.thresholds:
        if outcome.no_data:
            yield Reason("threshold_no_data", f"Threshold without data: {outcome.text}; {outcome.reason}.")
        elif outcome.passed is False:
            yield Reason("threshold", f"Threshold missed: {outcome.text}; {outcome.reason}.")


def _whose(deliveries: DeliveryTotals) -> str:
    """Of how many charge points lost messages were; nothing when a part that would know is gone."""
    return f", of {deliveries.lost_charge_points:,} charge points" if deliveries.lost_charge_points else ""


def _not_taken(record: RunRecord) -> str:
    """What the broker itself said it has not taken from charge points on the direct path."""
    refused = record.counters.get("engine.messages_refused", 0)
    too_large = record.counters.get("engine.messages_too_large", 0)
    said = f" The broker acknowledged {refused:,} with a reason code of failure." if refused else ""
    return said + (f" {too_large:,} were larger than it takes." if too_large else "")


def _first(record: RunRecord, kind: str) -> str:
    """The first event of a kind, to be put behind a sentence."""
    return next((f": {event.text}" for event in record.events if event.kind == kind), "")


def _is_steady_pacer(text: str) -> bool:
    tag = parse(text)
    return tag.leg == PACER and (tag.phase == STEADY or tag.phase.startswith(f"{STEP}:"))


def _is_instrument(source: str) -> bool:
    """Whether ``w0/engine-1`` is a part of the generator; what has no name is taken for one."""
    part = source.rpartition("/")[2].rstrip("0123456789").rstrip("-")
    return not part or part in GENERATOR_PARTS


def _listed(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
