"""Arms of simulated runs, held against each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_runs import SERIES, arm, run

from loadtest.compare.arm import Arm, read_arm
from loadtest.compare.compare import Question, compare, compare_arms
from loadtest.compare.conditions import refuse_another_load
from loadtest.compare.figure_keys import key_of
from loadtest.compare.figures import Measured, compared
from loadtest.compare.run_figures import RunFigures
from loadtest.errors import ResultError, UsageError
from loadtest.measure import comparison_record, run_record
from loadtest.measure.compared_figures import BROKER_CPU, GATEWAY_CPU, THROUGHPUT, UNDECIDED, WORSE
from loadtest.measure.comparison_record import NO_REGRESSION, NO_VERDICT, REGRESSION
from loadtest.measure.run_events import ENDED_EARLY, RunEvent
from loadtest.measure.run_outcome import Verdict
from loadtest.measure.tags import UPLINK

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.compared_figures import Quantity
    from loadtest.measure.tags import Tag


def tenth_more(tag: Tag) -> float:
    return 1.1 if (tag.leg, tag.action) == (UPLINK, "Heartbeat") else 1.0


def test_the_same_system_twice_is_no_regression() -> None:
    outcomes = [
        compare(arm(random, "main", 5), arm(random, "change", 5)).outcome
        for random in map(np.random.default_rng, range(12))
    ]
    # Stated is one difference of either kind in twenty; two slower ones in twelve are one case in fifty at most.
    assert outcomes.count(REGRESSION) <= 2
    assert set(outcomes) <= {REGRESSION, NO_REGRESSION}


def test_an_arm_slower_by_a_tenth_is_found_with_five_repeats() -> None:
    random = np.random.default_rng(1)
    found = compare(arm(random, "main", 5), arm(random, "change", 5, slower=tenth_more))
    assert found.outcome == REGRESSION
    slower = found.found(WORSE)
    assert {(figure.leg, figure.action) for figure, _ in slower} == {(UPLINK, "Heartbeat")}
    for _, change in slower:
        assert change.low_percent is not None
        assert change.high_percent is not None
        assert change.low_percent < change.change_percent < change.high_percent
    assert any(change.low_percent <= 10 <= change.high_percent for _, change in slower)  # type: ignore[operator]
    assert "uplink Heartbeat" in found.text


def test_a_change_of_many_times_is_told_in_plain_figures() -> None:
    random = np.random.default_rng(1)
    found = compare(arm(random, "main", 4), arm(random, "change", 4, slower=lambda _: 45.0))
    assert re.search(r": \+4,\d{3}\.\d % \(4 against 4 runs\)", found.text), found.text


def test_what_is_real_but_within_the_tolerance_is_no_regression() -> None:
    random = np.random.default_rng(1)
    before, after = arm(random, "main", 5), arm(random, "change", 5, slower=tenth_more)
    assert compare(before, after, 0.25).outcome == NO_REGRESSION


@pytest.mark.parametrize(("before", "after"), [(2, 2), (3, 3), (1, 1), (20, 1)])
def test_too_few_repeats_give_no_verdict_and_say_how_many_it_takes(before: int, after: int) -> None:
    random = np.random.default_rng(1)
    found = compare(arm(random, "main", before), arm(random, "change", after, slower=lambda _: 1.5))
    assert found.outcome == NO_VERDICT
    assert {change.finding for _, change in found.changes()} == {UNDECIDED}
    assert f"{before} against {after} runs are too few" in found.text
    needed = {change.repeats_needed or 0 for _, change in found.changes()}
    assert min(needed) >= 4
    assert f"at least {min(needed)} repeats" in found.text
    assert len(needed) == 1 or f"{max(needed):,} in the least steady" in found.text


def test_void_and_partial_runs_never_count(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for name, result, state in (
        ("good", "passed", "complete"),
        ("missed", "failed", "complete"),
        ("bad", "void", "complete"),
        ("cut", "passed", "partial"),
        ("early", "failed", "complete"),
        ("stopped", "interrupted", "partial"),
    ):
        record = run(random, name)
        record.verdict = Verdict(result, [], 0)  # type: ignore[arg-type]
        record.state = state  # type: ignore[assignment]
        if name == "early":
            record.events.append(RunEvent(1.0, ENDED_EARLY, "lost < 1%"))
        (tmp_path / name).mkdir()
        run_record.write(record, tmp_path / name)
    taken = Arm("all")
    for folder in sorted(tmp_path.iterdir()):
        taken.take(folder)
    assert [record.run.run_id for record in taken.runs] == ["good", "missed"]
    assert taken.left_out == ["bad: void", "cut: cut short", "early: cut short", "stopped: interrupted"]
    void = read_arm(tmp_path / "bad", "main")
    found = compare(void, taken)
    assert (found.outcome, found.text) == (NO_VERDICT, "No run of main counts: bad: void.")
    with pytest.raises(ResultError, match="neither the folder of a run nor of a set"):
        read_arm(tmp_path)


def test_percentiles_of_too_few_samples_are_left_out() -> None:
    random = np.random.default_rng(1)
    found = compare(arm(random, "main", 4), arm(random, "change", 4, samples=150))
    assert {figure.percent for figure in found.figures} == {50, 90}
    assert len(found.figures) + len(found.not_compared) == 4 * len(SERIES)
    assert "uplink Heartbeat p99: less than 10 samples above it in a run of change" in found.not_compared
    empty = compare(arm(random, "main", 4), arm(random, "change", 4, samples=10))
    assert empty.outcome == NO_VERDICT
    assert "longer runs are needed" in empty.text


def test_what_else_differs_is_told_but_for_seeds_and_thresholds() -> None:
    random = np.random.default_rng(1)
    before = arm(random, "main", 1, settings={"qos": 1, "seed": 1, "threshold": "", "duration_s": 30.0})
    after = arm(
        random,
        "change",
        1,
        settings={"qos": 0, "seed": 2, "threshold": "lost < 1%", "duration_s": 30.0},
        seed=2,
        sut={"broker": {"kind": "amqtt", "url": "mqtt://127.0.0.1:1"}},
        scenario_sha256="a" * 64,
    )
    found = compare(before, after)
    assert found.common == {"setting duration": "30 s"}
    differences = [(each.what, *each.values.values()) for each in found.differences]
    assert differences == [
        ("setting qos", "1", "0"),
        ("scenario file", "–", f"sha256 {'a' * 12}"),
        ("broker kind", "–", "amqtt"),
    ]


def test_another_load_is_refused() -> None:
    random = np.random.default_rng(1)
    runs = [record.run for record in arm(random, "main", 2).runs]
    refuse_another_load("main", runs, "steady", 100)
    with pytest.raises(UsageError) as caught:
        refuse_another_load("main", runs, "soak", 100)
    assert caught.value.faults == ("--baseline: main is of the scenario steady, this run of soak",)
    with pytest.raises(UsageError, match="main has 100 charge points, this run 2,000"):
        refuse_another_load("main", runs, "steady", 2000)


def test_a_comparison_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert comparison_record.load(tmp_path) is None
    random = np.random.default_rng(1)
    found = compare(arm(random, "main", 4), arm(random, "change", 4))
    comparison_record.write(found, tmp_path)
    assert comparison_record.load(tmp_path) == found


def test_a_cost_that_only_one_arm_has_is_told_and_not_compared() -> None:
    def measured(name: str, *quantities: Quantity) -> Measured:
        runs = [RunFigures() for _ in range(4)]
        for each in runs:
            for quantity in quantities:
                each.put(key_of(quantity), 50.0, 1.0)
        return Measured(name, runs)

    arms = [measured("gateway", BROKER_CPU, GATEWAY_CPU, THROUGHPUT), measured("direct", BROKER_CPU)]
    keys = {key_of(BROKER_CPU), key_of(GATEWAY_CPU), key_of(THROUGHPUT)}
    found = {figure.quantity: figure for figure in compared(arms, [(0, 1)], keys, 0.05)}
    assert found.keys() == {BROKER_CPU, GATEWAY_CPU}
    assert found[GATEWAY_CPU].means == {"gateway": 50.0}
    assert found[GATEWAY_CPU].changes == []
    assert len(found[BROKER_CPU].changes) == 1


def test_classes_tell_where_a_difference_is_and_decide_nothing() -> None:
    """What is said of the whole fleet does not depend on whether anybody looks at its classes."""
    random = np.random.default_rng(4)
    before = arm(random, "main", 6, classes={"Fiber": 1.0, "Country": 1.0})
    after = arm(random, "change", 6, classes={"Fiber": 1.0, "Country": 2.0})
    found = compare(before, after)
    worse = {figure.name for figure, change in found.changes_of_classes() if change.finding == WORSE}
    assert "uplink p50 of Country" in worse
    assert all(name.endswith("of Country") for name in worse)
    assert {figure.fleet_class for figure in found.classes} == {"Fiber", "Country"}
    assert (found.outcome, found.found(WORSE)) == (NO_REGRESSION, [])
    for record, _ in (*before, *after):
        record.classes = []
    without = compare(before, after)
    assert without.figures == found.figures
    assert without.classes == []


def test_arms_can_be_ranked_by_a_class() -> None:
    random = np.random.default_rng(5)
    arms = [arm(random, name, 5, classes={"A": 1.0, "B": factor}) for name, factor in (("slow", 2), ("fast", 1))]
    ranked = compare_arms(arms, Question(rank="uplink p50 of B")).ranking
    assert ranked is not None
    assert [place.arm for place in ranked.places] == ["fast", "slow"]
