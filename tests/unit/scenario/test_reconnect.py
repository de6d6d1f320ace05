"""Reconnect policies: the shape of each stack's waits, and what is refused."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import (
    LIBOCPP,
    MICRO_OCPP,
    OCPP_GO,
    POLICIES,
    SAP_SIMULATOR_16,
    SAP_SIMULATOR_201,
    BackOff,
    CappedDoubling,
    Mixture,
    Policy,
    ReconnectPolicy,
    policy_of,
)
from loadtest.scenario.schedule import uniform

SHARES = st.floats(0, 1, exclude_max=True)
MANY_SHARES = st.lists(SHARES, min_size=12, max_size=12)


def waits_of(policy: Policy, shares: list[float]) -> list[float]:
    waits = [0.0]
    for failures, share in enumerate(shares):
        waits.append(policy.wait_s(failures, waits[-1], share))
    return waits[1:]


@given(st.floats(0.1, 100), st.floats(0, 100), st.integers(0, 8), MANY_SHARES)
def test_back_off_doubles_what_it_waited_and_adds_to_it_each_time(
    minimum_s: float, random_s: float, doublings: int, shares: list[float]
) -> None:
    waits = waits_of(BackOff(minimum_s=minimum_s, random_s=random_s, doublings=doublings), shares)
    assert minimum_s <= waits[0] <= minimum_s + random_s
    for before, after in pairwise(waits[: doublings + 1]):
        assert 2 * before <= after <= 2 * before + random_s
    assert len(set(waits[doublings:])) == 1, "then it stays what it is"


@pytest.mark.parametrize(
    ("policy", "first_s", "steps", "last_s"),
    [
        (OCPP_GO, range(10, 26), 4, (160, 160 + 15 * 31)),
        (LIBOCPP, range(3, 14), 3, (24, 24 + 10 * 15)),
        (SAP_SIMULATOR_201, None, 5, (960, 960 + 10 * 63)),
        (SAP_SIMULATOR_16, range(30, 31), 0, (30, 30)),
        (MICRO_OCPP, range(5, 6), 0, (5, 5)),
    ],
)
def test_stacks_of_the_field_have_their_shape(
    policy: BackOff, first_s: range | None, steps: int, last_s: tuple[float, float]
) -> None:
    firsts = {policy.wait_s(0, 0.0, share / 1000) for share in range(1000)}
    if first_s is not None:
        assert firsts == {float(second) for second in first_s}, "whole seconds, every one of them"
    else:
        assert len(firsts) > 900
    assert policy.doublings == steps
    assert waits_of(policy, [0.0] * 10)[-1] == last_s[0]
    assert waits_of(policy, [1 - 1e-12] * 10)[-1] == pytest.approx(last_s[1])


@given(st.floats(0.01, 100), st.floats(1, 100), SHARES)
def test_the_default_doubles_up_to_its_limit_and_spreads_by_as_much_again(
    minimum_s: float, factor: float, share: float
) -> None:
    maximum_s = minimum_s * factor
    waits = waits_of(CappedDoubling(minimum_s=minimum_s, maximum_s=maximum_s), [share] * 60)
    assert waits[0] == pytest.approx(minimum_s * (1 + share))
    for before, after in pairwise(waits):
        assert after == pytest.approx(min(2 * before, maximum_s * (1 + share)))
    assert waits[-1] == pytest.approx(maximum_s * (1 + share))


def test_a_mixture_gives_each_its_share_and_keeps_to_it() -> None:
    mixture = Mixture(((3, LIBOCPP), (1, OCPP_GO), (0, MICRO_OCPP)))
    chosen = [policy_of(mixture, share / 1000) for share in range(1000)]
    assert [chosen.count(each) for each in (LIBOCPP, OCPP_GO, MICRO_OCPP)] == [750, 250, 0]
    assert policy_of(LIBOCPP, 0.5) is LIBOCPP


@pytest.mark.parametrize(
    "policy", [*POLICIES.values(), CappedDoubling(), Mixture(((2, LIBOCPP), (1, CappedDoubling())))]
)
def test_policies_can_be_run_and_travel_as_plain_data(policy: ReconnectPolicy) -> None:
    profile = ChargePointProfile(reconnect=policy)
    profile.check()
    plain = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(profile)))
    assert msgspec.convert(plain, ChargePointProfile) == profile


@pytest.mark.parametrize(
    ("policy", "faults"),
    [
        (BackOff(minimum_s=-1, random_s=math.nan, doublings=99), ["minimum_s", "random_s", "doublings"]),
        (BackOff(minimum_s=0), ["minimum_s"]),
        (CappedDoubling(minimum_s=0, maximum_s=math.inf), ["maximum_s", "minimum_s"]),
        (CappedDoubling(minimum_s=2, maximum_s=1), ["maximum_s"]),
        (CappedDoubling(minimum_s=math.nan), ["minimum_s"]),
        (Mixture(()), ["parts"]),
        (Mixture(((0, LIBOCPP), (math.nan, OCPP_GO))), ["parts"]),
        (Mixture(((1, LIBOCPP), (1, BackOff(minimum_s=-1)))), ["parts[1].minimum_s"]),
    ],
)
def test_what_cannot_be_run_is_refused_with_every_fault(policy: ReconnectPolicy, faults: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        ChargePointProfile(reconnect=policy).check()
    assert [fault.split(":")[0] for fault in refused.value.faults] == [f"profile.reconnect.{name}" for name in faults]


def returns(reconnect: ReconnectPolicy, away_s: float, charge_points: int = 2000) -> Counter[int]:
    """In which second so many charge points are back that are cut off together, from a gateway away for a time."""
    seconds: Counter[int] = Counter()
    for number in range(charge_points):
        policy = policy_of(reconnect, uniform(1, number, 0))
        at_s = wait_s = 0.0
        for failures in range(100):
            wait_s = policy.wait_s(failures, wait_s, uniform(1, number, 1 + failures))
            at_s += wait_s
            if at_s >= away_s:
                break
        seconds[int(at_s)] += 1
    return seconds


def test_a_fixed_wait_brings_everybody_back_in_one_wave() -> None:
    assert returns(MICRO_OCPP, away_s=3) == {5: 2000}
    assert returns(MICRO_OCPP, away_s=17) == {20: 2000}
    assert returns(SAP_SIMULATOR_16, away_s=3) == {30: 2000}


@pytest.mark.parametrize(("policy", "first_s", "waves"), [(LIBOCPP, 3, 11), (OCPP_GO, 10, 16)])
def test_whole_seconds_make_waves_of_the_same_size(policy: BackOff, first_s: int, waves: int) -> None:
    found = returns(policy, away_s=first_s - 1)
    assert sorted(found) == list(range(first_s, first_s + waves))
    assert max(found.values()) < 1.4 * 2000 / waves
    # Away for longer than the first wait, they come back later and spread wider.
    longer = returns(policy, away_s=first_s + waves)
    assert min(longer) >= first_s + waves
    assert max(longer) - min(longer) > waves
    assert max(longer.values()) < max(found.values())


def test_what_is_random_in_each_wait_spreads_a_storm_evenly() -> None:
    found = returns(SAP_SIMULATOR_201, away_s=3)
    assert sorted(found) == list(range(30, 40))
    assert 140 < min(found.values()) <= max(found.values()) < 260


def test_a_capped_doubling_comes_in_surges_that_grow_wider() -> None:
    policy = CappedDoubling(minimum_s=1, maximum_s=30)
    short, long = returns(policy, away_s=1), returns(policy, away_s=20)
    assert sorted(short) == [1]
    assert max(long) - min(long) > 10
    assert max(long.values()) < 500


def test_a_mixture_has_the_shapes_of_its_parts_on_top_of_each_other() -> None:
    found = returns(Mixture(((3, MICRO_OCPP), (1, SAP_SIMULATOR_16))), away_s=3)
    assert found.keys() == {5, 30}
    assert 2.5 < found[5] / found[30] < 3.6
