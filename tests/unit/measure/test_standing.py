"""What a page shows of a run: while it goes on the books as they stand, afterwards what its record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from sample_run import SampleRun

from loadtest.measure import standing, timeline
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import OperationRow
from loadtest.measure.interval_log import IntervalLogReader
from loadtest.measure.run_record import LATENCY_HLOG, TIMELINE_CSV
from loadtest.measure.tags import parse

if TYPE_CHECKING:
    from pathlib import Path


def merged(folder: Path, phase: str, leg: str, kind: str) -> Histogram:
    found = Histogram()
    for interval in IntervalLogReader(folder / LATENCY_HLOG):
        tag = parse(interval.tag)
        if (tag.phase, tag.leg, tag.kind) == (phase, leg, kind):
            found.merge(interval.samples())
    return found


def test_a_run_that_has_ended_stands_as_its_record_says(tmp_path: Path) -> None:
    processes = SampleRun(lost_every=30, duplicated_every=25, timed_out_every=40).play(tmp_path)
    processes.report_finally()
    record = processes.finish()
    found = processes.collector.standing()
    assert (found.run_id, found.state, found.verdict) == (record.run.run_id, "complete", record.verdict)
    assert (found.operations, found.deliveries) == (record.operations, record.deliveries)
    assert found.deliveries.lost > 0
    assert [health.source for health in found.health] == [health.source for health in record.health]
    for figures in found.legs:
        samples = merged(tmp_path, figures.phase, figures.leg, "intended")
        service = merged(tmp_path, figures.phase, figures.leg, "service")
        expected = [min(each, samples.max_us) for each in samples.percentiles((50, 99, 99.9))]
        assert [figures.p50_us, figures.p99_us, figures.p999_us] == expected
        assert (figures.samples, figures.max_us) == (samples.total, samples.max_us)
        assert figures.service_p99_us == min(service.percentile(99), service.max_us)
    assert {(figures.phase, figures.leg) for figures in found.legs} >= {("steady", "uplink"), ("ramp", "register")}


def test_its_rows_are_those_of_the_timeline_and_none_is_sent_twice(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)
    rows = timeline.read(tmp_path / TIMELINE_CSV)
    found = processes.collector.standing()
    assert found.columns == timeline.TimelineRow.__struct_fields__
    written = [tuple(round(v, 1) if isinstance(v, float) else v for v in row) for row in found.rows]
    assert written == [msgspec.structs.astuple(row) for row in rows]
    assert processes.collector.standing(rows[-1].second).rows == []
    processes.report(5)
    assert [row[0] for row in processes.collector.standing(rows[-1].second).rows] == [5]


def test_while_it_goes_on_every_message_sent_is_accounted_for(tmp_path: Path) -> None:
    processes = SampleRun(timed_out_every=40).play(tmp_path, until_s=6)
    found = processes.collector.standing()
    fates = found.operations
    assert (found.state, found.verdict, found.now_s) == ("running", None, 6.0)
    assert fates.sent > 0
    assert fates.sent == fates.answered + fates.call_error + fates.timed_out + fates.cut_off + fates.unfinished
    assert fates.link_cut == 0
    assert found.deliveries.delivered + found.deliveries.lost == fates.sent
    assert [span.name for span in found.phases] == ["ramp", "steady", "drain"]


def test_percentiles_are_found_again_only_where_samples_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)
    before = processes.collector.standing()
    monkeypatch.setattr(standing, "_figures", lambda *_: pytest.fail("nothing has come"))
    assert processes.collector.standing().legs == before.legs
    monkeypatch.undo()
    processes.report(5)
    grown = {(each.phase, each.leg): each.samples for each in processes.collector.standing().legs}
    assert grown["steady", "uplink"] > next(e.samples for e in before.legs if (e.phase, e.leg) == ("steady", "uplink"))


def test_only_the_last_seconds_of_a_long_run_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST_ROWS", 4)
    processes = SampleRun().play(tmp_path, until_s=8)
    assert [row[0] for row in processes.collector.standing().rows] == [4, 5, 6, 7]


def test_a_run_nobody_has_reported_of_stands_empty(tmp_path: Path) -> None:
    found = SampleRun().play(tmp_path, until_s=0).collector.standing()
    assert (found.rows, found.legs, found.now_s, found.commands, found.transactions) == ([], [], 0.0, None, None)
    assert msgspec.json.decode(msgspec.json.encode(found))["state"] == "running"


def test_what_links_took_is_not_under_way() -> None:
    row = OperationRow("steady", "Heartbeat", sent=9, answered=4, timed_out=1, cut_off=1, link_cut=2)
    assert standing._operations([[row]]).unfinished == 1


def test_who_was_sent_to_other_servers_is_added_up_over_engines(tmp_path: Path) -> None:
    collector = SampleRun().play(tmp_path, until_s=5).collector
    assert collector.standing().redirected == 0
    for source in collector._sources.values():
        source.counters["engine.mqtt_redirected"] = 2 if source.role == "engine" else 0
    engines = sum(source.role == "engine" for source in collector._sources.values())
    assert collector.standing().redirected == 2 * engines > 0
