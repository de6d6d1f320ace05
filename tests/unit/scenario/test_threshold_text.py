"""The text form of thresholds: it reads back as what it says, and every mistake is named with its remedy."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.scenario import thresholds
from loadtest.scenario.bounds import Bound, above, at_most, below
from loadtest.scenario.threshold_text import parse, parse_all, split
from loadtest.scenario.thresholds import Latency, Messages, Rate, Registered, Transactions

if TYPE_CHECKING:
    from loadtest.scenario.threshold import Threshold

AMOUNTS = st.floats(0.001, 10_000_000).map(lambda value: float(f"{value:.12g}"))
TIMES = st.builds(Bound, st.sampled_from(["<", "<="]), AMOUNTS, st.sampled_from(["us", "ms", "s", "min"]))
COUNTS = st.builds(Bound, st.sampled_from(["<", "<="]), AMOUNTS, st.sampled_from(["%", ""]))
RATES = st.builds(Bound, st.sampled_from(["<", "<=", ">", ">="]), AMOUNTS, st.just("/s"))
ACTIONS = st.sampled_from(["", *FROM_CHARGE_POINT])
PHASES = st.sampled_from(["ramp", "steady", "fault:x", "recovery:a-b_1"])
CLASSES = st.sampled_from(["", "Kerb", "rate"])
EARLY = st.sampled_from([(False, 0.0), (True, 0.0), (True, 12.5)])


@st.composite
def any_threshold(draw: st.DrawFn) -> Threshold:
    abort, after_s = draw(EARLY)
    kind = draw(st.sampled_from(["latency", "messages", "registered", "rate", "transactions"]))
    if kind == "latency":
        stat = draw(st.sampled_from(["p50", "p90", "p99.99", "max"]))
        service = draw(st.sampled_from(get_args(thresholds.Kind)))
        leg: Any = draw(st.sampled_from(["uplink", "round_trip"]))
        words = draw(ACTIONS), draw(PHASES), service
        early: Any = {"abort_on_fail": abort, "after_s": after_s}
        return Latency(stat, leg, draw(TIMES), *words, fleet_class=draw(CLASSES), **early)
    if kind == "messages":
        what: Any = draw(st.sampled_from(["duplicated", "reordered", "unanswered"]))
        phase = draw(st.one_of(st.just(""), PHASES))
        return Messages(what, draw(COUNTS), draw(ACTIONS), phase, abort_on_fail=abort, after_s=after_s)
    if kind == "registered":
        share = draw(st.sampled_from(thresholds.BACK_SHARES))
        return Registered(share, draw(TIMES), draw(PHASES), abort_on_fail=abort, after_s=after_s)
    if kind == "rate":
        what = draw(st.sampled_from(get_args(thresholds.RateOf)))
        return Rate(what, draw(RATES), draw(ACTIONS), draw(PHASES), abort_on_fail=abort, after_s=after_s)
    return Transactions("flawed", draw(COUNTS), fleet_class=draw(CLASSES))


@settings(deadline=None)
@given(any_threshold())
def test_every_threshold_reads_back_from_its_text(threshold: Threshold) -> None:
    assert parse(str(threshold)) == threshold


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("p99 uplink Heartbeat steady < 50ms", Latency("p99", "uplink", below(50, "ms"), "Heartbeat", "steady")),
        ("p99 uplink steady service Heartbeat<50 ms", parse("p99 uplink Heartbeat service < 50ms")),
        ("max round_trip ≤ 1.5s", Latency("max", "round_trip", at_most(1.5, "s"))),
        ("p50 connect < 900µs", Latency("p50", "connect", below(900, "us"))),
        ("lost < 0.1%", Messages("lost", below(0.1, "%"))),
        ("registered 99% recovery:crash < 1m", Registered(99, below(1, "min"), "recovery:crash")),
        ("sent rate > 500/s abort after 1m30s", Rate("sent", above(500, "/s"), abort_on_fail=True, after_s=90)),
        ("transactions lost <= 0", Transactions("lost", at_most(0))),
        ("lost class:Kerb MeterValues < 1", Messages("lost", below(1), "MeterValues", fleet_class="Kerb")),
        ("sent rate class:Kerb > 5/s", Rate("sent", above(5, "/s"), fleet_class="Kerb")),
    ],
)
def test_what_people_write(text: str, threshold: Threshold) -> None:
    assert parse(text).metric == threshold.metric
    assert str(parse(text)) == str(threshold)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("p99 uplnk < 5ms", "did you mean uplink?"),
        ("p99 uplink Heartbeet < 5ms", "did you mean Heartbeat?"),
        ("p99 uplink stedy < 5ms", "did you mean steady?"),
        ("p99 uplink round_trip < 5ms", "it names two of one kind: uplink and round_trip"),
        ("lost class: < 5", "'class:' is no action, phase or class (class:NAME)"),
        ("lost class:A class:B < 5", "it names two of one kind: class:A and class:B"),
        ("registered 99% class:A < 5s", "it is told of the whole fleet; leave class:A out"),
        ("p99 steady < 5ms", "it names no leg; there are uplink"),
        ("p99 uplink", "it says no bound; write for example p99 round_trip < 250ms"),
        ("p99 uplink == 5ms", "== is no bound; write <"),
        ("p99 uplink < soon", "'soon' is no bound"),
        ("p99 uplink < 5ms abort after soon", "abort after: 'soon' is not a duration"),
        ("mean uplink < 5ms", "take p50 or p99"),
        ("lsot < 5", "did you mean lost?"),
        ("< 5", "does not say of what"),
        ("registered < 5s", "registered how many?"),
        ("registered 98% < 5s", "98 % is none of 50, 90, 99, 100"),
        ("sent > 5", "write sent rate, in /s"),
        ("transactions < 5", "transactions what?"),
        ("transactions lots < 5", "no fate of transactions or class (class:NAME); did you mean lost?"),
        ("lost < 5 abort", "cannot end one early"),
    ],
)
def test_every_mistake_says_what_to_write(text: str, mistake: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    (fault,) = refused.value.faults
    assert mistake in fault
    assert fault.startswith("threshold '")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Anything but a threshold or a UsageError would come out of this test."""
    with contextlib.suppress(UsageError):
        assert parse(str(parse(text))) == parse(text)


def test_several_are_read_at_once_and_all_their_mistakes_told() -> None:
    assert split(" lost < 5 ;\n; p99 uplink < 1s ") == ["lost < 5", "p99 uplink < 1s"]
    with pytest.raises(UsageError) as refused:
        parse_all(["lsot < 5", "lost < 5", "p99 uplink > 5ms", "lost < 6"])
    assert len(refused.value.faults) == 3
