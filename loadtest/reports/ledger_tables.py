"""The ledgers: what became of operations and messages, where they vanished, and whose they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.hops import BACK, DOWN, REPLIES, UP, vanished
from loadtest.measure.validity import SHARE, Validity
from loadtest.reports.command_tables import commands
from loadtest.reports.figures import count_text
from loadtest.reports.table import Table
from loadtest.reports.transaction_tables import transactions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import HopCount
    from loadtest.reports.run_folder import RunFolder

MOST_LOSERS = 20
_WAYS = {UP: "CALLs up", BACK: "answers back", DOWN: "commands down", REPLIES: "their answers"}
MOST_EQUATIONS = 100


def ledgers(run: RunFolder) -> tuple[Table, ...]:
    """Operations, legs, hops, and what was lost by name."""
    ledger, record = run.ledger, run.record
    found = []
    if ledger is not None:
        fates = (
            "offered",
            "dropped",
            "sent",
            "answered",
            "call_error",
            "timed_out",
            "cut_off",
            "link_cut",
            "unfinished",
        )
        rows = [
            (row.phase, row.action, *(count_text(getattr(row, fate)) for fate in fates)) for row in ledger.operations
        ]
        rows.append(("all", "", *(count_text(getattr(ledger.total, fate)) for fate in fates)))
        found.append(
            Table(
                "Operations, at the charge points",
                ("Phase", "Action", *(fate.replace("_", " ").capitalize() for fate in fates)),
                tuple(rows),
                "offered = dropped + sent; sent = answered + call error + timed out + cut off + link cut + unfinished. "
                "Link cut: the charge point's own link or restart took the connection.",
                left=2,
            )
        )
    if ledger is not None and ledger.observed:
        parts = ("sent", "delivered", "link_cut", "lost", "duplicated", "reordered")
        found.append(
            Table(
                "Uplink, at the subscriber",
                ("Phase", "Action", *(part.replace("_", " ").capitalize() for part in parts)),
                tuple(
                    (row.phase, row.action, *(count_text(getattr(row, part)) for part in parts)) for row in ledger.legs
                ),
                "sent = delivered + link cut + lost; further arrivals of a message count as duplicated. Link cut: in "
                "flight when the charge point's own link or restart took the connection, and never arrived.",
                left=2,
            )
        )
    if ledger is not None and ledger.commands is not None and record.commands is not None:
        found += commands(ledger.commands, record.commands)
    if ledger is not None and ledger.transactions is not None:
        found += transactions(ledger.transactions, record.run)
    if record.counted_by:
        found.append(_vanished(record))
        found.append(
            Table(
                "The same messages, counted hop by hop",
                ("Way", "Counted by", "Messages"),
                tuple(
                    (_WAYS.get(hop.way, hop.way), hop.counted_by, count_text(hop.count)) for hop in record.counted_by
                ),
                "The lines of one way agree, but for what stands between them, and what the ledgers name as repeated.",
                left=2,
            )
        )
    found += _validity(record)
    if ledger is not None and ledger.lost_messages:
        shown = ledger.lost_messages[:MOST_LOSERS]
        more = ledger.lost_charge_points - len(shown)
        found.append(
            Table(
                "Lost messages by charge point",
                ("Charge point", "First sequence numbers", "Lost"),
                tuple(
                    (
                        record.run.charge_point(row.charge_point),
                        _sequences(row.sequences, row.count),
                        count_text(row.count),
                    )
                    for row in shown
                ),
                f"The worst first; {count_text(more)} more in ledger.json." if more else "The worst first.",
                left=2,
            )
        )
    if record.unbalanced:
        rows = [(sentence,) for sentence in record.unbalanced[:MOST_EQUATIONS]]
        found.append(Table("Equations that do not hold", ("Equation",), tuple(rows)))
    return tuple(found)


def place(hop: HopCount) -> str:
    """Where messages went missing, as a phrase."""
    return hop.counted_by.removesuffix(": explained by no counter")


def _vanished(record: RunRecord) -> Table:
    """The place where messages went missing, which is what a reader of a loss wants to know first."""
    rows = tuple((_way(hop), place(hop), count_text(hop.count)) for hop in vanished(record.counted_by))
    note = "Found by comparing what each hop has counted; what was repeated on the way hides as many that vanished."
    if not rows:
        lost, note = record.deliveries.lost, ""
        where = "nowhere: every hop has counted what the one before it has"
        rows = (("CALLs up", "not known: nobody on the way has counted" if lost else where, count_text(lost)),)
    return Table("Where messages vanished", ("Way", "Where", "Messages"), rows, note, left=2)


def _way(hop: HopCount) -> str:
    return _WAYS.get(hop.way, hop.way)


def _validity(record: RunRecord) -> Iterator[Table]:
    """The share of messages that was held against the official schemas."""
    sampled = Validity.of(record.counters)
    rows = (
        ("charge points: CALLs and answers", count_text(sampled.checked), count_text(sampled.invalid)),
        ("central system: answers", count_text(sampled.answers_checked), count_text(sampled.answers_invalid)),
    )
    more = f" {count_text(sampled.unchecked)} more came too fast to be checked." if sampled.unchecked else ""
    if sampled.checked + sampled.answers_checked:
        note = f"1 of {SHARE} messages, held against the official schemas.{more}"
        yield Table("Validity of messages", ("Sent by", "Checked", "Invalid"), rows, note)


def _sequences(numbers: list[int], count: int) -> str:
    return ", ".join(map(str, numbers[:10])) + (", …" if count > 10 else "")
