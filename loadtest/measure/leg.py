"""One leg of a message's way: what left one end, what arrived at the other, and what was lost in between by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from loadtest.measure import sequence
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.measure.interval import ChargePointWindow, DeliveryRow, SentCounts

NAMED_CHARGE_POINTS = 1_000
NAMED_SEQUENCES = 100


class LegRow(msgspec.Struct, kw_only=True):
    """Messages of one action intended in one phase, from one end of a leg to the other."""

    phase: str
    action: str
    sent: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0


class LostMessages(msgspec.Struct):
    """Messages of one charge point that never arrived: how many, and the first of their sequence numbers."""

    charge_point: int
    count: int
    sequences: list[int]


class NamedLosses(NamedTuple):
    """What sequence numbers tell about a leg.

    Attributes:
        sent: Messages sent, as counted by charge point.
        lost: Messages that never arrived.
        charge_points: Charge points with at least one of them.
        worst: Those of them with most, at most :data:`NAMED_CHARGE_POINTS`.
        seen_by_several: Arrivals that two receivers booked as first.
        unexpected: Arrivals that no sender has on its books.
    """

    sent: int
    lost: int
    charge_points: int
    worst: list[LostMessages]
    seen_by_several: int
    unexpected: int


def leg_rows(sent: Mapping[tuple[str, str], int], deliveries: Iterable[DeliveryRow]) -> list[LegRow]:
    """The ledger of a leg by phase and action, in the order of the phases."""
    legs = {key: LegRow(phase=key[0], action=key[1], sent=count) for key, count in sent.items()}
    for row in deliveries:
        leg = legs.setdefault((row.phase, row.action), LegRow(phase=row.phase, action=row.action))
        leg.delivered, leg.duplicated, leg.reordered = row.delivered, row.duplicated, row.reordered
    for leg in legs.values():
        leg.lost = leg.sent - leg.delivered
    return sorted(legs.values(), key=lambda leg: (phases.order(leg.phase), leg.action))


def name_losses(sent: Iterable[SentCounts], windows: Sequence[Iterable[ChargePointWindow]]) -> NamedLosses:
    """Hold what each charge point's messages were numbered against the numbers that arrived."""
    sent_by = _sent_by_charge_point(sent)
    merged = sequence.merge(windows)
    losers: list[tuple[int, int]] = []
    for charge_point, count in sent_by.items():
        missing = sequence.count_missing(merged.windows.get(charge_point), count)
        if missing:
            losers.append((missing, charge_point))
    worst = sorted(losers, key=lambda pair: (-pair[0], pair[1]))[:NAMED_CHARGE_POINTS]
    return NamedLosses(
        sent=sum(sent_by.values()),
        lost=sum(missing for missing, _ in losers),
        charge_points=len(losers),
        worst=[
            LostMessages(
                charge_point,
                missing,
                sequence.missing(merged.windows.get(charge_point), sent_by[charge_point], NAMED_SEQUENCES),
            )
            for missing, charge_point in worst
        ],
        seen_by_several=merged.duplicated,
        unexpected=sum(
            sequence.count_unexpected(window, sent_by.get(charge_point, 0))
            for charge_point, window in merged.windows.items()
        ),
    )


def _sent_by_charge_point(sent: Iterable[SentCounts]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for cohort in sent:
        for number, count in enumerate(np.frombuffer(cohort.counts, dtype="<u4").tolist(), cohort.first):
            # A cohort taken off and added again goes on counting, so the larger figure holds the smaller.
            totals[number] = max(totals.get(number, 0), count)
    return totals
