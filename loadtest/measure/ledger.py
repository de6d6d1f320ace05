"""Two ledgers that must balance: the fate of every operation, and the arrival of every message.

Operations, at the charge point: ``offered = dropped + sent`` and
``sent = answered + call_error + timed_out + cut_off + link_cut + unfinished``. Legs, at the subscriber:
``sent = delivered + link_cut + lost``, where ``lost`` is found twice, from totals and by name from the sequence
windows, and must agree. What the charge points' own links took is ``link_cut`` in both. A ledger that does not balance
makes every other figure of the run doubtful.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.command_ledger import CommandLedger
from loadtest.measure.interval import DeliveryRow, OperationRow
from loadtest.measure.leg import LegRow, LostMessages, excuse, leg_rows, name_losses
from loadtest.measure.link_cuts import by_row
from loadtest.measure.result_documents import read
from loadtest.measure.rows import total_of
from loadtest.measure.run_record import LEDGER_JSON
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE, UPLINK, Tag
from loadtest.measure.transaction_ledger import TransactionLedger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from loadtest.measure.interval import ChargePointWindow, SentCounts
    from loadtest.measure.link_cuts import InFlight
    from loadtest.measure.run_totals import OperationTotals

LEDGER_FORMAT = "loadtest-ledger"
LEDGER_VERSION = 1


class Ledger(msgspec.Struct, kw_only=True):
    """The settled ledgers of a run: the content of ``ledger.json``.

    Attributes:
        operations: By phase and action, all engines together.
        legs: By phase and action, all subscribers together; empty when nothing listened.
        observed: Whether a subscriber took part; without one nothing can be said about loss.
        link_cut: Messages that never arrived and were in flight when their charge point's own link took the connection.
        lost: All other messages that were sent and never arrived.
        lost_charge_points: Charge points with at least one of them.
        lost_messages: The worst of those charge points, at most :data:`NAMED_CHARGE_POINTS`.
        link_cut_messages: What was lost with links, by the charge points with most of it, likewise.
        duplicated: Further arrivals of messages that had arrived.
        reordered: Messages that arrived after a later one of the same charge point.
        seen_by_several: Arrivals that two subscribers booked as first; each is a duplicate beyond ``legs``.
        commands: The books of the central system's commands; ``None`` when it sent none.
        transactions: What became of transactions; ``None`` when there were none.
        classes: The ledgers of the fleet's classes, where it has several; what is named, is named above alone.
        unbalanced: One sentence for each equation that does not hold.
    """

    format: str = LEDGER_FORMAT
    version: int = LEDGER_VERSION
    operations: list[OperationRow] = []
    legs: list[LegRow] = []
    observed: bool = False
    link_cut: int = 0
    lost: int = 0
    lost_charge_points: int = 0
    lost_messages: list[LostMessages] = []
    link_cut_messages: list[LostMessages] = []
    duplicated: int = 0
    reordered: int = 0
    seen_by_several: int = 0
    commands: CommandLedger | None = None
    transactions: TransactionLedger | None = None
    classes: dict[str, Ledger] = {}
    unbalanced: list[str] = []

    @property
    def total(self) -> OperationTotals:
        """All operations of the run in one row."""
        return total_of(self.operations)

    @property
    def delivered(self) -> int:
        """Different messages that arrived."""
        return sum(row.delivered for row in self.legs) - self.seen_by_several


def settle(
    operations: Sequence[OperationRow],
    deliveries: Sequence[DeliveryRow],
    sent: Iterable[SentCounts],
    windows: Sequence[Iterable[ChargePointWindow]],
    histogram_counts: Mapping[Tag, int],
    in_flight: Iterable[InFlight] = (),
    *,
    observed: bool,
    named: bool = True,
) -> Ledger:
    """Close the books of a run.

    Args:
        operations: All engines' rows, merged.
        deliveries: All subscribers' rows, merged.
        sent: What each charge point sent; from final reports only.
        windows: What each subscriber saw; from final reports only.
        histogram_counts: Samples by series, which must tell the same as the rows.
        in_flight: What was under way when links were cut.
        observed: Whether a subscriber took part.
        named: Every engine and subscriber has sent its final report; without them losses are known by totals only.
    """
    ledger = Ledger(operations=list(operations), observed=observed)
    ledger.unbalanced += unbalanced_operations(operations)
    ledger.unbalanced += _unmatched_histograms(operations, deliveries, histogram_counts)
    if observed:
        _settle_legs(ledger, deliveries)
        if named:
            _name_lost(ledger, sent, windows, in_flight)
        else:
            ledger.lost = max(0, ledger.total.sent - ledger.delivered)
    return ledger


def unbalanced_operations(rows: Iterable[OperationRow]) -> list[str]:
    """One sentence for each equation of the fates that does not hold."""
    wrong = []
    for row in rows:
        name = f"{row.phase} {row.action}"
        if row.offered != row.dropped + row.sent:
            wrong.append(f"{name}: offered {row.offered} is not dropped {row.dropped} + sent {row.sent}")
        fates = row.answered + row.call_error + row.timed_out + row.cut_off + row.link_cut + row.expired
        fates += row.unfinished
        if row.sent != fates:
            wrong.append(f"{name}: sent {row.sent}, but the fates of what was sent add up to {fates}")
    return wrong


def _unmatched_histograms(
    operations: Iterable[OperationRow], deliveries: Iterable[DeliveryRow], counts: Mapping[Tag, int]
) -> list[str]:
    expected = {
        (row.phase, ROUND_TRIP, row.action): row.answered + row.call_error + row.timed_out for row in operations
    }
    expected |= {(row.phase, UPLINK, row.action): row.delivered for row in deliveries}
    legs = {tag[:3] for tag in counts if tag.leg in (ROUND_TRIP, UPLINK)}
    wrong = []
    for key in sorted(legs | expected.keys()):
        for kind in (INTENDED, SERVICE):
            tag = Tag(*key, kind)
            if counts.get(tag, 0) != expected.get(key, 0):
                wrong.append(f"{tag}: {counts.get(tag, 0)} samples for {expected.get(key, 0)} counted")
    return wrong


def _settle_legs(ledger: Ledger, deliveries: Iterable[DeliveryRow]) -> None:
    ledger.legs = leg_rows({(row.phase, row.action): row.sent for row in ledger.operations}, deliveries)
    ledger.duplicated += sum(leg.duplicated for leg in ledger.legs)
    ledger.reordered += sum(leg.reordered for leg in ledger.legs)


def _name_lost(
    ledger: Ledger,
    sent: Iterable[SentCounts],
    windows: Sequence[Iterable[ChargePointWindow]],
    in_flight: Iterable[InFlight],
) -> None:
    named = name_losses(sent, windows, in_flight)
    excuse(ledger.legs, by_row(named.link_cut))
    ledger.link_cut = len(named.link_cut)
    ledger.seen_by_several = named.seen_by_several
    ledger.duplicated += named.seen_by_several
    ledger.lost_charge_points = named.charge_points
    ledger.lost_messages = named.worst
    ledger.link_cut_messages = named.most_cut
    all_sent = sum(row.sent for row in ledger.operations)
    lost_by_totals = all_sent - ledger.delivered - ledger.link_cut
    ledger.lost = max(named.lost, lost_by_totals)
    for leg in ledger.legs:
        if leg.lost + named.seen_by_several < 0:
            ledger.unbalanced.append(
                f"{leg.phase} {leg.action}: {leg.delivered} different messages arrived of {leg.sent} sent, "
                f"of which {leg.link_cut} were lost with links"
            )
    if named.sent != all_sent:
        ledger.unbalanced.append(f"charge points counted {named.sent} messages sent, their operations {all_sent}")
    if named.lost != lost_by_totals:
        ledger.unbalanced.append(f"{lost_by_totals} messages lost by totals, {named.lost} by sequence numbers")
    if named.unexpected:
        ledger.unbalanced.append(f"{named.unexpected} messages arrived that no engine has on its books as sent")


def load(run_dir: Path) -> Ledger:
    """Read the ledger of a run from its folder.

    Raises:
        ResultError: There is none, or it is damaged, or of a version this one cannot read.
    """
    return read(run_dir / LEDGER_JSON, Ledger, LEDGER_FORMAT, LEDGER_VERSION)
