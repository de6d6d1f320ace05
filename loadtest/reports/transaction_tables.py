"""The ledger of transactions, with the flawed ones by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.reports.figures import count_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.transaction_ledger import TransactionLedger

MOST_FLAWS = 50


def transactions(ledger: TransactionLedger, run: RunDescription) -> list[Table]:
    """How transactions fared, why messages of them were lost, and which."""
    counts = ("started", "stopped", "complete", "flawed", "lost", "duplicated", "reordered", "late", "pending")
    found = [
        Table(
            "Transactions",
            tuple(count.capitalize() for count in counts),
            (tuple(count_text(getattr(ledger, count)) for count in counts),),
            "Complete: stopped, and every message arrived exactly once and in order. The first four count "
            "transactions, the others messages; late are those of which only a repeated sending arrived, "
            "pending those still to be sent when the run ended. Energy "
            f"registers ran backwards in {count_text(ledger.energy_backwards or 0)} of "
            f"{count_text(ledger.energy_checked or 0)} messages looked into.",
            left=0,
        )
    ]
    if ledger.rows:
        rows = tuple((row.phase, row.message, row.what, row.cause, count_text(row.count)) for row in ledger.rows)
        columns = ("Phase", "Message", "What", "Cause", "Count")
        note = "A sending that was lost or cut off may have been followed by another that arrived."
        found.append(Table("Messages of transactions, by cause", columns, rows, note, left=4))
    if ledger.flaws:
        shown = ledger.flaws[:MOST_FLAWS]
        found.append(
            Table(
                "Messages of transactions with a flaw",
                ("Charge point", "Transaction", "Message", "Phase", "What", "Cause"),
                tuple(
                    (
                        run.charge_point(flaw.charge_point),
                        f"its {flaw.transaction}.",
                        f"{flaw.place}: {flaw.message}",
                        flaw.phase,
                        flaw.what,
                        flaw.cause,
                    )
                    for flaw in shown
                ),
                "More in ledger.json." if len(ledger.flaws) > len(shown) else "",
                left=6,
            )
        )
    return found
