"""Arms in order: ties are shown as they are, whatever they are."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_runs import arm

from loadtest.compare.arm import Arm
from loadtest.compare.compare import Question, compare_arms
from loadtest.compare.ranking import compact_letters
from loadtest.errors import UsageError
from loadtest.measure.comparison_record import DIFFERENT, NO_DIFFERENCE, NO_VERDICT, REGRESSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.comparison_record import Comparison
    from loadtest.measure.tags import Tag

RANK = "uplink Heartbeat p99"


@given(
    st.integers(1, 8).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.sampled_from(range(64)), max_size=28)))
)
def test_letters_are_shared_by_exactly_those_that_do_not_differ(drawn: tuple[int, set[int]]) -> None:
    count, numbers = drawn
    names = [f"arm {number}" for number in range(count)]
    every = list(itertools.combinations(names, 2))
    apart = {frozenset(every[number]) for number in numbers if number < len(every)}
    letters = compact_letters(names, apart)
    for one, other in every:
        assert bool(set(letters[one]) & set(letters[other])) == (frozenset((one, other)) not in apart)
    assert all(letters.values())


def test_letters_of_a_difference_that_is_not_transitive() -> None:
    assert compact_letters(["a", "b", "c"], {frozenset("ac")}) == {"a": "a", "b": "ab", "c": "b"}


def times(factor: float) -> Callable[[Tag], float]:
    def slower(_: Tag) -> float:
        return factor

    return slower


def ranked(*factors: float, repeats: int = 5, **question: object) -> Comparison:
    random = np.random.default_rng(3)
    made = [
        arm(random, f"x{factor:g}-{number}", repeats, slower=times(factor)) for number, factor in enumerate(factors)
    ]
    return compare_arms(made, Question(rank=RANK, **question))  # type: ignore[arg-type]


def test_arms_that_do_not_differ_share_a_rank() -> None:
    found = ranked(2.0, 1.0, 1.0)
    assert found.ranking is not None
    assert [(place.rank, place.letters) for place in found.ranking.places] == [(1, "a"), (1, "a"), (3, "b")]
    assert found.ranking.places[2].arm == "x2-0"
    assert found.outcome == DIFFERENT
    assert "x1-1 and x1-2 are ahead" in found.ranking.text or "x1-2 and x1-1 are ahead" in found.ranking.text
    assert found.text.startswith(found.ranking.text)


def test_the_same_system_many_times_is_one_rank() -> None:
    found = ranked(1.0, 1.0, 1.0)
    assert found.outcome == NO_DIFFERENCE
    assert found.ranking is not None
    assert {place.rank for place in found.ranking.places} == {1}
    assert "no arm is shown to be better" in found.ranking.text


def test_two_repeats_give_no_verdict_and_no_ranks() -> None:
    found = ranked(1.0, 3.0, 9.0, repeats=2)
    assert found.outcome == NO_VERDICT
    assert "3 arms of 2 runs are too few to tell" in found.text
    assert "3 arms of 1 run are too few to tell" in ranked(1.0, 3.0, 9.0, repeats=1).text
    assert "repeats of each are needed" in found.text or "repeats in each arm are needed" in found.text
    assert found.ranking is not None
    assert {(place.rank, place.letters) for place in found.ranking.places} == {(None, "")}


def test_each_arm_is_held_against_the_baseline() -> None:
    found = ranked(1.0, 1.0, 1.5, baseline="x1-0")
    assert found.outcome == REGRESSION
    assert {change.baseline for _, change in found.changes()} == {"x1-0"}
    assert "of x1.5-2" in found.text
    assert ranked(1.5, 1.0, 1.0, baseline="x1.5-0").outcome != REGRESSION


def test_an_arm_without_runs_is_named_and_the_others_are_compared() -> None:
    random = np.random.default_rng(3)
    made = [arm(random, "one", 5), arm(random, "two", 5, slower=times(1.5)), Arm("dead", left_out=["repeat 1: failed"])]
    found = compare_arms(made, Question(rank=RANK))
    assert found.outcome == DIFFERENT
    assert "No run of dead counts: repeat 1: failed." in found.text
    assert found.ranking is not None
    assert [place.arm for place in found.ranking.places] == ["one", "two"]


def test_a_figure_that_is_not_there_is_refused_with_what_may_be_meant() -> None:
    random = np.random.default_rng(3)
    with pytest.raises(UsageError, match="no two arms have a figure 'uplink heartbeet p99'") as refused:
        compare_arms([arm(random, "one", 4), arm(random, "two", 4)], Question(rank="uplink heartbeet p99"))
    assert refused.value.hint == f"did you mean {RANK}?"


def test_the_best_is_told_of_an_arm_a_million_times_slower() -> None:
    found = ranked(2e5, 0.01).ranking
    assert found is not None
    best, last = found.places
    change = found.figure.change(best.arm, last.arm)
    assert change is not None
    assert change.change_percent / 100 + 1 == pytest.approx(last.mean / best.mean, rel=1e-3)
    assert change.low_percent is not None
    assert change.high_percent is not None
    assert change.low_percent <= change.change_percent <= change.high_percent
    back = found.figure.change(last.arm, best.arm)
    assert back is not None
    assert (change.finding, back.finding) == ("worse", "better")
    assert -100 < back.change_percent < -99.99
