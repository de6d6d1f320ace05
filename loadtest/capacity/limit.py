"""What ran out in a run that did not pass: of the generator, so that it says nothing about the system; or of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.instrument_reasons import MEASURING_ROLES
from loadtest.measure.reason_texts import first_connect_fault
from loadtest.measure.verdict import GENERATOR_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_outcome import Reason
    from loadtest.measure.run_record import RunRecord

BUSY_PERCENT = 90.0
"""From so much on, of a core or of all cores, there is no CPU to spare."""
DESCRIPTORS = "file descriptors"
"""What a refusal is called for want of which an engine cannot hold its charge points."""
_OF_ONE_THREAD = frozenset({"mosquitto", "amqtt", "aedes"})
"""Brokers that cannot use more than a core."""

_MISSED = {
    "threshold": "threshold",
    "threshold_no_data": "threshold without data",
    "lost": "messages lost",
    "not_registered": "charge points not registered",
    "absent_at_end": "charge points without a connection at the end",
    "unanswered": "messages not answered in time",
    "call_errors": "messages answered with an error",
    "dropped": "messages that could not be sent",
    "sut_descriptors": "file descriptors of the gateway",
    "sut_died": "a part of the system ended",
    "no_data": "no message sent",
    "commands_lost": "commands lost",
    "commands_unanswered": "commands not answered in time",
}
"""In words, by the code of a reason; another one is called by its code."""


def generator_limit(record: RunRecord) -> str:
    """What the generator ran out of; empty when it was not the limit."""
    codes = {reason.code for reason in _reasons(record)} & GENERATOR_CODES
    found: list[str] = []
    if "generator_cpu" in codes:
        measuring = [health for health in record.health if health.role in MEASURING_ROLES]
        worst = max(measuring, key=lambda health: health.cpu_percent)
        found.append(f"{worst.role} CPU ({worst.cpu_percent:.0f} % of a core)")
    if "generator_late" in codes:
        found.append("pacing of the engines (operations released late)")
    if "generator_backlog" in codes:
        found.append("reporting channel")
    if "generator_sockets" in codes:
        found.append("sockets of the engines (descriptors, source ports or memory)")
    return ", ".join([*found, *_machine(record)] if found else [])


def system_limit(record: RunRecord) -> str:
    """What the system under test ran out of, as far as it is ours to see, and what was missed."""
    found = list(_busy_parts(record))
    missed = dict.fromkeys(_missed(reason, record) for reason in _reasons(record))
    return ", ".join([*found, *missed, *_machine(record)])


def _reasons(record: RunRecord) -> list[Reason]:
    return record.verdict.reasons if record.verdict is not None else []


def _missed(reason: Reason, record: RunRecord) -> str:
    missed = [each for each in record.thresholds if each.passed is False]
    if reason.code == "threshold":  # all that were missed in one, each by its text
        words = "; ".join(f"threshold {each.text}" for each in missed)
    else:
        words = _MISSED.get(reason.code, reason.code.replace("_", " "))
    of_registering = reason.code == "not_registered" or any(each.kind == "registered" for each in missed)
    if of_registering and (first := first_connect_fault(record)):
        words += f" ({first.strip().rstrip('.')})"
    return words


def _busy_parts(record: RunRecord) -> Iterator[str]:
    """Parts that used what they can use: a core for each process; what a broker of many threads can, nobody knows."""
    gateway, broker = record.run.sut.get("gateway", {}), record.run.sut.get("broker", {})
    processes = {"gateway": max(1, int(gateway.get("processes", 1) or 1))}
    if broker.get("kind") in _OF_ONE_THREAD:
        processes["broker"] = 1
    for health in record.health:
        count = processes.get(health.source, 0)
        if count and health.cpu_percent >= BUSY_PERCENT * count:
            of = "of a core" if count == 1 else f"of {count} processes"
            yield f"{health.source} CPU ({health.cpu_percent:.0f} % {of})"


def _machine(record: RunRecord) -> Iterator[str]:
    """Whether there was any CPU left for whoever wanted it."""
    cores = int(record.run.host.get("cpus", 0) or 0)
    used = sum(health.cpu_percent for health in record.health)
    if cores and used >= BUSY_PERCENT * cores:
        yield f"all {cores} cores of the machine, which generator and system share"
