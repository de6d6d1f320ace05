"""Records of runs that never were: latencies drawn, counted in histograms, summed up as those of real runs are."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.compare.arm import Arm
from loadtest.measure.histogram import Histogram
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_outcome import Verdict
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_totals import ALL_TOGETHER, ClassTotals, DeliveryTotals, OperationTotals
from loadtest.measure.summaries import summary
from loadtest.measure.tags import INTENDED, ROUND_TRIP, UPLINK, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES = [
    Tag("steady", leg, action, INTENDED) for leg in (UPLINK, ROUND_TRIP) for action in ("Heartbeat", "MeterValues")
]


def run(
    random: np.random.Generator,
    run_id: str = "run",
    *,
    samples: int = 2_000,
    between_runs: float = 0.02,
    slower: Callable[[Tag], float] = lambda _: 1.0,
    classes: dict[str, float] | None = None,
    **description: Any,
) -> RunRecord:
    """A run that passed. Runs differ as a whole by about ``between_runs``, and by the luck of their samples.

    ``classes``: by how much the uplink of each is slower; the whole run knows nothing of that.
    """
    whole = float(np.exp(between_runs * random.standard_normal()))
    rows = []
    for tag in SERIES:
        histogram = Histogram()
        histogram.record_many((random.lognormal(8, 0.4, samples) * whole * slower(tag)).astype(np.int64))
        rows.append(summary(tag, histogram))
    parts = [_part(random, name, samples, whole * factor) for name, factor in (classes or {}).items()]
    described: dict[str, Any] = {
        "scenario": "steady",
        "charge_points": 100,
        "seed": 1,
        "settings": {"qos": 1},
    } | description
    return RunRecord(
        state="complete",
        run=RunDescription(run_id=run_id, started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC), **described),
        verdict=Verdict("passed", [], 0),
        latency=rows,
        classes=parts,
    )


def _part(random: np.random.Generator, name: str, samples: int, factor: float) -> ClassTotals:
    histogram = Histogram()
    histogram.record_many((random.lognormal(8, 0.4, samples) * factor).astype(np.int64))
    return ClassTotals(
        name=name,
        charge_points=50,
        registered=50,
        operations=OperationTotals(sent=samples),
        deliveries=DeliveryTotals(observed=True, delivered=samples),
        all_actions=[summary(Tag("steady", UPLINK, ALL_TOGETHER, INTENDED), histogram)],
    )


def arm(random: np.random.Generator, name: str, repeats: int, **kind: Any) -> Arm:
    return Arm(name, [run(random, f"{name}-{number}", **kind) for number in range(1, repeats + 1)])
