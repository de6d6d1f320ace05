"""Faults declared in a scenario: what is refused, and what happens when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.protocol.phases import PHASES, STEADY
from loadtest.scenario.fault_check import check
from loadtest.scenario.faults import (
    Command,
    Cut,
    Kill,
    Outage,
    Pause,
    Refuse,
    Restart,
    Slow,
    StandFault,
    phases_of,
    timeline,
)
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from loadtest.scenario.faults import Fault

SETTINGS = resolve({"duration": "60", "gateway_processes": "2"})


def pause(name: str = "p", at_s: float = 5, recovery_s: float = 0) -> Pause:
    return Pause(name=name, part="broker", at_s=at_s, duration_s=3, recovery_s=recovery_s)


def mistakes(*faults: Fault, **settings: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        check(faults, resolve({"duration": "60", "gateway_processes": "2"} | settings))
    return list(caught.value.faults)


def test_what_can_be_run_is_let_through() -> None:
    check((), SETTINGS)
    check((pause(), Kill(name="k", part="gateway", process=1, at_s=8, duration_s=2, recovery_s=50)), SETTINGS)
    check((Restart(name="r", part="gateway", rolling=True, at_s=1, duration_s=4),), SETTINGS)
    check((Cut(name="c", share=1, at_s=1),), SETTINGS)
    check((Command(name="c", begin=("true", "x"), end=("false",), at_s=1, duration_s=1),), SETTINGS)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (pause("Not a name"), "must consist of"),
        (pause(at_s=0.5), "at_s: 0.5 is not 1 s or more"),
        (pause(at_s=float("nan")), "at_s: nan is not 1 s or more"),
        (pause(recovery_s=0.2), "recovery_s: 0.2 is not 1 s or more"),
        (pause(at_s=58), "is over 61 s after steady began, but --duration is 60s"),
        (Pause(name="p", part="cellar", at_s=5, duration_s=3), "part: 'cellar' is none of broker, gateway, subscriber"),  # type: ignore[arg-type]  # on purpose
        (Pause(name="p", part="broker", process=0, at_s=5, duration_s=3), "but of the broker there are 1"),
        (
            Kill(name="p", part="gateway", process=2, at_s=5, duration_s=3),
            "process: 2, counted from 0, but of the gateway there are 2",
        ),
        (Slow(name="p", at_s=5, duration_s=3), "delay_s, rate_per_s: give one of them, above 0"),
        (Slow(name="p", delay_s=1, rate_per_s=1, at_s=5, duration_s=3), "delay_s, rate_per_s: give one of them"),
        (Slow(name="p", part="gateway", delay_s=1, at_s=5, duration_s=3), "part: the gateway cannot be slowed down"),
        (Pause(name="p", part="subscriber", process=1, at_s=5, duration_s=3), "of the subscriber there are 1"),
        (Refuse(name="p", status=200, at_s=5, duration_s=3), "status: 200 is no refusal, 400 to 599"),
        (Refuse(name="p", share=1.5, at_s=5, duration_s=3), "share: 1.5 is not above 0 and at most 1"),
        (Refuse(name="p", part="broker", at_s=5, duration_s=3), "part: the broker refuses no handshakes"),
        (Cut(name="p", share=0, at_s=5), "share: 0 is not above 0 and at most 1"),
        (Outage(name="p", regions=(1,), at_s=5, duration_s=3), "regions: no profile has a link with regional outages"),
        (Cut(name="p", at_s=5, duration_s="long"), "Expected `float`, got `str`"),  # type: ignore[arg-type]  # on purpose
        (Command(name="p", begin=(), end=("true",), at_s=5, duration_s=1), "begin: says no program"),
        (
            Command(name="p", begin=("true",), end=("/no/such",), at_s=5, duration_s=1),
            "end: there is no program '/no/such'",
        ),
        (Restart(name="p", part="broker", rolling=True, at_s=5, duration_s=3), "rolling: is for all processes"),
        (Pause(name="p", part="broker", at_s="soon", duration_s=3), "Expected `float`, got `str`"),  # type: ignore[arg-type]  # on purpose
    ],
)
def test_what_cannot_be_run_is_refused(fault: Fault, says: str) -> None:
    (mistake,) = mistakes(fault)
    assert says in mistake
    assert mistake.startswith("faults: ")


def test_a_region_must_be_one_of_the_link_models() -> None:
    fault = Outage(name="o", regions=(0, 3, 4), at_s=5, duration_s=3)
    check((fault,), SETTINGS, regions=5)
    with pytest.raises(UsageError) as caught:
        check((fault,), SETTINGS, regions=4)
    assert caught.value.faults == ("faults: o: regions: 4, counted from 0, but the link models of the scenario have 4",)
    assert fault.in_words() == "no network for all charge points of regions 0, 3, 4"


def test_a_subscriber_can_be_away_and_slow_as_far_as_somebody_can_do_it() -> None:
    away = Restart(name="a", part="subscriber", at_s=1, duration_s=1)
    late = Slow(name="l", delay_s=1, at_s=2, duration_s=1)
    few = Slow(name="f", rate_per_s=1, at_s=3, duration_s=1)
    check((away, late, few), SETTINGS)
    external = {"csms": "observe", "broker": "mqtt://h:1", "subscriber_client": "aiomqtt"}
    assert mistakes(away, late, few, **external) == [
        "faults: a: --subscriber-client aiomqtt: only the lean one can be killed or restarted",
        "faults: l: delay_s: with --csms observe a backend of yours answers, which nobody here can slow down",
        "faults: f: --subscriber-client aiomqtt: only the lean one can be slowed down",
    ]
    with pytest.raises(UsageError, match="a subscriber that sends commands cannot be away"):
        check((away,), SETTINGS, commands=True)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes(pause(at_s=0), pause("q", at_s=59), pause("q", at_s=30))) == 3


def test_a_part_there_is_not_is_told_with_those_there_are() -> None:
    (mistake,) = mistakes(Kill(name="crash", part="gatway", at_s=5, duration_s=1))  # type: ignore[arg-type]
    assert mistake == ("faults: crash: part: 'gatway' is none of broker, gateway, subscriber; did you mean gateway?")


def test_only_what_is_embedded_can_be_broken() -> None:
    external = {"broker": "mqtt://h:1", "gateway": "ws://h:2"}
    gateway = Kill(name="k", part="gateway", at_s=20, duration_s=3)
    assert mistakes(pause(), gateway, **external) == [
        "faults: p: --broker is not embedded, so that nobody here can do this: pause the broker",
        "faults: k: --gateway is not embedded, so that nobody here can do this: kill the gateway",
    ]


def test_faults_and_recoveries_do_not_overlap() -> None:
    assert mistakes(pause(recovery_s=10), pause("q", at_s=17)) == [
        "faults: q begins at 17 s, but p is over at 18 s only"
    ]
    assert "no time or 1 s" in mistakes(pause(), pause("q", at_s=8.5))[0]


def test_a_seventh_fault_has_no_place_in_the_stamp() -> None:
    many = [pause(f"p{number}", at_s=1 + 4 * number) for number in range(7)]
    check(many[:6], SETTINGS)
    assert mistakes(*many) == ["faults: 7 faults; one run can hold 6"]


def test_something_else_than_faults_is_refused() -> None:
    with pytest.raises(UsageError, match="tuple of faults"):
        check(pause(), SETTINGS)  # type: ignore[arg-type]  # what a forgotten comma makes of it


def test_the_timeline_goes_back_to_steady() -> None:
    moments = [(moment.at_s, moment.phase) for moment in timeline((pause("b", 20), pause("a", 5, recovery_s=4)))]
    assert moments == [(5, "fault:a"), (8, "recovery:a"), (12, STEADY), (20, "fault:b"), (23, STEADY)]


def test_a_fault_right_behind_a_recovery_leaves_no_steady_between() -> None:
    moments = [(moment.at_s, moment.phase) for moment in timeline((pause("a", 5, recovery_s=4), pause("b", 12)))]
    assert moments == [(5, "fault:a"), (8, "recovery:a"), (12, "fault:b"), (15, STEADY)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 3)), max_size=6))
def test_every_fault_begins_and_ends_once_in_order(gaps: list[tuple[int, int, int]]) -> None:
    faults, at_s = [], 1.0
    for number, (gap_s, duration_s, recovery_s) in enumerate(gaps):
        at_s += gap_s
        fault = Kill(name=f"f{number}", part="broker", at_s=at_s, duration_s=duration_s, recovery_s=recovery_s)
        faults.append(fault)
        at_s = fault.over_s
    check(faults, SETTINGS)
    moments = list(timeline(faults[::-1]))
    assert [moment.fault.name for moment in moments if moment.begins] == [fault.name for fault in faults]
    assert [moment.fault.name for moment in moments if moment.ends] == [fault.name for fault in faults]
    assert [moment.at_s for moment in moments] == sorted(moment.at_s for moment in moments)
    assert not moments or moments[-1].phase == STEADY
    assert {moment.phase for moment in moments} <= {STEADY, *phases_of(faults)[len(PHASES) :]}


def test_a_fault_arrives_at_the_stand_as_it_was_declared() -> None:
    fault = Restart(name="r", part="gateway", rolling=True, at_s=1, duration_s=4)
    assert msgspec.convert(msgspec.to_builtins(fault), StandFault) == fault
