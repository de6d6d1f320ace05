"""Charging profiles against a reference that looks at every second by itself."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol import charging_profiles as profiles
from loadtest.protocol.charging_profile_wire import parse
from loadtest.protocol.charging_profiles import Limit, Stack, Supply
from loadtest.units import NS_PER_S

DAY_S = 86_400
SUPPLY = Supply(230.0, 3)
RATED = Limit(11_000.0, 3)
SPAN_S = 120


def text(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).isoformat()


def instant_ns(moment: str) -> int:
    return int(dt.datetime.fromisoformat(moment).timestamp()) * NS_PER_S


def wire(periods: list[dict[str, Any]] | None = None, **schedule: Any) -> dict[str, Any]:
    """A TxDefaultProfile that starts with the transaction."""
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": 1000}],
        }
        | schedule,
    }


def read(wired: dict[str, Any], connector: int = 1) -> profiles.ChargingProfile:
    return parse(connector, wired, SUPPLY, instant_ns)


# The reference -------------------------------------------------------------------------------------------------------


def limit_of(wired: dict[str, Any], second: int, since: int) -> float | None:
    """Watts a profile allows in a second, as the specification tells it."""
    schedule = wired["chargingSchedule"]
    if "validFrom" in wired and text(second) < wired["validFrom"]:
        return None
    if "validTo" in wired and text(second) >= wired["validTo"]:
        return None
    kind = wired["chargingProfileKind"]
    fixed = kind != "Relative" and "startSchedule" in schedule
    start = instant_ns(schedule["startSchedule"]) // NS_PER_S if fixed else since
    if second < start:
        return None
    length = schedule.get("duration", 10**9)
    if kind == "Recurring":
        while second - start >= {"Daily": DAY_S, "Weekly": 7 * DAY_S}[wired["recurrencyKind"]]:
            start += {"Daily": DAY_S, "Weekly": 7 * DAY_S}[wired["recurrencyKind"]]
    if second - start >= length:
        return None
    power = None
    for period in schedule["chargingSchedulePeriod"]:
        if period["startPeriod"] <= second - start:
            factor = 230.0 * period.get("numberPhases", 3) if schedule["chargingRateUnit"] == "A" else 1.0
            power = period["limit"] * factor
    return power


def expected(installed: list[tuple[int, dict[str, Any]]], second: int, since: int, connector: int) -> float:
    """Watts that a lone connector may draw in a second."""
    leading: dict[bool, tuple[tuple[Any, ...], float]] = {}
    for at, wired in installed:
        purpose = wired["chargingProfilePurpose"]
        limit = limit_of(wired, second, since)
        whole = purpose == "ChargePointMaxProfile"
        if limit is None or (not whole and at not in {0, connector}):
            continue
        rank = (purpose == "TxProfile", wired["stackLevel"], at)
        if whole not in leading or rank > leading[whole][0]:
            leading[whole] = rank, limit
    return min([RATED.power_w, *(limit for _, limit in leading.values())])


# Strategies ----------------------------------------------------------------------------------------------------------

NOON = 100 * DAY_S
seconds = st.integers(NOON - 60, NOON + SPAN_S + 60)
a_day_or_more_before = st.integers(0, 8).flatmap(lambda days: seconds.map(lambda second: second - days * DAY_S))


@st.composite
def wires(draw: st.DrawFn) -> dict[str, Any]:
    starts = sorted(draw(st.sets(st.integers(1, SPAN_S), max_size=4)))
    unit = draw(st.sampled_from("AW"))
    periods: list[dict[str, Any]] = []
    for start in [0, *starts]:
        periods.append({"startPeriod": start, "limit": draw(st.integers(0, 40)) * (1 if unit == "A" else 300)})
        if draw(st.booleans()):
            periods[-1]["numberPhases"] = draw(st.integers(1, 3))
    wired = wire(periods, chargingRateUnit=unit)
    wired["stackLevel"] = draw(st.integers(0, 3))
    wired["chargingProfilePurpose"] = draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]))
    wired["chargingProfileKind"] = kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    if wired["chargingProfilePurpose"] == "ChargePointMaxProfile":
        wired["chargingProfileKind"] = kind = draw(st.sampled_from(["Absolute", "Recurring"]))
    if kind == "Recurring":
        wired["recurrencyKind"] = draw(st.sampled_from(["Daily", "Weekly"]))
    if wired["chargingProfilePurpose"] == "ChargePointMaxProfile" or draw(st.booleans()):
        wired["chargingSchedule"]["startSchedule"] = text(draw(a_day_or_more_before))
    if draw(st.booleans()):
        wired["chargingSchedule"]["duration"] = draw(st.one_of(st.integers(1, SPAN_S), st.just(DAY_S + 50)))
    if draw(st.booleans()):
        wired["validFrom"] = text(draw(st.integers(NOON - 9, NOON + SPAN_S // 2)))
    if draw(st.booleans()):
        wired["validTo"] = text(draw(st.integers(NOON + SPAN_S // 2 + 1, NOON + SPAN_S + 9)))
    return wired


@st.composite
def installations(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Profiles that can be installed together, each with its connector."""
    found: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
    for wired in draw(st.lists(wires(), max_size=6)):
        purpose = wired["chargingProfilePurpose"]
        at = {"ChargePointMaxProfile": 0, "TxProfile": 1}.get(purpose, draw(st.integers(0, 2)))
        wired["chargingProfileId"] = len(found)
        found[purpose, wired["stackLevel"], at] = at, wired
    return list(found.values())


