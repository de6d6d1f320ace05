"""Why a run is void: the account is not complete and consistent, or the generator did not keep up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.reason_texts import first, listed
from loadtest.measure.run_events import (
    DAMAGED_REPORT,
    FAULT_FAILED,
    HARNESS_FAULTS,
    PART_DIED,
    WORKER_LOST,
    WRITE_FAILED,
)
from loadtest.measure.run_outcome import Reason
from loadtest.measure.tags import PACER, parse
from loadtest.measure.validity import INVALID_MESSAGE, Validity
from loadtest.protocol.phases import STEADY, STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord

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


def instrument_reasons(record: RunRecord) -> Iterator[Reason]:
    """Is the account complete and consistent?"""
    if record.unbalanced:
        more = f" and {len(record.unbalanced) - 1} more" if len(record.unbalanced) > 1 else ""
        yield Reason("ledger_unbalanced", f"The ledgers do not balance: {record.unbalanced[0]}{more}.")
    for event in record.events:
        if event.kind == WORKER_LOST:
            yield Reason("worker_lost", f"A worker was lost: {event.text}.")
        elif event.kind == PART_DIED and is_instrument(event.part):
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
        yield Reason("report_missing", f"No final report from {listed(silent)}.")
    sampled = Validity.of(record.counters)
    if sampled.invalid:
        yield Reason(
            "invalid_messages",
            f"{sampled.invalid:,} of {sampled.checked:,} messages of charge points that were checked are not valid "
            f"against the official schemas{first(record, INVALID_MESSAGE)}.",
        )
    hosts = {health.host for health in record.health if health.host and health.role != "stand"}
    hosts -= {clock.clock for clock in record.clocks}
    if len(hosts) > 1:
        yield Reason(
            "clocks_differ",
            f"Engines and subscribers ran on several hosts ({listed(sorted(hosts))}), whose clocks were not compared.",
        )


def generator_reasons(record: RunRecord) -> Iterator[Reason]:
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


def is_instrument(source: str) -> bool:
    """Whether ``w0/engine-1`` is a part of the generator; what has no name is taken for one."""
    part = source.rpartition("/")[2].rstrip("0123456789").rstrip("-")
    return not part or part in GENERATOR_PARTS


def _is_steady_pacer(text: str) -> bool:
    tag = parse(text)
    return tag.leg == PACER and (tag.phase == STEADY or tag.phase.startswith(f"{STEP}:"))
