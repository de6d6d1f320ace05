"""Closing the books of a run: from what every process said last to one ledger and one record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure import ledger as ledgers
from loadtest.measure.class_ledgers import ClassLedgers
from loadtest.measure.class_totals import class_totals
from loadtest.measure.command_ledger import CommandBooks, merge_answers, settle_commands
from loadtest.measure.hops import counted_by, losing_hop
from loadtest.measure.rows import merge_rows, total_of
from loadtest.measure.run_totals import (
    CommandSummary,
    CommandTotals,
    DeliveryTotals,
)
from loadtest.measure.sources import CPU_COUNTER, total_gauge
from loadtest.measure.summaries import (
    delivery_totals,
    latency_summaries,
    transaction_totals,
)
from loadtest.measure.transaction_ledger import settle_transactions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.command_ledger import CommandLedger
    from loadtest.measure.instants import Instants
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.leg import LegRow
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.seconds import Seconds
    from loadtest.measure.sources import Source


def settle(
    sources: Sequence[Source],
    seconds: Seconds,
    instants: Instants,
    run: RunDescription,
) -> Ledger:
    """The ledgers of all processes together, held against each other and against the samples.

    Args:
        sources: Every process that took part.
        seconds: All samples by series.
        instants: What was told with instants, joined.
        run: What was run.
    """
    transactions, in_flight = instants.transactions, instants.link_cuts.calls()
    subscribers = [source for source in sources if source.role == "subscriber"]
    engines = [source for source in sources if source.role == "engine"]
    counts = {tag: histogram.total for tag, histogram in seconds.totals.items()}
    named = all(source.usage.health.final for source in engines + subscribers)
    ledger = ledgers.settle(
        merge_rows(source.operations for source in sources),
        merge_rows(source.deliveries for source in sources),
        [counts for source in sources for counts in source.sent],
        [source.seen for source in subscribers],
        counts,
        in_flight,
        observed=bool(subscribers),
        named=named,
    )
    books = CommandBooks(
        operations=merge_rows(source.commands for source in sources),
        answers=merge_answers(source.command_answers for source in sources),
        downlink=merge_rows(source.downlink for source in sources),
        replies=merge_rows(source.replies for source in sources),
        sent=[sent for source in sources for sent in source.commands_sent],
        windows=[source.commands_seen for source in engines],
        cut=instants.link_cuts.commands(instants.replies.written_us),
    )
    ledger.unbalanced += ledgers.unbalanced_operations(books.operations)
    ledger.commands, unbalanced = settle_commands(books, instants.replies, counts, named=named)
    ledger.unbalanced += unbalanced
    told = None
    if transactions.started:
        counters = total_counters(sources)
        hop = losing_hop(ledger, counters, transactions.cut_off_in_vain + ledger.link_cut)
        told = transactions.close(in_flight, observed=bool(subscribers) and named)
        ledger.transactions = settle_transactions(told, run.phases, hop=hop)
        ledger.transactions.energy_checked = counters.get("csms.energy_checked", 0)
        ledger.transactions.energy_backwards = counters.get("csms.energy_backwards", 0)
        if ledger.transactions.unexplained:
            ledger.unbalanced.append(
                f"{ledger.transactions.unexplained} transaction messages arrived that no engine has told of"
            )
    if run.fleet_classes:
        by_class = ClassLedgers(run.fleet_classes, sources, seconds.of_class, in_flight, named=named)
        by_class.settle(ledger, told, transactions.started_of, run.phases)
    return ledger


def total_counters(sources: Sequence[Source]) -> dict[str, int]:
    """Every running total of every process, added up by name, but for CPU, which health tells of."""
    totals: dict[str, int] = {}
    for source in sources:
        for name, count in source.counters.items():
            if not name.startswith(CPU_COUNTER):
                totals[name] = totals.get(name, 0) + count
    return totals


def fill(
    record: RunRecord,
    ledger: Ledger,
    sources: Sequence[Source],
    seconds: Seconds,
    registered_most: int,
) -> None:
    """Write everything that was counted and measured into the record.

    Args:
        record: The run's record.
        ledger: Its settled ledgers.
        sources: Every process that took part.
        seconds: All samples by series.
        registered_most: Most charge points that were registered at the end of one second.
    """
    record.unbalanced = ledger.unbalanced
    record.registered = max(total_gauge(sources, "registered_ever"), registered_most)
    engines = [source for source in sources if source.role == "engine"]
    if engines and all("registered_at_end" in source.gauges for source in engines):
        record.registered_at_end = total_gauge(engines, "registered_at_end")
        record.away_by_link = total_gauge(engines, "away_by_link")
        record.never_by_link = total_gauge(engines, "never_by_link")
    record.operations = ledger.total
    record.deliveries = delivery_totals(ledger)
    if ledger.commands is not None:
        record.commands = _command_totals(ledger.commands)
    record.counters = total_counters(sources)
    record.transactions = transaction_totals(ledger)
    record.counted_by = counted_by(ledger, record.counters, seconds.totals)
    record.latency = latency_summaries(seconds.totals)
    record.classes = class_totals(record.run, ledger, sources, seconds.of_class)


def _command_totals(ledger: CommandLedger) -> CommandTotals:
    by_action = {
        action: CommandSummary(action=action, operations=total_of(rows))
        for action, rows in _by_action(ledger.operations).items()
    }
    for answer in ledger.answers:
        if answer.action in by_action:  # else the books do not balance, and say so
            by_action[answer.action].answers[answer.answer] = answer.count
    return CommandTotals(
        operations=total_of(ledger.operations),
        by_action=list(by_action.values()),
        downlink=_leg_totals(ledger.downlink, ledger.downlink_lost, ledger.downlink_lost_charge_points),
        replies=_leg_totals(ledger.replies, ledger.replies_lost),
    )


def _by_action(rows: Sequence[OperationRow]) -> dict[str, list[OperationRow]]:
    found: dict[str, list[OperationRow]] = {}
    for row in sorted(rows, key=lambda row: row.action):
        found.setdefault(row.action, []).append(row)
    return found


def _leg_totals(legs: Sequence[LegRow], lost: int, lost_charge_points: int = 0) -> DeliveryTotals:
    return DeliveryTotals(
        observed=True,
        delivered=sum(leg.delivered for leg in legs),
        link_cut=sum(leg.link_cut for leg in legs),
        lost=lost,
        lost_charge_points=lost_charge_points,
        duplicated=sum(leg.duplicated for leg in legs),
        reordered=sum(leg.reordered for leg in legs),
    )
