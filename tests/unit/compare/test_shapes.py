"""Whole distributions: how far they lie apart, and that only whole runs can say whether it is real."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadtest.compare.figures import Measured
from loadtest.compare.run_figures import RunFigures
from loadtest.compare.shapes import curves, distances, shape_changes
from loadtest.measure.histogram import Histogram

LEG = ("steady", "uplink")
OTHER = ("steady", "round_trip")


def histogram(values: np.ndarray) -> Histogram:
    made = Histogram()
    made.record_many(values.astype(np.int64))
    return made


def measured(random: np.random.Generator, name: str, runs: int, *, hump: float = 0.0) -> Measured:
    """Runs of 2,000 messages that differ as whole runs do; ``hump``: share of messages that take twice as long."""
    made = Measured(name)
    for _ in range(runs):
        whole = np.exp(0.03 * random.standard_normal())
        times = random.lognormal(7, 0.3, 2_000) * whole
        times[: int(hump * 2_000)] *= 2
        plain = random.lognormal(8, 0.3, 2_000) * whole
        made.runs.append(RunFigures(samples={LEG: histogram(times), OTHER: histogram(plain)}))
    return made


def test_the_distance_is_that_of_the_textbook() -> None:
    random = np.random.default_rng(1)
    one, other = random.integers(1, 900, 300), random.integers(50, 1_000, 200)  # below 2,000 a slot is a value
    found = distances([histogram(one), histogram(other)])
    assert found[0, 1] == found[1, 0] == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert found[0, 0] == 0


def test_a_hump_is_found_in_its_leg_and_in_no_other() -> None:
    random = np.random.default_rng(2)
    found = shape_changes([measured(random, "one", 5), measured(random, "two", 5, hump=0.3)], [(0, 1)])
    by_leg = {shape.leg: shape for shape in found}
    assert by_leg["uplink"].real
    assert by_leg["uplink"].distance_percent > 15
    assert not by_leg["round_trip"].real


def test_runs_that_differ_among_themselves_make_no_difference_real() -> None:
    """A test over messages would call nearly all of these different."""
    random = np.random.default_rng(3)
    trials = 60
    real = 0
    for _ in range(trials):
        found = shape_changes([measured(random, "one", 4), measured(random, "two", 4)], [(0, 1)])
        real += any(shape.real for shape in found)
    assert real <= stats.binom.isf(1e-3, trials, 0.05)


def test_few_repeats_and_few_samples_show_nothing() -> None:
    random = np.random.default_rng(4)
    few = shape_changes([measured(random, "one", 2), measured(random, "two", 2, hump=0.5)], [(0, 1)])
    assert few
    assert not any(shape.real for shape in few)
    single = shape_changes([measured(random, "one", 1), measured(random, "two", 5, hump=0.5)], [(0, 1)])
    assert {shape.p_value for shape in single} == {1.0}
    thin = Measured("thin", [RunFigures(samples={LEG: histogram(np.arange(1, 50))})])
    assert shape_changes([thin, measured(random, "two", 5)], [(0, 1)]) == []
    assert shape_changes([Measured("none"), measured(random, "two", 5)], [(0, 1)]) == []


def test_curves_are_those_of_all_runs_together() -> None:
    random = np.random.default_rng(5)
    arm = measured(random, "one", 3)
    by_leg = {curve.leg: curve for curve in curves([arm])}
    together = Histogram()
    for run in arm.runs:
        together.merge(run.samples[LEG])
    curve = by_leg["uplink"]
    assert curve.values_us[-1] == together.percentile(curve.percents[-1])
    middle = int(np.argmin(np.abs(np.array(curve.percents) - 50)))
    assert curve.values_us[middle] == pytest.approx(together.percentile(curve.percents[middle]), rel=0.01)
