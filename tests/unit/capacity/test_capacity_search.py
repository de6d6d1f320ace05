"""The search by itself, against simulated systems."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtest.capacity.search import VOIDS, Bounds, Finding, Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.capacity.search import Vote

System = "Callable[[int], Vote]"


def searched(bounds: Bounds, system: Callable[[int], Vote]) -> tuple[Finding, list[int]]:
    """Run a search to its end; what it found, and the levels it tried."""
    search = Search(bounds)
    tried: list[int] = []
    while (level := search.next_level()) is not None:
        tried.append(level)
        search.take(level, system(level))
        assert len(tried) <= bounds.most_runs
    return search.finding(), tried


def cliff(capacity: int, above: Vote = "failed") -> Callable[[int], Vote]:
    return lambda level: "passed" if level <= capacity else above


def test_it_doubles_then_halves_then_repeats_both_ends() -> None:
    finding, tried = searched(Bounds(lowest=100, highest=10_000, precision=0.1), cliff(500))
    assert tried == [100, 200, 400, 800, 600, 500, 550, 550, 500]
    assert finding == Finding("interval", 500, 550)


@given(
    lowest=st.integers(1, 1000),
    more=st.integers(0, 100_000),
    capacity=st.integers(0, 200_000),
    precision=st.floats(0.001, 0.5),
    repeats=st.integers(1, 5),
)
def test_a_cliff_is_found_as_exactly_as_asked_for(
    lowest: int, more: int, capacity: int, precision: float, repeats: int
) -> None:
    bounds = Bounds(lowest=lowest, highest=lowest + more, precision=precision, repeats=repeats, most_runs=100)
    finding, tried = searched(bounds, cliff(capacity))
    assert all(lowest <= level <= lowest + more for level in tried)
    majority = repeats // 2 + 1
    if capacity < lowest:
        assert finding == Finding("none_passed", None, lowest)
    elif capacity >= lowest + more:
        assert finding == Finding("all_passed", lowest + more, None)
        assert Counter(tried)[lowest + more] == majority
    else:
        assert finding.kind == "interval"
        assert finding.passed is not None
        assert finding.failed is not None
        assert finding.passed <= capacity < finding.failed
        assert finding.failed - finding.passed <= max(1, precision * finding.failed)
        counts = Counter(tried)
        assert counts[finding.passed] == majority
        assert counts[finding.failed] == (repeats + 1) // 2


@given(
    seed=st.integers(0, 2**32),
    capacity=st.integers(200, 5000),
    noise=st.floats(0.0, 0.3),
    repeats=st.sampled_from([1, 3, 5]),
)
def test_with_noise_it_ends_and_its_ends_have_their_majorities(
    seed: int, capacity: int, noise: float, repeats: int
) -> None:
    random = Random(seed)
    votes: dict[int, Counter[str]] = {}

    def noisy(level: int) -> Vote:
        vote: Vote = "passed" if level <= capacity * random.gauss(1, noise) else "failed"
        votes.setdefault(level, Counter())[vote] += 1
        return vote

    finding, _ = searched(Bounds(lowest=100, highest=20_000, repeats=repeats, most_runs=500), noisy)
    assert finding.kind in ("interval", "none_passed", "all_passed")
    if finding.passed is not None:
        assert 2 * votes[finding.passed]["passed"] > repeats
    if finding.failed is not None:
        assert 2 * votes[finding.failed]["failed"] >= repeats
    if finding.passed is not None and finding.failed is not None:
        assert finding.passed < finding.failed
        lower = [level for level, tally in votes.items() if level < finding.failed and 2 * tally["passed"] <= repeats]
        assert all(votes[level]["passed"] for level in lower), "nothing below the upper end has failed for good"


def test_one_bad_run_far_below_the_edge_is_found_out() -> None:
    tries: Counter[int] = Counter()

    def fluke(level: int) -> Vote:
        tries[level] += 1
        return "failed" if (level == 400 and tries[level] == 1) or level > 3000 else "passed"

    finding, _ = searched(Bounds(lowest=100, highest=100_000), fluke)
    assert finding.kind == "interval"
    assert finding.passed is not None
    assert finding.failed is not None
    assert finding.passed <= 3000 < finding.failed


def test_it_goes_no_higher_than_the_generator_can() -> None:
    finding, tried = searched(Bounds(lowest=100, highest=100_000, precision=0.1), cliff(1000, "limited"))
    assert finding.kind == "generator"
    assert finding.passed is not None
    assert 900 <= finding.passed <= 1000
    assert max(tried) == 1600


def test_below_the_limit_of_the_generator_that_of_the_system_is_found() -> None:
    def system(level: int) -> Vote:
        return "passed" if level <= 900 else "failed" if level <= 1400 else "limited"

    finding, _ = searched(Bounds(lowest=100, highest=100_000, precision=0.1), system)
    assert finding.kind == "interval"
    assert finding.passed is not None
    assert finding.failed is not None
    assert finding.passed <= 900 < finding.failed < 1400


def test_a_generator_that_is_the_limit_at_once_says_nothing_of_the_system() -> None:
    finding, tried = searched(Bounds(lowest=100, highest=1000), cliff(0, "limited"))
    assert finding == Finding("generator_at_first", None, 100)
    assert tried == [100, 100]


def test_a_run_that_says_nothing_is_made_again_and_twice_ends_it() -> None:
    finding, tried = searched(Bounds(lowest=100, highest=1000), cliff(300, "void"))
    assert finding == Finding("void", 200, None)
    assert tried == [100, 200, *[400] * VOIDS]
    once = iter([True])
    finding, tried = searched(
        Bounds(lowest=100, highest=100, repeats=1), lambda _level: "void" if next(once, False) else "passed"
    )
    assert (finding, tried) == (Finding("all_passed", 100, None), [100, 100])


@pytest.mark.parametrize("most", [2, 4, 6])
def test_it_ends_with_its_last_run_and_says_what_is_known(most: int) -> None:
    finding, tried = searched(Bounds(lowest=100, highest=10_000, most_runs=most), cliff(500))
    assert len(tried) == most
    assert finding.kind == "unfinished"
    assert finding.passed == {2: 200, 4: 400, 6: 500}[most]
    assert finding.failed == {2: None, 4: 800, 6: 600}[most]


@given(st.lists(st.sampled_from(["passed", "failed", "limited", "void"]), max_size=60), st.integers(1, 5))
def test_whatever_the_runs_say_it_ends_and_never_leaves_its_bounds(votes: list[Vote], repeats: int) -> None:
    assume(votes)
    left = iter(votes)
    bounds = Bounds(lowest=10, highest=1000, repeats=repeats, most_runs=60)
    finding, tried = searched(bounds, lambda _level: next(left, "failed"))
    assert all(10 <= level <= 1000 for level in tried)
    if finding.passed is not None and finding.failed is not None:
        assert finding.passed < finding.failed
