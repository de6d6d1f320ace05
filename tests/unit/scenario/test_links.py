"""Link models: schedules follow from seed and number alone, and have the shape that was asked for."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.errors import UsageError
from loadtest.scenario.link_presets import LINKS, LTE_GOOD
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET, LinkModel, Outage, RegionalOutages, log_normal
from loadtest.scenario.profile import ChargePointProfile

DAY_S = 86_400
SEEDS = st.integers(0, 2**63)
NUMBERS = st.integers(0, 2**24 - 1)


def outages(model: LinkModel, seed: int, number: int, until_s: float) -> list[Outage]:
    found: list[Outage] = []
    after_s = 0.0
    while after_s < until_s:
        found.append(model.outage(seed, number, len(found), after_s))
        after_s = found[-1].end_s
    return found


@given(SEEDS, NUMBERS, st.sampled_from(sorted(LINKS)))
def test_outages_follow_one_another_and_can_be_computed_again(seed: int, number: int, name: str) -> None:
    found = outages(LINKS[name], seed, number, DAY_S)
    assert found == outages(LINKS[name], seed, number, DAY_S)
    before_s = 0.0
    for outage in found:
        assert before_s <= outage.start_s < outage.end_s
        before_s = outage.end_s


def test_another_seed_or_number_gives_other_outages() -> None:
    first = outages(LTE_GOOD, 1, 1, DAY_S)
    assert first != outages(LTE_GOOD, 2, 1, DAY_S)
    assert first != outages(LTE_GOOD, 1, 2, DAY_S)


@given(SEEDS, NUMBERS, st.floats(1, 1000))
def test_time_scale_makes_the_same_outages_come_faster(seed: int, number: int, scale: float) -> None:
    once = LTE_GOOD.outage(seed, number, 0, 0.0)
    fast = replace(LTE_GOOD, time_scale=scale).outage(seed, number, 0, 0.0)
    assert (fast.start_s * scale, fast.end_s * scale) == pytest.approx((once.start_s, once.end_s))
    assert fast.ending == once.ending


def test_times_are_exponential_and_log_normal_and_endings_have_their_weights() -> None:
    model = LinkModel(
        mean_up_s=100, down_median_s=10, down_spread=2, close_weight=1, reset_weight=3, half_open_weight=6
    )
    found = outages(model, 7, 3, 1_500_000)
    ups = [after.start_s - before.end_s for before, after in pairwise(found)]
    downs = [outage.end_s - outage.start_s for outage in found]
    assert fmean(ups) == pytest.approx(100, rel=0.05)
    assert median(ups) == pytest.approx(100 * math.log(2), rel=0.05)
    assert median(downs) == pytest.approx(10, rel=0.05)
    assert sum(5 <= down <= 20 for down in downs) / len(downs) == pytest.approx(0.683, abs=0.02)
    for ending, share in ((CLOSE, 0.1), (RESET, 0.3), (HALF_OPEN, 0.6)):
        assert sum(outage.ending == ending for outage in found) / len(found) == pytest.approx(share, abs=0.02)


@given(st.floats(0, 1, exclude_max=True))
def test_without_spread_every_outage_lasts_the_same(share: float) -> None:
    assert log_normal(5.0, 1.0, share) == pytest.approx(5.0)


def test_the_bad_minority_is_a_fifth_and_is_down_more_than_ten_minutes_a_day() -> None:
    """The finding that the preset stands for: docs/links.md."""
    down_s = []
    for number in range(400):
        first_day = outages(replace(LTE_GOOD, regional=None), 5, number, DAY_S)
        down_s.append(sum(min(each.end_s, DAY_S) - min(each.start_s, DAY_S) for each in first_day))
    assert 0.15 <= sum(each > 600 for each in down_s) / len(down_s) <= 0.27
    bad = [LTE_GOOD.is_bad(5, number) for number in range(4000)]
    assert sum(bad) / len(bad) == pytest.approx(0.2, abs=0.02)
    assert LTE_GOOD.down_s_per_day(bad=True) > 600 > 3 * LTE_GOOD.down_s_per_day(bad=False)


@given(SEEDS, NUMBERS, st.integers(1, 50))
def test_a_region_fails_for_all_in_it_alike(seed: int, number: int, regions: int) -> None:
    model = LinkModel(regional=RegionalOutages(regions=regions))
    region = model.region_of(number)
    assert 0 <= region < regions
    assert model.region_of(number + regions) == region
    start_s, end_s = model.regional_outage(seed, region, 0, 0.0)
    assert 0 <= start_s < end_s
    assert model.regional_outage(seed, region, 1, end_s)[0] >= end_s


def test_presets_can_be_run_get_worse_and_travel_as_plain_data() -> None:
    down_s = [LINKS[name].down_s_per_day(bad=False) for name in ("fiber", "lte_good", "lte_garage", "rural_2g")]
    assert down_s == sorted(down_s)
    for model in LINKS.values():
        profile = ChargePointProfile(link=model)
        profile.check()
        plain = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(profile)))
        assert msgspec.convert(plain, ChargePointProfile) == profile


def test_all_faults_are_told_at_once_each_with_its_field() -> None:
    bad = {
        **dict.fromkeys(("mean_up_s", "down_median_s", "down_spread", "bad_factor", "time_scale"), 0.0),
        **dict.fromkeys(("close_weight", "reset_weight", "half_open_weight"), -1.0),
        "bad_share": 1.5,
        "latency_s": 61.0,
        "jitter_s": -1.0,
        "bandwidth_bit_s": -1.0,
        "regional": RegionalOutages(regions=0, mean_between_s=0, median_s=-1, spread=0),
    }
    with pytest.raises(UsageError) as refused:
        ChargePointProfile(link=LinkModel(**bad)).check()  # type: ignore[arg-type]
    names = [*(name for name in bad if name != "regional")]
    names += [f"regional.{name}" for name in RegionalOutages.__struct_fields__]
    assert sorted(fault.split(":")[0] for fault in refused.value.faults) == sorted(f"profile.link.{x}" for x in names)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_everywhere(value: float) -> None:
    for struct in (LinkModel, RegionalOutages):
        for field in msgspec.structs.fields(struct):
            if field.type is float:
                changed = replace(struct(), **{field.name: value})
                model = changed if isinstance(changed, LinkModel) else LinkModel(regional=changed)
                assert any(f".{field.name}: " in fault for fault in model.faults("link")), field.name


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"close_weight": 0.0, "reset_weight": 0.0, "half_open_weight": 0.0}, "one of close_weight"),
        ({"mean_up_s": 10.0, "time_scale": 100.0}, "between outages"),
    ],
)
def test_what_is_no_link_is_refused(fields: dict[str, float], told: str) -> None:
    (fault,) = LinkModel(**fields).faults("link")  # type: ignore[arg-type]
    assert told in fault
