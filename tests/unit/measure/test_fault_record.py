"""Faults in the record, the verdict and the report; limits a scenario may set."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sample_run import EPOCH_NS, SampleRun

from loadtest.errors import UsageError
from loadtest.measure.interval import IntervalReport, RegionalOutage
from loadtest.measure.limits import Limits
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_record import RunRecord
from loadtest.measure.run_totals import OperationTotals
from loadtest.measure.source_health import SourceHealth
from loadtest.measure.spans import FaultSpan
from loadtest.measure.verdict import judge
from loadtest.reports import run_tables
from loadtest.reports.run_folder import open_run
from loadtest.reports.time_charts import time_charts
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path


def fault(**changes: Any) -> FaultSpan:
    fields: dict[str, Any] = {"name": "f", "what": "kill it", "planned_begin_s": 5, "planned_end_s": 7}
    return FaultSpan(**(fields | changes))


def test_a_fault_is_recorded_with_its_real_instants_and_shown(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path)
    processes.collector.plan_faults([fault(), fault(name="never", planned_begin_s=8, planned_end_s=9)])
    processes.collector.fault_state("f", EPOCH_NS + 5 * NS_PER_S + 2_000_000, begun=True)
    processes.collector.fault_state("f", EPOCH_NS + 7 * NS_PER_S + 400_000_000, begun=False)
    processes.report_finally()
    record = processes.finish()
    assert [(each.begin_s, each.back_s) for each in record.faults] == [(5.002, 7.4), (None, None)]
    assert [event.at_s for event in record.events if event.kind.startswith("fault_")] == [5.002, 7.4]

    run = open_run(tmp_path)
    (table,) = [table for table in run_tables.tested(run.record) if table.title == "Faults"]
    assert table.rows == (
        ("f", "kill it", "5.0 s to 7.0 s", "5.002 s", "7.400 s"),
        ("never", "kill it", "8.0 s to 9.0 s", "never", "not"),
    )
    for chart in time_charts(run):
        for variant in chart["variants"]:
            broken, mended = [shape for shape in variant["layout"]["shapes"] if shape["type"] == "rect"]
            assert (broken["x0"], broken["x1"], mended["x1"]) == (5.002, 7, 7.4)


def test_regional_outages_of_several_engines_are_told_once_and_shaded(tmp_path: Path) -> None:
    def outage(region: int, start_s: float, end_s: float, charge_points: int) -> RegionalOutage:
        return RegionalOutage(region=region, start_s=start_s, end_s=end_s, charge_points=charge_points)

    processes = SampleRun().play(tmp_path)
    for engine, count in (("e0", 3), ("e1", 4)):
        found = [outage(2, 5.5, 7.0, count), outage(0, 3.0, 1e9, count)]
        processes.collector.add(engine, "engine", IntervalReport(index=7, regional_outages=found))
    processes.report_finally()
    record = processes.finish()
    assert record.regional_outages == [outage(0, 3.0, record.end_s, 7), outage(2, 5.5, 7.0, 7)]
    assert [(event.at_s, event.text) for event in record.events if event.kind.startswith("region_")] == [
        (3.0, "region 0: 7 charge points have no network"),
        (5.5, "region 2: 7 charge points have no network"),
        (7.0, "region 2: 7 charge points have their network back"),
    ]
    chart = time_charts(open_run(tmp_path))[0]
    (figure, *_) = chart["variants"]
    bands = [(shape["x0"], shape["x1"]) for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert bands[1] == (5.5, 7.0)
    assert len(bands) == 2


def record(*faults: FaultSpan, **changes: Any) -> RunRecord:
    run = RunDescription(run_id="r", scenario="s", started_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    operations = OperationTotals(offered=9, sent=9, answered=9)
    return RunRecord(run=run, operations=operations, faults=list(faults), **changes)


def test_who_stood_still_on_purpose_is_not_blamed_for_late_reports() -> None:
    late = [SourceHealth(source="w0/subscriber-0", role="subscriber", final=True, coalesced_intervals=3)]
    assert [reason.code for reason in judge(record(health=late)).reasons] == ["generator_backlog"]
    assert [reason.code for reason in judge(record(fault(part="broker"), health=late)).reasons] == ["generator_backlog"]
    assert judge(record(fault(part="subscriber"), health=late)).result == "passed"


def test_calls_answered_twice_are_nobodys_fault_after_a_fault() -> None:
    twice = {"engine.late_or_duplicate_answers": 3}
    assert [reason.code for reason in judge(record(counters=twice)).reasons] == ["answers_doubled"]
    assert judge(record(fault(), counters=twice)).result == "passed"


def test_all_mistakes_in_limits_are_told_at_once() -> None:
    Limits(lost=None, dropped_share=0.5).check()
    with pytest.raises(UsageError) as caught:
        Limits(lost=-1, unanswered="many", dropped_share=float("nan")).check()  # type: ignore[arg-type]  # on purpose
    assert [text.split(":")[0] for text in caught.value.faults] == [
        "limits.lost",
        "limits.unanswered",
        "limits.dropped_share",
    ]
