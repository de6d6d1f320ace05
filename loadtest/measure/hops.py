"""The same messages counted by everybody on their way: where a figure drops is where messages went missing.

What the gateway dropped stands between the two by reason, and so does what no counter explains, so that the lines of
one way add up to each other. Of two paths at once, one of them around the gateway, the gateway has seen only a part:
its lines are left out then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_totals import HopCount
from loadtest.measure.tags import DOWNLINK, INTENDED, REPLY, ROUND_TRIP, UPLINK
from loadtest.measure.transaction_ledger import ON_THE_WAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loadtest.measure.command_ledger import CommandLedger
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.leg import LegRow
    from loadtest.measure.tags import Tag

UP, BACK = "up", "back"
"""CALLs of charge points, and the answers to them."""
DOWN, REPLIES = "down", "reply"
"""Commands of the central system, and the answers to them."""

_BETWEEN, _DROPPED = ": explained by no counter", " dropped: "
_WITHOUT_BROKER = "gateway: given up without a broker"
_AROUND = "engine.mqtt_connects"
_OF_GATEWAY = "gateway."
_TAKEN = "gateway.upstream_calls"
_GIVEN_UP = "gateway.dropped_without_broker"
_ANSWERED = "csms.answered"
_COMMANDS_PASSED_ON = "gateway.downstream_calls"
_COMMANDS_REPEATED = "gateway.strict_repeated"
_COMMAND_DROPS = frozenset({"call_offline", "queue_full", "schema"})
"""Reasons for which the gateway drops envelopes that are commands; all others are taken to be answers."""
_REPLIES_TAKEN = ("gateway.upstream_results", "gateway.upstream_errors")
_PASSED_ON = ("gateway.downstream_results", "gateway.downstream_errors")


def counted_by(ledger: Ledger, counters: Mapping[str, int], totals: Mapping[Tag, Histogram]) -> list[HopCount]:
    """The counts in the order of the way, up to the subscriber and back; whoever did not count is left out."""
    counters = _of_all(counters)
    total = ledger.total
    hops = [HopCount(UP, "charge points: CALLs sent", total.sent)]
    arrivals = ledger.delivered + ledger.duplicated
    if _TAKEN in counters:
        taken = counters[_TAKEN]
        dropped = _dropped(UP, "gateway: frames", "gateway.upstream_dropped_", counters)
        hops += dropped
        hops += _missing(UP, "charge points and gateway", total.sent - _sum(dropped) - taken, ledger.link_cut)
        hops.append(HopCount(UP, "gateway: CALLs taken from charge points", taken))
        hops.append(HopCount(UP, "gateway: messages published, answers included", counters.get("gateway.published", 0)))
        if ledger.observed:
            given_up = counters.get(_GIVEN_UP, 0)
            if given_up:
                hops.append(HopCount(UP, _WITHOUT_BROKER, given_up))
            hops += _unexplained(UP, "gateway and subscriber", taken - given_up - arrivals)
    elif ledger.observed:
        hops += _missing(UP, "charge points and subscriber", total.sent - ledger.delivered, ledger.link_cut)
    if ledger.observed:
        hops.append(HopCount(UP, "subscriber: arrivals, repeated ones included", arrivals))
        hops.append(HopCount(UP, "subscriber: different messages", ledger.delivered))
        hops.append(HopCount(UP, "uplink histograms: samples", _samples(totals, UPLINK)))
    hops += _back(counters, total.answered + total.call_error)
    timed = total.answered + total.call_error + total.timed_out
    hops.append(HopCount(BACK, "charge points: answered or timed out", timed))
    hops.append(HopCount(BACK, "round-trip histograms: samples", _samples(totals, ROUND_TRIP)))
    if ledger.commands is not None:
        hops += _down(ledger.commands, counters, _samples(totals, DOWNLINK))
        hops += _replies(ledger.commands, counters, _samples(totals, REPLY))
    return hops


def losing_hop(ledger: Ledger, counters: Mapping[str, int], lost_by_links: int) -> str:
    """Where on the way up messages were lost, if only one place comes into question.

    Args:
        ledger: The settled books.
        counters: Every running total.
        lost_by_links: Messages that are known to be lost with the connection they were on.
    """
    counters = _of_all(counters)
    taken = counters.get(_TAKEN)
    if taken is None:
        return ON_THE_WAY
    dropped = _sum(_dropped(UP, "", "gateway.upstream_dropped_", counters)) + counters.get(_GIVEN_UP, 0)
    behind = taken - counters.get(_GIVEN_UP, 0) - ledger.delivered
    before = ledger.total.sent - taken - _sum(_dropped(UP, "", "gateway.upstream_dropped_", counters)) - lost_by_links
    places = {
        "lost between charge point and gateway": before,
        "lost in the gateway": dropped,
        "lost between gateway and subscriber": behind,
    }
    found = [place for place, count in places.items() if count > 0]
    return found[0] if len(found) == 1 else ON_THE_WAY


def _of_all(counters: Mapping[str, int]) -> Mapping[str, int]:
    """The counters without those of a gateway that not all messages went through."""
    if not counters.get(_AROUND):
        return counters
    return {name: count for name, count in counters.items() if not name.startswith(_OF_GATEWAY)}


def vanished(hops: Iterable[HopCount]) -> list[HopCount]:
    """Those lines that tell where messages went missing, and how many."""
    places = (_BETWEEN, _DROPPED, _WITHOUT_BROKER)
    return [hop for hop in hops if hop.count > 0 and any(place in hop.counted_by for place in places)]


def _back(counters: Mapping[str, int], answers_taken: int) -> list[HopCount]:
    """The way of the answers."""
    hops: list[HopCount] = []
    passed_on = sum(counters.get(name, 0) for name in _PASSED_ON)
    through_gateway = any(name in counters for name in _PASSED_ON)
    if _ANSWERED in counters:
        hops.append(HopCount(BACK, "central system: answers published", counters[_ANSWERED]))
        if through_gateway:
            dropped = _envelopes_dropped(BACK, counters, commands=False)
            hops += dropped
            hops += _unexplained(BACK, "central system and gateway", counters[_ANSWERED] - _sum(dropped) - passed_on)
    if through_gateway:
        hops.append(HopCount(BACK, "gateway: answers passed to charge points", passed_on))
        late = counters.get("engine.late_or_duplicate_answers", 0)
        if late:
            hops.append(HopCount(BACK, "charge points: answers too late or repeated", late))
        hops += _unexplained(BACK, "gateway and charge points", passed_on - late - answers_taken)
    hops.append(HopCount(BACK, "charge points: answers taken", answers_taken))
    return hops


def _down(ledger: CommandLedger, counters: Mapping[str, int], samples: int) -> list[HopCount]:
    """The way of the commands."""
    sent = sum(row.sent for row in ledger.operations)
    different = sum(row.delivered for row in ledger.downlink)
    arrivals = different + sum(row.duplicated for row in ledger.downlink)
    hops = [HopCount(DOWN, "central system: commands sent", sent)]
    if _COMMANDS_PASSED_ON in counters:
        passed_on, repeated = counters[_COMMANDS_PASSED_ON], counters.get(_COMMANDS_REPEATED, 0)
        dropped = _envelopes_dropped(DOWN, counters, commands=True)
        hops += dropped
        hops += _unexplained(DOWN, "central system and gateway", sent - _sum(dropped) - passed_on)
        hops.append(HopCount(DOWN, "gateway: commands passed to charge points", passed_on))
        if repeated:
            hops.append(HopCount(DOWN, "gateway: commands repeated", repeated))
        hops += _missing(DOWN, "gateway and charge points", passed_on + repeated - arrivals, _cut(ledger.downlink))
    else:
        hops += _missing(DOWN, "central system and charge points", sent - different, _cut(ledger.downlink))
    hops.append(HopCount(DOWN, "charge points: commands taken, repeated ones included", arrivals))
    hops.append(HopCount(DOWN, "charge points: different commands", different))
    hops.append(HopCount(DOWN, "downlink histograms: samples", samples))
    return hops


def _replies(ledger: CommandLedger, counters: Mapping[str, int], samples: int) -> list[HopCount]:
    """The way of their answers."""
    written = sum(row.sent for row in ledger.replies)
    different = sum(row.delivered for row in ledger.replies)
    arrivals = different + sum(row.duplicated for row in ledger.replies)
    hops = [HopCount(REPLIES, "charge points: commands answered", written)]
    if any(name in counters for name in _REPLIES_TAKEN):
        taken = sum(counters.get(name, 0) for name in _REPLIES_TAKEN)
        hops += _missing(REPLIES, "charge points and gateway", written - taken, _cut(ledger.replies))
        hops.append(HopCount(REPLIES, "gateway: answers taken from charge points", taken))
        hops += _unexplained(REPLIES, "gateway and subscriber", taken - arrivals)
    else:
        hops += _missing(REPLIES, "charge points and subscriber", written - different, _cut(ledger.replies))
    hops.append(HopCount(REPLIES, "subscriber: arrivals, repeated ones included", arrivals))
    hops.append(HopCount(REPLIES, "subscriber: different answers", different))
    hops.append(HopCount(REPLIES, "reply histograms: samples", samples))
    return hops


def _envelopes_dropped(way: str, counters: Mapping[str, int], *, commands: bool) -> list[HopCount]:
    """What the gateway did not pass on to charge points: commands, or everything else."""
    prefix = "gateway.downstream_dropped_"
    mine = {
        name: count for name, count in counters.items() if (name.removeprefix(prefix) in _COMMAND_DROPS) == commands
    }
    return _dropped(way, "gateway: envelopes", prefix, mine)


def _dropped(way: str, text: str, prefix: str, counters: Mapping[str, int]) -> list[HopCount]:
    """What was dropped, by reason."""
    found = sorted((name.removeprefix(prefix), count) for name, count in counters.items() if name.startswith(prefix))
    return [HopCount(way, f"{text}{_DROPPED}{reason.replace('_', ' ')}", count) for reason, count in found if count]


def _unexplained(way: str, between: str, count: int) -> list[HopCount]:
    """A difference nobody accounts for; negative when more came out than went in, as with repeated messages."""
    return [HopCount(way, f"between {between}{_BETWEEN}", count)] if count else []


def _missing(way: str, between: str, count: int, link_cut: int) -> list[HopCount]:
    """A difference beside the charge points, of which so much may have vanished with their own links."""
    cut = max(min(count, link_cut), 0)
    explained = [HopCount(way, "charge points' links: messages lost with them", cut)] if cut else []
    return explained + _unexplained(way, between, count - cut)


def _cut(legs: list[LegRow]) -> int:
    return sum(leg.link_cut for leg in legs)


def _sum(hops: list[HopCount]) -> int:
    return sum(hop.count for hop in hops)


def _samples(totals: Mapping[Tag, Histogram], leg: str) -> int:
    return sum(histogram.total for tag, histogram in totals.items() if (tag.leg, tag.kind) == (leg, INTENDED))