# Properties ----------------------------------------------------------------------------------------------------------


@given(installations(), st.integers(NOON - 30, NOON))
def test_the_composite_is_what_every_second_by_itself_gives(
    installed: list[tuple[int, dict[str, Any]]], since: int
) -> None:
    parsed = [read(wired, at) for at, wired in installed]
    stack = profiles.of_connector(parsed, 1, since * NS_PER_S)
    whole = profiles.of_charge_point(parsed)

    def next_change_ns(at_ns: int) -> int | None:
        return min(filter(None, (stack.next_change_ns(at_ns), whole.next_change_ns(at_ns))), default=None)

    periods, covered_s = profiles.schedule(
        lambda at_ns: profiles.allot([stack], whole, RATED, at_ns)[0], next_change_ns, NOON * NS_PER_S, SPAN_S, 1000
    )

    assert covered_s == SPAN_S
    assert [start for start, _ in periods] == sorted({start for start, _ in periods})
    assert all(one[1] != other[1] for one, other in itertools.pairwise(periods))
    for second in range(SPAN_S):
        (_, limit) = [period for period in periods if period[0] <= second][-1]
        assert limit.power_w == pytest.approx(expected(installed, NOON + second, since, 1))


@given(wires(), st.integers(NOON - 30, NOON), st.integers(0, SPAN_S))
def test_nothing_changes_before_the_next_change(wired: dict[str, Any], since: int, second: int) -> None:
    profile = read(wired)
    at_ns, since_ns = (NOON + second) * NS_PER_S, since * NS_PER_S
    change_ns = profile.next_change_ns(at_ns, since_ns)
    limit = profile.limit_at(at_ns, since_ns)
    last_ns = (NOON + 2 * SPAN_S) * NS_PER_S if change_ns is None else min(change_ns, (NOON + 9 * DAY_S) * NS_PER_S)
    assert last_ns > at_ns
    for other_ns in (at_ns + 1, (at_ns + last_ns) // 2, last_ns - 1):
        assert profile.limit_at(other_ns, since_ns) == limit


@given(st.floats(0, 1e5), st.lists(st.floats(0, 1e5), min_size=1, max_size=6))
def test_power_is_shared_so_that_nothing_is_left_and_nobody_is_favoured(total_w: float, wanted_w: list[float]) -> None:
    given_w = profiles.share(total_w, wanted_w)
    assert sum(given_w) == pytest.approx(min(total_w, sum(wanted_w)))
    assert all(0 <= given <= wanted for given, wanted in zip(given_w, wanted_w, strict=True))
    content = [given == wanted for given, wanted in zip(given_w, wanted_w, strict=True)]
    short_w = [given for given, full in zip(given_w, content, strict=True) if not full]
    assert short_w == pytest.approx([max(given_w)] * len(short_w))  # who wants more has as much as anybody


# Rules ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wired", "rule"),
    [
        (wire([{"startPeriod": 5, "limit": 1}]), "start at 0"),
        (wire(chargingSchedulePeriod=[]), "start at 0"),
        (wire([{"startPeriod": 0, "limit": 1}, {"startPeriod": 0, "limit": 2}]), "ascend"),
        (wire([{"startPeriod": 0, "limit": -1}]), "negative"),
        (wire(minChargingRate=-0.1), "negative"),
        (wire([{"startPeriod": 0, "limit": 1, "numberPhases": 4}]), "numberPhases"),
        (wire(duration=0), "duration"),
        (wire([{"startPeriod": 0, "limit": 10**400}]), "out of range"),
        (wire() | {"chargingProfileKind": "Recurring"}, "recurrencyKind"),
        (wire() | {"chargingProfilePurpose": "ChargePointMaxProfile"}, "startSchedule"),
        (wire() | {"transactionId": 1}, "TxProfile"),
        (wire() | {"validFrom": text(9), "validTo": text(9)}, "validTo"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(wired: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        read(wired)


def test_a_schedule_that_recurs_is_cut_at_its_recurrence() -> None:
    periods = [{"startPeriod": 0, "limit": 1}, {"startPeriod": DAY_S + 1, "limit": 2}]
    daily = wire(periods, duration=2 * DAY_S, startSchedule=text(NOON)) | {
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
    }
    profile = read(daily)
    assert profile.limit_at((NOON + DAY_S + 5) * NS_PER_S, 0) == Limit(1.0, 3)
    assert profile.next_change_ns(NOON * NS_PER_S, 0) == (NOON + DAY_S) * NS_PER_S


def test_a_profile_whose_validity_has_passed_says_nothing() -> None:
    profile = parse(1, wire() | {"validTo": text(NOON)}, SUPPLY, lambda moment: -instant_ns(moment))
    assert profile.limit_at(0, 0) is None
    assert profile.next_change_ns(0, 0) is None


def test_amperes_are_watts_on_the_phases_there_are() -> None:
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 10, "limit": 16, "numberPhases": 1}]
    wired = wire(periods, chargingRateUnit="A", minChargingRate=6)
    assert read(wired).limits == (Limit(11_040.0, 3, 4_140.0), Limit(3_680.0, 1, 1_380.0))
    assert parse(1, wired, Supply(230.0, 1), instant_ns).limits[0] == Limit(3_680.0, 1, 1_380.0)


@given(st.integers(0, 1000))
def test_a_rate_survives_being_watts_for_a_while(tenths: int) -> None:
    assert SUPPLY.rate(Limit(SUPPLY.watts(tenths / 10, "A", 3), 3), "A") == tenths / 10


def test_below_the_minimum_charging_rate_charging_stops() -> None:
    own = read(wire([{"startPeriod": 0, "limit": 9000}], minChargingRate=4000))
    whole = read(wire(startSchedule=text(0)) | {"chargingProfileKind": "Absolute"})
    (limit,) = profiles.allot([Stack((own,))], Stack((whole,)), RATED, 0)
    assert limit.power_w == 0


def test_a_profile_for_a_connector_overrules_the_one_for_all_at_the_same_level_only() -> None:
    everywhere, here = read(wire(), 0), read(wire([{"startPeriod": 0, "limit": 2000}]), 1)
    assert profiles.of_connector([everywhere, here], 1, 0).profiles == (here, everywhere)
    assert profiles.of_connector([everywhere, here], 2, 0).profiles == (everywhere,)
    higher = read(wire() | {"stackLevel": 1}, 0)
    assert profiles.of_connector([here, higher], 1, 0).profiles == (higher, here)


def test_a_schedule_ends_where_it_would_need_more_periods_than_allowed() -> None:
    periods = [{"startPeriod": 10 * each, "limit": each} for each in range(5)]
    stack = Stack((read(wire(periods)),))
    found, covered_s = profiles.schedule(lambda at_ns: stack.limit_at(at_ns) or RATED, stack.next_change_ns, 0, 100, 3)
    assert [start for start, _ in found] == [0, 10, 20]
    assert covered_s == 30


def test_decades_of_recurrence_are_not_followed_to_the_end() -> None:
    daily = wire(startSchedule=text(0)) | {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    stack = Stack((read(daily),))
    _, covered_s = profiles.schedule(lambda at_ns: stack.limit_at(at_ns) or RATED, stack.next_change_ns, 0, 2**31, 24)
    assert covered_s == 1000 * DAY_S
