"""What the report of a comparison says when there is much of it."""

from __future__ import annotations

import numpy as np
from simulated_runs import arm

from loadtest.compare.compare import Question, compare_arms
from loadtest.measure.comparison_record import NO_VERDICT
from loadtest.reports.arms_charts import arms_charts
from loadtest.reports.arms_view import arms_view


def test_of_many_arms_the_largest_changes_are_shown_and_the_rest_is_named() -> None:
    random = np.random.default_rng(1)
    arms = [arm(random, f"arm{each}", 4, samples=500, slower=lambda _, each=each: 2.0**each) for each in range(8)]
    found = compare_arms(arms, Question(rank="uplink Heartbeat p50"))
    pairs = arms_view(found).pairs
    changed = sum(change.finding in ("worse", "better") for _, change in found.changes())
    every = sum(1 for _ in found.changes())
    assert len(pairs.changed.rows) == 60
    assert f"{changed - 60:,} more rows are in comparison.json" in pairs.changed.note
    assert f"{every - 300:,} more rows" in pairs.figures.note or len(pairs.figures.rows) == every
    largest = found.found("worse")[0]
    assert pairs.changed.rows[0][1:4] == (largest[1].baseline, largest[1].candidate, largest[0].name)


def test_a_comparison_of_nothing_says_so() -> None:
    random = np.random.default_rng(1)
    found = compare_arms([arm(random, "one", 1, samples=5), arm(random, "two", 1, samples=5)], Question())
    view = arms_view(found)
    assert (found.outcome, view.result) == (NO_VERDICT, "void")
    assert view.ranking.rows == view.pairs.figures.rows == ()


def test_the_picture_of_the_ranking_says_what_the_ranking_says() -> None:
    random = np.random.default_rng(2)
    arms = [arm(random, f"arm{each}", 4, samples=500, slower=lambda _, each=each: 1 + 0.1 * each) for each in range(7)]
    found = compare_arms(arms, Question(rank="uplink Heartbeat p50"))
    assert found.ranking is not None
    best = found.ranking.places[0].arm
    rows = {row[1]: row[-1] for row in arms_view(found).ranking.rows}
    (picture,) = (chart for chart in arms_charts(found) if chart["id"] == "intervals")
    variant = picture["variants"][0]
    worse = {row for trace in variant["data"] if trace["name"] == "worse" for row in trace["y"]}
    assert {name for name, finding in rows.items() if finding == "worse"} == {
        name for name in rows if f"{best} → {name}" in worse
    }
    assert worse
    every = {row for trace in variant["data"] for row in trace["y"]}
    assert set(variant["layout"]["yaxis"]["categoryarray"]) == every


def test_classes_stand_beside_the_whole_fleet() -> None:
    random = np.random.default_rng(2)
    arms = [arm(random, name, 5, classes={"A": 1.0, "B": factor}) for name, factor in (("main", 1.0), ("change", 2.0))]
    found = compare_arms(arms, Question())
    view = arms_view(found)
    assert view.classes.columns == ("Figure", "main", "change")
    assert {row[0].rpartition(" of ")[2] for row in view.classes.rows} == {"A", "B"}
    assert view.pairs.classes.rows[0][:2] == ("worse", "uplink p50 of B")
    assert not any(" of " in row[1] for row in view.pairs.figures.rows)
    assert arms_view(compare_arms([arm(random, name, 4) for name in "ab"], Question())).classes.rows == ()
