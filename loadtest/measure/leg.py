"""One leg of a message's way: what left one end, what arrived at the other, and what was lost in between by name.

``sent = delivered + link_cut + lost``: what vanished with a charge point's own link stands apart from what the system
under test lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from loadtest.measure import sequence
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.measure.interval import ChargePointWindow, DeliveryRow, SentCounts
    from loadtest.measure.link_cuts import InFlight

NAMED_CHARGE_POINTS = 1_000
NAMED_SEQUENCES = 100


class LegRow(msgspec.Struct, kw_only=True):
    """Messages of one action intended in one phase, from one end of a leg to the other."""

    phase: str
    action: str
    sent: int = 0
    delivered: int = 0
    link_cut: int = 0
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
        link_cut: Those that were in flight when a link was cut, and never arrived.
        lost: All others that never arrived.
        charge_points: Charge points with at least one of them.
        worst: Those of them with most, at most :data:`NAMED_CHARGE_POINTS`.
        most_cut: The charge points with most messages lost with their links, likewise.
        seen_by_several: Arrivals that two receivers booked as first.
        unexpected: Arrivals that no sender has on its books.
    """

    sent: int
    link_cut: list[InFlight]
    lost: int
    charge_points: int
    worst: list[LostMessages]
    most_cut: list[LostMessages]
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


def excuse(legs: Iterable[LegRow], link_cut: Mapping[tuple[str, str], int]) -> None:
    """Take what vanished with links, by phase and action, out of what was lost."""
    for leg in legs:
        leg.link_cut = link_cut.get((leg.phase, leg.action), 0)
        leg.lost -= leg.link_cut


def name_losses(
    sent: Iterable[SentCounts], windows: Sequence[Iterable[ChargePointWindow]], in_flight: Iterable[InFlight] = ()
) -> NamedLosses:
    """Hold what each charge point's messages were numbered against the numbers that arrived.

    Args:
        sent: How many there were.
        windows: What each receiver saw.
        in_flight: Those that are not lost by the system under test when they did not arrive.
    """
    sent_by = _sent_by_charge_point(sent)
    merged = sequence.merge(windows)
    link_cut = [
        message
        for message in dict.fromkeys(in_flight)
        if not sequence.has_arrived(merged.windows.get(message.charge_point), message.sequence)
    ]
    accounted_for = _with_those(merged.windows, link_cut)
    losers: list[tuple[int, int]] = []
    for charge_point, count in sent_by.items():
        missing = sequence.count_missing(accounted_for.get(charge_point), count)
        if missing:
            losers.append((missing, charge_point))
    worst = sorted(losers, key=lambda pair: (-pair[0], pair[1]))[:NAMED_CHARGE_POINTS]
    return NamedLosses(
        sent=sum(sent_by.values()),
        link_cut=link_cut,
        lost=sum(missing for missing, _ in losers),
        charge_points=len(losers),
        worst=[
            LostMessages(
                charge_point,
                missing,
                sequence.missing(accounted_for.get(charge_point), sent_by[charge_point], NAMED_SEQUENCES),
            )
            for missing, charge_point in worst
        ],
        most_cut=_most_cut(link_cut),
        seen_by_several=merged.duplicated,
        unexpected=sum(
            sequence.count_unexpected(window, sent_by.get(charge_point, 0))
            for charge_point, window in merged.windows.items()
        ),
    )


def _with_those(windows: dict[int, ChargePointWindow], messages: list[InFlight]) -> dict[int, ChargePointWindow]:
    """Windows as if these messages had arrived as well."""
    cut = [sequence.window_of(charge_point, numbers) for charge_point, numbers in _by_charge_point(messages).items()]
    return sequence.merge([windows.values(), cut]).windows


def _most_cut(messages: list[InFlight]) -> list[LostMessages]:
    found = sorted(_by_charge_point(messages).items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        LostMessages(charge_point, len(numbers), sorted(numbers)[:NAMED_SEQUENCES])
        for charge_point, numbers in found[:NAMED_CHARGE_POINTS]
    ]


def _by_charge_point(messages: list[InFlight]) -> dict[int, list[int]]:
    numbers: dict[int, list[int]] = {}
    for message in messages:
        numbers.setdefault(message.charge_point, []).append(message.sequence)
    return numbers


def _sent_by_charge_point(sent: Iterable[SentCounts]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for cohort in sent:
        for number, count in enumerate(np.frombuffer(cohort.counts, dtype="<u4").tolist(), cohort.first):
            # A cohort taken off and added again goes on counting, so the larger figure holds the smaller.
            totals[number] = max(totals.get(number, 0), count)
    return totals
