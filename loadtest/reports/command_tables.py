"""The books of the central system's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.reports.figures import count_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from loadtest.measure.command_ledger import CommandLedger
    from loadtest.measure.run_totals import CommandTotals


def commands(ledger: CommandLedger, totals: CommandTotals) -> list[Table]:
    """What the central system asked for, what it was told, and the two legs."""
    fates = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "link_cut", "expired", "unfinished")
    rows = [
        (
            row.action,
            ", ".join(f"{answer} {count_text(count)}" for answer, count in row.answers.items()),
            *(count_text(getattr(row.operations, fate)) for fate in fates),
        )
        for row in totals.by_action
    ]
    rows.append(("all", "", *(count_text(getattr(totals.operations, fate)) for fate in fates)))
    parts = ("sent", "delivered", "link_cut", "lost", "duplicated", "reordered")
    legs = [
        (leg, row.phase, row.action, *(count_text(getattr(row, part)) for part in parts))
        for leg, rows_of_leg in (("downlink", ledger.downlink), ("reply", ledger.replies))
        for row in rows_of_leg
    ]
    return [
        Table(
            "Commands, at the central system",
            ("Action", "Answers", *(fate.replace("_", " ").capitalize() for fate in fates)),
            tuple(rows),
            "offered = dropped + sent; sent = answered + call error + timed out + link cut + expired + unfinished. "
            "Link cut: not answered, by charge points that their own links or restarts kept away meanwhile. "
            "Expired: never delivered, to such that were away when the command's expiry was over. "
            "Every answer was held against the official schema.",
            left=2,
        ),
        Table(
            "Commands and their answers, on their way",
            ("Leg", "Phase", "Action", *(part.replace("_", " ").capitalize() for part in parts)),
            tuple(legs),
            "sent = delivered + link cut + lost; expired commands count as link cut. An answer is sent once for each "
            "command answered.",
            left=3,
        ),
    ]
