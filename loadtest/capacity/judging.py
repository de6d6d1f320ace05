"""What became of a step, from the folder of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.capacity.limit import DESCRIPTORS, generator_limit, system_limit
from loadtest.compare.figure_keys import key_of
from loadtest.compare.run_figures import run_figures
from loadtest.errors import ResultError
from loadtest.measure import run_record
from loadtest.measure.capacity_record import StepLatency
from loadtest.measure.compared_figures import THROUGHPUT
from loadtest.protocol.phases import RAMP

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.errors import LoadTestError
    from loadtest.measure.capacity_record import CapacityStep, SearchPlan
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.run_record import RunRecord

_NO_DATA = "threshold_no_data"


def judge(step: CapacityStep, run_dir: Path, plan: SearchPlan, *, cut_short: bool) -> RunRecord | None:
    """Say of a run that has ended what became of it, and what it measured.

    Args:
        step: To be completed.
        run_dir: The run's folder.
        plan: Of the search.
        cut_short: It was stopped before its time, unless its record says otherwise.

    Returns:
        Its record, if there is one.
    """
    try:
        record = run_record.load(run_dir)
    except ResultError as error:
        step.state, step.reason = ("cut_short", "") if cut_short else ("void", error.message)
        return None
    verdict = record.verdict
    if verdict is None or verdict.result == "interrupted":
        step.state = "cut_short"
        return record
    step.reason = " ".join(reason.text for reason in verdict.reasons)
    if verdict.result == "void":
        step.limit = generator_limit(record)
        step.state = "limited" if step.limit else "void"
    elif verdict.result == "failed" and all(reason.code == _NO_DATA for reason in verdict.reasons):
        step.state = "void"  # neither met nor missed: a smaller load would have no more data
    elif verdict.result == "failed":
        step.state, step.limit = "failed", system_limit(record)
    else:
        step.state = "passed"
    _figures(step, record, run_dir, plan)
    return record


def refused(step: CapacityStep, error: LoadTestError) -> None:
    """Say of a run that could not be made why not."""
    step.reason = error.line
    if DESCRIPTORS in step.reason:
        step.state, step.limit = "limited", DESCRIPTORS
    else:
        step.state = "void"


def _figures(step: CapacityStep, record: RunRecord, run_dir: Path, plan: SearchPlan) -> None:
    found = run_figures(record, run_dir)
    step.rate_per_s = round(found.values.get(key_of(THROUGHPUT), 0.0), 3)
    step.latency = [
        _latency(leg, found.samples[plan.phase, leg]) for leg in plan.legs if (plan.phase, leg) in found.samples
    ]
    connecting = plan.phase == RAMP
    step.cpu_percent = {
        health.source: health.cpu_percent_max if connecting else health.cpu_percent for health in record.health
    }
    step.cores = int(record.run.host.get("cpus", 0) or 0)


def _latency(leg: str, histogram: Histogram) -> StepLatency:
    """Percentiles are upper edges of slots; the largest sample is known exactly."""
    most_us = histogram.max_us
    p50_us, p90_us, p99_us, p999_us = (min(each, most_us) for each in histogram.percentiles((50, 90, 99, 99.9)))
    return StepLatency(
        leg=leg,
        count=histogram.total,
        p50_us=p50_us,
        p90_us=p90_us,
        p99_us=p99_us,
        p999_us=p999_us,
        max_us=most_us,
    )
