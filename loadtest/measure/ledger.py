"""Two ledgers that must balance: the fate of every operation, and the arrival of every message.

Operations, at the charge point: ``offered = dropped + sent`` and
``sent = answered + call_error + timed_out + cut_off + unfinished``. Legs, at the subscriber:
``sent = delivered + lost``, where ``lost`` is found twice, from totals and by name from the sequence windows, and
must agree. A ledger that does not balance makes every other figure of the run doubtful.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from loadtest.errors import ResultError
from loadtest.measure import sequence
from loadtest.measure.interval import DeliveryRow, OperationRow
from loadtest.measure.run_record import LEDGER_JSON, decode
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE, UPLINK, Tag
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from loadtest.measure.interval import ChargePointWindow, SentCounts

LEDGER_FORMAT = "loadtest-ledger"
LEDGER_VERSION = 1
NAMED_CHARGE_POINTS = 1_000
NAMED_SEQUENCES = 100


class LegRow(msgspec.Struct, kw_only=True):
    """Messages of one action intended in one phase, from charge point to subscriber."""

    phase: str
    action: str
    sent: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0


class LostMessages(msgspec.Struct):
    """What one charge point sent and no subscriber saw: how many, and the first of their sequence numbers."""

    charge_point: int
    count: int
    sequences: list[int]


class Ledger(msgspec.Struct, kw_only=True):
    """The settled ledgers of a run: the content of ``ledger.json``.

    Attributes:
        operations: By phase and action, all engines together.
        legs: By phase and action, all subscribers together; empty when nothing listened.
        observed: Whether a subscriber took part; without one nothing can be said about loss.
        lost: Messages that were sent and never arrived.
        lost_charge_points: Charge points with at least one of them.
        lost_messages: The worst of those charge points, at most :data:`NAMED_CHARGE_POINTS`.
        duplicated: Further arrivals of messages that had arrived.
        reordered: Messages that arrived after a later one of the same charge point.
        seen_by_several: Arrivals that two subscribers booked as first; each is a duplicate beyond ``legs``.
        unbalanced: One sentence for each equation that does not hold.
    """

    format: str = LEDGER_FORMAT
    version: int = LEDGER_VERSION
    operations: list[OperationRow] = []
    legs: list[LegRow] = []
    observed: bool = False
    lost: int = 0
    lost_charge_points: int = 0
    lost_messages: list[LostMessages] = []
    duplicated: int = 0
    reordered: int = 0
    seen_by_several: int = 0
    unbalanced: list[str] = []

    @property
    def total(self) -> OperationRow:
        """All operations of the run in one row."""
        return _sum(OperationRow("all", "all"), self.operations)

    @property
    def delivered(self) -> int:
        """Different messages that arrived."""
        return sum(row.delivered for row in self.legs) - self.seen_by_several


_Row = TypeVar("_Row", OperationRow, DeliveryRow)


def merge_rows(sources: Iterable[Iterable[_Row]]) -> list[_Row]:
    """Add up the rows of several processes by phase and action, in the order of the phases."""
    merged: dict[tuple[str, str], _Row] = {}
    for rows in sources:
        for row in rows:
            key = row.phase, row.action
            if key not in merged:
                merged[key] = type(row)(row.phase, row.action)
            _sum(merged[key], (row,))
    return [merged[key] for key in sorted(merged, key=lambda key: (phases.order(key[0]), key[1]))]


def _sum(total: _Row, rows: Iterable[_Row]) -> _Row:
    for row in rows:
        for name in row.__struct_fields__[2:]:
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total


def settle(
    operations: Sequence[OperationRow],
    deliveries: Sequence[DeliveryRow],
    sent: Iterable[SentCounts],
    windows: Sequence[Iterable[ChargePointWindow]],
    histogram_counts: Mapping[Tag, int],
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
        observed: Whether a subscriber took part.
        named: Every engine and subscriber has sent its final report; without them losses are known by totals only.
    """
    ledger = Ledger(operations=list(operations), observed=observed)
    ledger.unbalanced += _unbalanced_operations(operations)
    ledger.unbalanced += _unmatched_histograms(operations, deliveries, histogram_counts)
    if observed:
        _settle_legs(ledger, deliveries)
        if named:
            _name_lost(ledger, sent, windows)
        else:
            ledger.lost = max(0, ledger.total.sent - ledger.delivered)
    return ledger


