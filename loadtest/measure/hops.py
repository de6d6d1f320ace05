"""The same messages counted by everybody on their way: where a figure drops is where messages went missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_record import HopCount
from loadtest.measure.tags import DOWNLINK, INTENDED, REPLY, ROUND_TRIP, UPLINK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.measure.command_ledger import CommandLedger
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.tags import Tag

UP, BACK = "up", "back"
"""CALLs of charge points, and the answers to them."""
DOWN, REPLIES = "down", "reply"
"""Commands of the central system, and the answers to them."""

GATEWAY_UP = (
    ("gateway: CALLs taken from charge points", ("gateway.upstream_calls",)),
    ("gateway: messages published, answers included", ("gateway.published",)),
)
BEFORE_CHARGE_POINT = (
    ("central system: answers published", ("csms.answered",)),
    ("gateway: answers passed to charge points", ("gateway.downstream_results", "gateway.downstream_errors")),
)
GATEWAY_DOWN = (("gateway: commands passed to charge points", ("gateway.downstream_calls",)),)
GATEWAY_REPLIES = (
    ("gateway: answers taken from charge points", ("gateway.upstream_results", "gateway.upstream_errors")),
)


def counted_by(ledger: Ledger, counters: Mapping[str, int], totals: Mapping[Tag, Histogram]) -> list[HopCount]:
    """The counts in the order of the way, up to the subscriber and back; whoever did not count is left out."""
    total = ledger.total
    hops = [HopCount(UP, "charge points: CALLs sent", total.sent)]
    hops += _known(UP, GATEWAY_UP, counters)
    if ledger.observed:
        arrivals = ledger.delivered + ledger.duplicated
        hops.append(HopCount(UP, "subscriber: arrivals, repeated ones included", arrivals))
        hops.append(HopCount(UP, "subscriber: different messages", ledger.delivered))
        hops.append(HopCount(UP, "uplink histograms: samples", _samples(totals, UPLINK)))
    hops += _known(BACK, BEFORE_CHARGE_POINT, counters)
    hops.append(HopCount(BACK, "charge points: answers taken", total.answered + total.call_error))
    timed = total.answered + total.call_error + total.timed_out
    hops.append(HopCount(BACK, "charge points: answered or timed out", timed))
    hops.append(HopCount(BACK, "round-trip histograms: samples", _samples(totals, ROUND_TRIP)))
    if ledger.commands is not None:
        hops += _commands(ledger.commands, counters, totals)
    return hops


def _commands(ledger: CommandLedger, counters: Mapping[str, int], totals: Mapping[Tag, Histogram]) -> list[HopCount]:
    hops = [HopCount(DOWN, "central system: commands sent", sum(row.sent for row in ledger.operations))]
    hops += _known(DOWN, GATEWAY_DOWN, counters)
    arrived = sum(row.delivered for row in ledger.downlink)
    repeated = sum(row.duplicated for row in ledger.downlink)
    hops.append(HopCount(DOWN, "charge points: arrivals, repeated ones included", arrived + repeated))
    hops.append(HopCount(DOWN, "charge points: different commands", arrived))
    hops.append(HopCount(DOWN, "downlink histograms: samples", _samples(totals, DOWNLINK)))
    hops.append(HopCount(REPLIES, "charge points: commands answered", sum(row.sent for row in ledger.replies)))
    hops += _known(REPLIES, GATEWAY_REPLIES, counters)
    arrived = sum(row.delivered for row in ledger.replies)
    repeated = sum(row.duplicated for row in ledger.replies)
    hops.append(HopCount(REPLIES, "subscriber: arrivals, repeated ones included", arrived + repeated))
    hops.append(HopCount(REPLIES, "subscriber: different answers", arrived))
    hops.append(HopCount(REPLIES, "reply histograms: samples", _samples(totals, REPLY)))
    return hops


def _known(way: str, hops: tuple[tuple[str, tuple[str, ...]], ...], counters: Mapping[str, int]) -> list[HopCount]:
    return [
        HopCount(way, text, sum(counters.get(name, 0) for name in names))
        for text, names in hops
        if any(name in counters for name in names)
    ]


def _samples(totals: Mapping[Tag, Histogram], leg: str) -> int:
    return sum(histogram.total for tag, histogram in totals.items() if (tag.leg, tag.kind) == (leg, INTENDED))
