"""The collector against a made-up run whose every number is known."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import os
from typing import TYPE_CHECKING

import msgspec
import pytest
from sample_run import EPOCH_NS, STARTED_AT, SampleRun

from loadtest.errors import ResultError
from loadtest.measure import timeline
from loadtest.measure.collector import Collector
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import IntervalReport, Series
from loadtest.measure.interval_log import IntervalLogReader, read_totals
from loadtest.measure.ledger import Ledger
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_record import load
from loadtest.measure.run_totals import OperationTotals
from loadtest.measure.seconds import PATIENCE
from loadtest.measure.tags import parse
from loadtest.scenario.fleet_classes import BEYOND_FLEET
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from sample_run import SampleProcesses

LOSSY = SampleRun(lost_every=37, duplicated_every=23, reordered_every=41, timed_out_every=53, subscribers=2)


def ledger_of(run_dir: Path) -> Ledger:
    return msgspec.json.decode((run_dir / "ledger.json").read_bytes(), type=Ledger)


def assert_equal_everywhere(run_dir: Path) -> None:
    """The rule the whole record rests on: interval log, ledger and run record tell the same."""
    record, ledger, totals = load(run_dir), ledger_of(run_dir), read_totals(run_dir / "latency.hlog")
    assert {row.tag: row.count for row in record.latency} == {tag: h.total for tag, h in totals.items()}
    for summary in record.latency:
        histogram = totals[summary.tag]
        assert (summary.p50_us, summary.p99_us, summary.p999_us) == tuple(histogram.percentiles((50, 99, 99.9)))
    for kind in ("intended", "service"):
        counted = {
            f"{row.phase}.round_trip.{row.action}.{kind}": row.answered + row.call_error + row.timed_out
            for row in ledger.operations
        } | {f"{row.phase}.uplink.{row.action}.{kind}": row.delivered for row in ledger.legs}
        for tag, count in counted.items():
            assert (totals[tag].total if tag in totals else 0) == count
    rows = timeline.read(run_dir / "timeline.csv")
    for name in ("offered", "sent", "answered", "timed_out"):
        whole = getattr(record.operations, name)
        assert sum(getattr(row, name) for row in rows) == whole == sum(getattr(row, name) for row in ledger.operations)
    assert sum(row.delivered for row in rows) == record.deliveries.delivered == ledger.delivered


def test_log_ledger_timeline_and_record_agree_to_the_last_sample(tmp_path: Path) -> None:
    processes = LOSSY.play(tmp_path)
    processes.report_finally()
    record = processes.finish()
    assert_equal_everywhere(tmp_path)
    assert record.unbalanced == []
    assert record.operations.sent == processes.sent
    assert record.deliveries.lost == len(processes.lost) > 0
    named = [(row.charge_point, sequence) for row in ledger_of(tmp_path).lost_messages for sequence in row.sequences]
    assert sorted(named) == sorted(processes.lost)
    assert {reason.code for reason in record.verdict.reasons} == {"lost", "unanswered"}  # type: ignore[union-attr]
    assert load(tmp_path) == record


def test_each_interval_is_one_line_per_tag_whatever_the_number_of_processes(tmp_path: Path) -> None:
    SampleRun(engines=3, subscribers=2).finished(tmp_path)
    lines = list(IntervalLogReader(tmp_path / "latency.hlog"))
    assert len({(line.tag, line.start_s) for line in lines}) == len(lines) > 20


def test_every_sample_is_handed_out_exactly_once(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=0)
    handed_out: dict[str, int] = {}
    returned = [pair for second in range(processes.sample.length_s) for pair in processes.report(second)]
    returned += processes.collector.drain()
    for tag, histogram in returned:
        handed_out[str(tag)] = handed_out.get(str(tag), 0) + histogram.total
    assert handed_out == {tag: h.total for tag, h in read_totals(tmp_path / "latency.hlog").items()}


def test_a_second_is_written_as_soon_as_every_process_has_passed_it(tmp_path: Path) -> None:
    SampleRun().play(tmp_path, until_s=3)
    assert [row.second for row in timeline.read(tmp_path / "timeline.csv")] == [0, 1, 2]
    assert {line.start_s for line in IntervalLogReader(tmp_path / "latency.hlog")} == {0.0, 1.0, 2.0}


def test_a_silent_process_holds_seconds_back_no_longer_than_patience(tmp_path: Path) -> None:
    processes = SampleRun(steady_s=9).play(tmp_path, until_s=2)
    for second in range(2, 8):
        processes.report(second, skip=("w0/engine-1",))
    assert [row.second for row in timeline.read(tmp_path / "timeline.csv")][-1] == 7 - PATIENCE
    for second in range(8, processes.sample.length_s):
        processes.report(second)
    processes.report_finally()
    record = processes.finish()
    assert_equal_everywhere(tmp_path)
    assert record.verdict is not None
    assert record.verdict.result == "passed"


def test_a_report_that_comes_late_still_counts_in_full(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=6)
    late = Histogram()
    late.record_many([1000, 2000])
    report = IntervalReport(index=1, series=[late.to_series("steady.connect.WebSocket.intended")])
    (returned,) = processes.collector.add("w0/engine-0", "engine", report)
    assert returned[1].total == 2
    for second in range(6, processes.sample.length_s):
        processes.report(second)
    processes.report_finally()
    record = processes.finish()
    assert read_totals(tmp_path / "latency.hlog")["steady.connect.WebSocket.intended"].total == 2
    assert [(event.kind, event.part) for event in record.events] == [("late_report", "w0/engine-0")]
    assert record.verdict is not None
    assert record.verdict.result == "passed"


def test_a_dead_process_is_not_waited_for_and_makes_the_run_void(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=4)
    processes.collector.part_gone("w0/engine-1", "w0/engine-1 killed by signal 9")
    for second in range(4, processes.sample.length_s):
        processes.report(second, skip=("w0/engine-1",))
        assert timeline.read(tmp_path / "timeline.csv")[-1].second == second
    processes.report_finally(skip=("w0/engine-1",))
    record = processes.finish()
    assert record.verdict is not None
    assert record.verdict.exit_code == 4
    assert {reason.code for reason in record.verdict.reasons} == {"part_died", "report_missing"}
    assert record.registered == processes.sample.charge_points


def test_what_a_dead_subscriber_had_seen_is_not_taken_for_lost(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path)
    processes.collector.part_gone("w0/subscriber-0", "w0/subscriber-0 killed by signal 9")
    processes.report_finally(skip=("w0/subscriber-0",))
    record, ledger = processes.finish(), ledger_of(tmp_path)
    assert (record.deliveries.lost, ledger.lost_messages, ledger.unbalanced) == (0, [], [])
    assert record.verdict is not None
    assert record.verdict.result == "void"


def test_a_process_that_was_announced_and_never_reported_is_missed(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path)
    processes.collector.expect("w1/engine-0", "engine", "host")
    processes.report_finally()
    record = processes.finish()
    assert record.verdict is not None
    assert [reason.code for reason in record.verdict.reasons] == ["report_missing"]


def stand_that_is_heard_of_until(tmp_path: Path, until_s: int) -> SampleProcesses:
    processes = SampleRun().play(tmp_path, until_s=until_s)
    for second in range(until_s, processes.sample.length_s):
        processes.report(second, skip=("stand",))
    return processes


def test_a_stand_that_is_silent_until_it_is_asked_for_its_last_words_has_stood_still(tmp_path: Path) -> None:
    processes = stand_that_is_heard_of_until(tmp_path, 3)
    processes.collector.note_silence("stand")
    processes.collector.note_standstill(40_000)
    processes.report_finally()
    record = processes.finish()
    health = {each.source: each for each in record.health}
    assert health["stand"].loop_lag_max_us == (processes.sample.length_s - 4) * 1_000_000, "since its report was due"
    assert health["master"].loop_lag_max_us == 40_000
    assert record.verdict is not None
    assert [reason.code for reason in record.verdict.reasons] == ["generator_stood_still"]


def test_a_report_that_is_due_just_now_is_not_late(tmp_path: Path) -> None:
    processes = stand_that_is_heard_of_until(tmp_path, SampleRun().length_s - 1)
    processes.collector.note_silence("stand")
    processes.report_finally()
    assert {each.source: each.loop_lag_max_us for each in processes.finish().health}["stand"] < 1000


def test_a_stand_that_died_has_not_stood_still(tmp_path: Path) -> None:
    processes = stand_that_is_heard_of_until(tmp_path, 3)
    processes.collector.part_gone("stand", "it ended with status 1")
    processes.collector.note_silence("stand")
    processes.report_finally(skip=("stand",))
    assert {each.source: each.loop_lag_max_us for each in processes.finish().health}["stand"] < 1000


def test_a_killed_run_leaves_all_but_its_last_seconds(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)
    del processes
    record = load(tmp_path)
    assert (record.state, record.verdict, record.run.run_id) == ("running", None, "sample")
    assert len(timeline.read(tmp_path / "timeline.csv")) == 5
    assert read_totals(tmp_path / "latency.hlog")["steady.uplink.Heartbeat.intended"].total > 0


def test_a_damaged_series_is_put_on_record_and_voids_the_run(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path)
    for tag in ("steady.uplink.Heartbeat.intended", "nonsense", "steady.up,link.x.y"):
        report = IntervalReport(index=10, series=[Series(tag, b"junk", 1, 1)])
        processes.collector.add("w0/subscriber-0", "subscriber", report)
    processes.report_finally()
    record = processes.finish()
    assert [event.kind for event in record.events] == ["damaged_report"] * 3
    assert record.verdict is not None
    assert record.verdict.result == "void"


def test_phases_hosts_facts_and_health_are_on_record(tmp_path: Path) -> None:
    processes = SampleRun(cpu_ns=300_012_345).play(tmp_path)
    processes.collector.describe_sut({"broker": {"kind": "amqtt"}})
    processes.report_finally()
    record = processes.finish()
    assert [(span.name, span.start_s, span.end_s) for span in record.phases] == [
        ("ramp", 0.0, 3.0),
        ("steady", 3.0, 9.0),
        ("drain", 9.0, 10.0),
    ]
    assert record.run.sut["broker"] == {"kind": "amqtt"}
    assert "gateway" in record.run.sut
    health = {row.source: row for row in record.health}
    assert health["w0/engine-0"].cpu_percent == 30.001
    assert health["gateway"].cpu_percent == 45.0
    assert health["broker"].rss_bytes_max == 9 * 2**20
    assert "cpu_ns.gateway" not in record.counters
    assert record.locust["requests"] == processes.sent


def test_the_same_messages_are_counted_hop_by_hop(tmp_path: Path) -> None:
    record = SampleRun(lost_every=50).finished(tmp_path)
    up = [hop.count for hop in record.counted_by if hop.way == "up"]
    sent, lost = record.operations.sent, record.deliveries.lost
    # The fourth is what no counter explains, between gateway and subscriber.
    assert up == [sent, sent, sent - lost, lost, sent - lost, sent - lost, sent - lost]
    back = [hop.count for hop in record.counted_by if hop.way == "back"]
    assert back == [sent - lost, sent - lost, sent - lost, sent, sent]


def test_cpu_is_averaged_over_the_steady_phase(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=3)
    processes.sample.cpu_ns = 950_000_000
    for second in range(3, processes.sample.length_s):
        processes.report(second)
    processes.report_finally()
    record = processes.finish()
    assert next(row.cpu_percent for row in record.health if row.role == "engine") == 95.0
    assert record.verdict is not None
    assert {reason.code for reason in record.verdict.reasons} == {"generator_cpu"}


def test_a_disk_that_fills_up_leaves_a_readable_record_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for second in range(5, processes.sample.length_s):
        processes.report(second)
    processes.report_finally()
    record = processes.finish()
    assert record.state == "partial"
    assert record.verdict is not None
    assert (record.verdict.result, record.verdict.exit_code) == ("void", 4)
    assert [reason.code for reason in record.verdict.reasons] == ["results_incomplete"] * 2
    assert "No space left on device" in record.verdict.reasons[0].text
    assert load(tmp_path) == record
    assert len(timeline.read(tmp_path / "timeline.csv")) == 5
    assert read_totals(tmp_path / "latency.hlog")
    assert not (tmp_path / ".reserve").exists()


def test_a_record_that_cannot_be_written_at_the_end_is_returned_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = SampleRun().play(tmp_path)
    processes.report_finally()

    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(type(tmp_path), "write_bytes", fail)
    record = processes.finish()
    assert record.state == "partial"
    assert record.verdict is not None
    assert record.verdict.result == "void"
    assert load(tmp_path).state == "running"


def test_a_folder_that_cannot_be_written_to_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = RunDescription(run_id="r", scenario="s", started_at=STARTED_AT)
    with pytest.raises(ResultError, match="cannot write to"):
        Collector(tmp_path / "file" / "run", run)


def test_a_time_of_day_that_jumps_is_told_and_changes_nothing_measured(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path)
    processes.clock_step_s = -86_400.0
    processes.report_finally()
    record = processes.finish()
    assert record.ended_at == STARTED_AT + dt.timedelta(seconds=record.end_s)
    assert [event.text for event in record.events if event.kind == "clock_stepped"] == [
        "the time of day is -86,400 s off the time measured: it was set, or the machine slept"
    ]
    assert record.verdict is not None
    assert record.verdict.result == "passed"


def test_an_interrupted_run_is_partial_and_says_130(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)
    processes.collector.event("interrupted", "stopped before its time")
    processes.report_finally()
    record = processes.finish("partial")
    assert record.verdict is not None
    assert (record.state, record.verdict.exit_code) == ("partial", 130)
    assert_equal_everywhere(tmp_path)


def test_reports_from_before_the_epoch_count_in_the_first_second(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=0)
    processes.now_ns = EPOCH_NS - NS_PER_S
    early = Histogram()
    early.record_many([5])
    report = IntervalReport(index=-1, series=[early.to_series("ramp.pacer.release.service")])
    processes.collector.add("w0/engine-0", "engine", report)
    processes.collector.drain()
    (line,) = IntervalLogReader(tmp_path / "latency.hlog")
    assert (parse(line.tag).leg, line.start_s) == ("pacer", 0.0)


def test_classes_have_books_of_their_own_that_add_up_to_those_of_the_run(tmp_path: Path) -> None:
    sample = dataclasses.replace(LOSSY, classes={"Depot": 10, "Kerb": 30}, never_register=1)
    record = sample.finished(tmp_path)
    assert_equal_everywhere(tmp_path)
    assert record.unbalanced == []
    assert [(part.name, part.charge_points) for part in record.classes] == [("Depot", 10), ("Kerb", 30)]
    for name in OperationTotals.__struct_fields__:
        assert sum(getattr(part.operations, name) for part in record.classes) == getattr(record.operations, name), name
    for name in ("delivered", "lost", "lost_charge_points", "duplicated", "reordered"):
        assert sum(getattr(part.deliveries, name) for part in record.classes) == getattr(record.deliveries, name), name
    assert all(part.deliveries.lost > 0 for part in record.classes)
    together: dict[str, Histogram] = {}
    by_class = read_totals(tmp_path / "latency-classes.hlog")
    for part in record.classes:
        for row in part.latency:
            histogram = by_class[f"{part.name}.{row.tag}"]
            assert (histogram.total, *histogram.percentiles((50, 99))) == (row.count, row.p50_us, row.p99_us)
            together.setdefault(row.tag, Histogram()).merge(histogram)
    whole = read_totals(tmp_path / "latency.hlog")
    for tag, histogram in together.items():
        assert histogram.encode() == whole[tag].encode(), tag
    assert {tag for tag in whole if ".pacer." not in tag} == set(together)


def test_classes_that_do_not_add_up_make_the_run_void(tmp_path: Path) -> None:
    processes = SampleRun(classes={"Depot": 10, "Kerb": 30}).play(tmp_path)
    row = next(iter(processes.of_class["engine", 0, "Kerb"].operations.values()))
    row.offered += 1
    row.dropped += 1
    processes.report_finally()
    record = processes.finish()
    total = record.operations.offered
    assert f"operations offered: {total} in all, {total + 1} in the classes together" in record.unbalanced
    assert record.verdict is not None
    assert record.verdict.result == "void"


def test_one_class_has_no_books_of_its_own(tmp_path: Path) -> None:
    record = SampleRun(classes={"Kerb": 40}).finished(tmp_path)
    assert record.classes == []
    assert not (tmp_path / "latency-classes.hlog").exists()


def test_charge_points_beyond_the_fleet_have_a_row_of_their_own(tmp_path: Path) -> None:
    record = dataclasses.replace(LOSSY, classes={"Depot": 10, "Kerb": 20}).finished(tmp_path)
    assert [(part.name, part.charge_points) for part in record.classes] == [
        ("Depot", 10),
        ("Kerb", 20),
        (BEYOND_FLEET, 0),
    ]
    assert record.unbalanced == []
    assert sum(part.operations.sent for part in record.classes) == record.operations.sent


def test_classes_add_up_when_a_process_has_died_as_well(tmp_path: Path) -> None:
    processes = dataclasses.replace(LOSSY, classes={"Depot": 10, "Kerb": 30}).play(tmp_path, until_s=4)
    processes.collector.part_gone("w0/engine-1", "w0/engine-1 killed by signal 9")
    for second in range(4, processes.sample.length_s):
        processes.report(second, skip=("w0/engine-1",))
    processes.report_finally(skip=("w0/engine-1",))
    record = processes.finish()
    assert sum(part.operations.sent for part in record.classes) == record.operations.sent > 0
    assert not any("classes together" in sentence for sentence in record.unbalanced)
