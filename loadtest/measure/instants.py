"""What processes tell message by message, or charge point by charge point, with instants: joined as it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.link_cuts import LinkCutBooks
from loadtest.measure.reply_join import ReplyJoin
from loadtest.measure.storm_watch import StormWatch
from loadtest.measure.transaction_join import TransactionJoin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.seconds import Second


class Instants:
    """The joins of one run.

    Args:
        phases: The run's phases.

    Attributes:
        replies: Answers to commands.
        storms: Charge points lost and registered.
        transactions: The messages of transactions.
        link_cuts: What charge points' own links took.
    """

    def __init__(self, phases: Sequence[str]) -> None:
        self.replies = ReplyJoin(phases)
        self.storms = StormWatch()
        self.transactions = TransactionJoin()
        self.link_cuts = LinkCutBooks(phases)

    def take(self, source: str, role: str, report: IntervalReport, second: Second) -> list[str]:
        """Take a report; samples that come of it go into its second. Returns what cannot be read, a sentence each."""
        damage = []
        try:
            self.storms.take(source, report)
            self.transactions.take(source, report)
            self.link_cuts.take(report)
        except ValueError as error:
            damage.append(str(error))
        if report.reply_instants:
            add = self.replies.add_written if role == "engine" else self.replies.add_arrived
            try:
                second.add_replies(add(report.reply_instants))
            except ValueError as error:
                damage.append(str(error))
        return damage
