"""Thresholds as a scenario declares them: what can be judged, in what words, and what replaces what."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from loadtest.errors import UsageError
from loadtest.measure import storm, tags
from loadtest.protocol.phases import with_faults
from loadtest.scenario import thresholds
from loadtest.scenario.bounds import Bound, above, at_least, at_most, below
from loadtest.scenario.threshold_set import check, overridden
from loadtest.scenario.thresholds import Latency, Messages, Rate, Registered, Transactions

if TYPE_CHECKING:
    from loadtest.scenario.threshold import Threshold

PHASES = with_faults(["crash"])


def test_the_words_are_those_of_the_measurements() -> None:
    assert set(get_args(thresholds.Leg)) == {*tags.LEGS, *tags.COMMAND_LEGS}
    assert set(get_args(thresholds.Kind)) == {tags.INTENDED, tags.SERVICE}
    assert thresholds.BACK_SHARES == storm.SHARES


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        (Latency("p99", "round_trip", below(250, "ms")), "p99 round_trip steady < 250ms"),
        (
            Latency("max", "uplink", at_most(2, "s"), "Heartbeat", "recovery:crash", "service"),
            "max uplink Heartbeat recovery:crash service <= 2s",
        ),
        (Latency("p99.9", "connect", below(0.5, "s")), "p99.9 connect ramp < 0.5s"),
        (Latency("p50", "command", below(1, "s"), "Reset", abort_on_fail=True), "p50 command Reset steady < 1s abort"),
        (Messages("lost", below(0.1, "%")), "lost < 0.1%"),
        (Messages("unanswered", at_most(0), phase="steady"), "unanswered steady <= 0"),
        (Registered(99, below(20, "s"), phase="recovery:crash"), "registered 99% recovery:crash < 20s"),
        (
            Rate("sent", above(500, "/s"), abort_on_fail=True, after_s=2.5),
            "sent rate steady > 500/s abort after 2.5s",
        ),
        (Transactions("flawed", below(1, "%")), "transactions flawed < 1%"),
        (
            Latency("p99", "uplink", below(1, "s"), kind="service", fleet_class="Kerb"),
            "p99 uplink steady class:Kerb service < 1s",
        ),
        (Rate("sent", above(5, "/s"), fleet_class="Kerb"), "sent rate steady class:Kerb > 5/s"),
    ],
)
def test_each_has_a_text_and_can_be_judged(threshold: Threshold, text: str) -> None:
    assert str(threshold) == text
    check((threshold,), PHASES, ["Kerb", "Depot"])


@pytest.mark.parametrize(
    ("threshold", "mistake"),
    [
        (Latency("p100", "uplink", below(1, "s")), "neither a percentile, p50 to p99.99, nor max"),
        (Latency("p99", "uplink", below(1)), "unit '' does not fit"),
        (Latency("p99", "uplink", above(1, "s")), "write <"),
        (Latency("p99", "uplink", at_most(0, "s")), "nothing is decided by <= 0s"),
        (Latency("p99", "uplink", below(float("nan"), "s")), "nan is not 0 or more"),
        (Latency("p99", "uplink", below(1, "s"), "Hartbeat"), "on the leg uplink; did you mean Heartbeat?"),
        (Latency("p99", "reply", below(1, "s"), "Heartbeat"), "no action 'Heartbeat' on the leg reply"),
        (Latency("p99", "uplnk", below(1, "s")), r"Invalid enum value 'uplnk' - at `\$.leg`"),  # type: ignore[arg-type]
        (Latency("p99", "uplink", below(1, "s"), phase="recovery:crush"), "did you mean recovery:crash?"),
        (Messages("lost", at_most(3), abort_on_fail=True), "cannot end one early"),
        (Messages("lost", below(0)), "nothing is decided by < 0"),
        (Messages("lost", at_most(3), action="Reset"), "charge points send no 'Reset'"),
        (Registered(98, below(20, "s")), "98 % is none of 50, 90, 99, 100"),
        (Rate("sent", at_least(0, "/s")), "nothing is decided"),
        (Rate("sent", above(5, "/s"), action="heartbeat"), "did you mean Heartbeat?"),
        (Rate("sent", above(5, "/s"), after_s=3), "after_s: has no use without abort_on_fail"),
        (Rate("sent", above(5, "/s"), abort_on_fail=True, after_s=-1), "after_s: -1 is not 0 or more"),
        (Transactions("lost", below(1, "%")), "does not fit: none, for a count"),
        (Transactions("lost", at_most(1), abort_on_fail=True), "cannot end one early"),
        (
            Messages("lost", at_most(3), fleet_class="Kerbs"),
            "no class 'Kerbs'; there are Kerb, Depot; did you mean Kerb",
        ),
        (Registered(99, below(20, "s"), fleet_class="Kerb"), "storms are of the whole fleet"),
        (Latency("p99", "reply", below(1, "s"), fleet_class="Kerb"), "leave class:Kerb out"),
        ("p99 uplink < 3ms", "is none of those in"),
    ],
)
def test_what_can_never_be_judged_is_refused(threshold: Threshold, mistake: str) -> None:
    with pytest.raises(UsageError, match=mistake):
        check((threshold,), PHASES, ["Kerb", "Depot"])


def test_all_mistakes_are_told_at_once() -> None:
    lost = Messages("lost", at_most(3))
    with pytest.raises(UsageError) as refused:
        check((Registered(98, above(1, "s")), lost, Messages("lost", below(1, "%"))), PHASES)
    assert len(refused.value.faults) == 3
    assert refused.value.faults[-1] == "thresholds: there are two for 'lost'"
    with pytest.raises(UsageError, match="must be a tuple"):
        check(lost, PHASES)


def test_what_is_given_replaces_the_scenarios_on_the_same_metric_and_is_added_otherwise() -> None:
    slow, fast = Latency("p99", "uplink", below(1, "s")), Latency("p99", "uplink", at_most(5, "ms"), phase="steady")
    lost, least, most = Messages("lost", at_most(0)), Rate("sent", above(1, "/s")), Rate("sent", below(9, "/s"))
    assert overridden((slow, least), (lost, fast, most)) == (fast, least, lost, most)
    assert overridden((slow,), ()) == (slow,)


def test_a_bound_is_sharp() -> None:
    assert [Bound(relation, 5, "ms").holds(5_000) for relation in ("<", "<=", ">", ">=")] == [False, True, False, True]
    assert below(0.1, "%").holds(0.0999)