def _unbalanced_operations(rows: Iterable[OperationRow]) -> list[str]:
    wrong = []
    for row in rows:
        name = f"{row.phase} {row.action}"
        if row.offered != row.dropped + row.sent:
            wrong.append(f"{name}: offered {row.offered} is not dropped {row.dropped} + sent {row.sent}")
        fates = row.answered + row.call_error + row.timed_out + row.cut_off + row.unfinished
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
    legs = {
        (row.phase, row.action): LegRow(phase=row.phase, action=row.action, sent=row.sent) for row in ledger.operations
    }
    for row in deliveries:
        leg = legs.setdefault((row.phase, row.action), LegRow(phase=row.phase, action=row.action))
        leg.delivered, leg.duplicated, leg.reordered = row.delivered, row.duplicated, row.reordered
    for leg in legs.values():
        leg.lost = leg.sent - leg.delivered
        ledger.duplicated += leg.duplicated
        ledger.reordered += leg.reordered
    ledger.legs = sorted(legs.values(), key=lambda leg: (phases.order(leg.phase), leg.action))


def _name_lost(ledger: Ledger, sent: Iterable[SentCounts], windows: Sequence[Iterable[ChargePointWindow]]) -> None:
    sent_by = _sent_by_charge_point(sent)
    merged = sequence.merge(windows)
    ledger.seen_by_several = merged.duplicated
    ledger.duplicated += merged.duplicated
    losers: list[tuple[int, int]] = []
    for charge_point, count in sent_by.items():
        missing = sequence.count_missing(merged.windows.get(charge_point), count)
        if missing:
            losers.append((missing, charge_point))
    lost_by_name = sum(missing for missing, _ in losers)
    ledger.lost_charge_points = len(losers)
    worst = sorted(losers, key=lambda pair: (-pair[0], pair[1]))[:NAMED_CHARGE_POINTS]
    ledger.lost_messages = [
        LostMessages(
            charge_point,
            missing,
            sequence.missing(merged.windows.get(charge_point), sent_by[charge_point], NAMED_SEQUENCES),
        )
        for missing, charge_point in worst
    ]
    unexpected = sum(
        sequence.count_unexpected(window, sent_by.get(charge_point, 0))
        for charge_point, window in merged.windows.items()
    )
    all_sent = sum(row.sent for row in ledger.operations)
    lost_by_totals = all_sent - ledger.delivered
    ledger.lost = max(lost_by_name, lost_by_totals)
    for leg in ledger.legs:
        if leg.lost + merged.duplicated < 0:
            ledger.unbalanced.append(
                f"{leg.phase} {leg.action}: {leg.delivered} different messages arrived of {leg.sent} sent"
            )
    if sum(sent_by.values()) != all_sent:
        ledger.unbalanced.append(
            f"charge points counted {sum(sent_by.values())} messages sent, their operations {all_sent}"
        )
    if lost_by_name != lost_by_totals:
        ledger.unbalanced.append(f"{lost_by_totals} messages lost by totals, {lost_by_name} by sequence numbers")
    if unexpected:
        ledger.unbalanced.append(f"{unexpected} messages arrived that no engine has on its books as sent")


def _sent_by_charge_point(sent: Iterable[SentCounts]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for cohort in sent:
        for number, count in enumerate(np.frombuffer(cohort.counts, dtype="<u4").tolist(), cohort.first):
            # A cohort taken off and added again goes on counting, so the larger figure holds the smaller.
            totals[number] = max(totals.get(number, 0), count)
    return totals


def load(run_dir: Path) -> Ledger:
    """Read the ledger of a run from its folder.

    Raises:
        ResultError: There is none, or it is damaged, or of a version this one cannot read.
    """
    path = run_dir / LEDGER_JSON
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}") from error
    return decode(content, Ledger, path, LEDGER_FORMAT, LEDGER_VERSION)
