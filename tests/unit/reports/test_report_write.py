"""The two documents of a report: what is in them is what was measured, and nothing else gets in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sample_run import SampleRun

from loadtest.cli.messages import show_reports
from loadtest.errors import ResultError
from loadtest.measure import run_record
from loadtest.measure.histogram import Histogram
from loadtest.measure.limits import Limits
from loadtest.measure.percentiles import percentiles_us
from loadtest.measure.run_description import FleetPart
from loadtest.measure.storm import Storm
from loadtest.reports import write_reports
from loadtest.reports.__main__ import main
from loadtest.reports.run_folder import open_run
from loadtest.reports.view import phase_shown, view
from loadtest.scenario.bounds import below
from loadtest.scenario.thresholds import Latency

if TYPE_CHECKING:
    from pathlib import Path


def page_without_scripts(run_dir: Path) -> str:
    return re.sub(r"<script[^>]*>.*?</script>", "", (run_dir / "report.html").read_text(), flags=re.DOTALL)


def test_both_documents_say_the_verdict_first_and_why(tmp_path: Path) -> None:
    record = SampleRun(lost_every=30, never_register=2).finished(tmp_path)
    assert write_reports(tmp_path) == [tmp_path / "report.html", tmp_path / "summary.md", tmp_path / "junit.xml"]
    assert record.verdict is not None
    for text in (page_without_scripts(tmp_path), (tmp_path / "summary.md").read_text()):
        assert "ac_public: failed" in text
        for reason in record.verdict.reasons:
            assert text.index(reason.text) < text.index("Charge points registered")
        assert "loadtest run ac_public --charge-points 40 --seed 1" in text
        assert f"{record.deliveries.lost:,}" in text


def test_what_had_to_be_otherwise_stands_beside_the_verdict(tmp_path: Path) -> None:
    sentence = "NATS 2.9.10 has no QoS 2: QoS 1 instead"
    SampleRun(description={"adaptations": [sentence]}).finished(tmp_path)
    write_reports(tmp_path)
    for text in (page_without_scripts(tmp_path), (tmp_path / "summary.md").read_text()):
        assert text.index(sentence) < text.index("Charge points registered")


def test_the_headline_is_of_the_steady_phase_and_equals_the_samples(tmp_path: Path) -> None:
    SampleRun(rate_per_s=80, steady_s=10).finished(tmp_path)
    run = open_run(tmp_path)
    shown = {headline.label: headline for headline in view(run).headlines}
    assert phase_shown(run) == "steady"
    assert shown["Messages per second"].value == "80.0"
    assert shown["Charge points registered"].value == "40"
    p99_us = run.merged("steady", "uplink", "intended").percentile(99)
    assert shown["Uplink p99"].value == f"{p99_us / 1000:.2f} ms"


def test_the_share_of_messages_that_was_checked_is_shown(tmp_path: Path) -> None:
    SampleRun(invalid=1).finished(tmp_path)
    table = next(table for table in view(open_run(tmp_path)).ledgers if table.title == "Validity of messages")
    assert table.note == "1 of 64 messages, held against the official schemas."
    assert table.rows[1] == ("central system: answers", "20", "2")
    write_reports(tmp_path)
    assert table.title in page_without_scripts(tmp_path)


def test_every_table_row_has_as_many_cells_as_columns(tmp_path: Path) -> None:
    SampleRun(
        lost_every=30, thresholds=(Latency("p99", "uplink", below(1, "ms")),), stall_from_s=4, stall_s=1
    ).finished(tmp_path)
    shown = view(open_run(tmp_path))
    tables = [shown.thresholds, *shown.latency, *shown.ledgers, shown.health, *shown.tested]
    assert len(tables) > 10
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_storms_stand_side_by_side_and_what_was_not_reached_is_said(tmp_path: Path) -> None:
    record = SampleRun().finished(tmp_path)
    assert record.storms == []
    assert view(open_run(tmp_path)).storms.rows == ()
    boot = Storm(kind="boot", phase="ramp", start_s=1.0, away=40, back_after_s={50: 0.5, 90: 0.9, 99: 1.0, 100: 1.0})
    again = Storm(kind="reconnect", phase="fault:cut", start_s=9.0, away=30, back_after_s={50: 2.25}, refused=7)
    record.storms = [boot, again]
    run_record.write(record, tmp_path)
    write_reports(tmp_path)
    summary = (tmp_path / "summary.md").read_text()
    assert "|  | Boot storm 1 | Storm 2 |" in summary
    assert "| 50 % registered after | 0.500 s | 2.250 s |" in summary
    assert "| 90 % registered after | 0.900 s | not reached |" in summary
    assert "| Handshakes refused | 0 | 7 |" in summary
    assert "fault:cut" in page_without_scripts(tmp_path)


def test_markdown_tables_are_whole(tmp_path: Path) -> None:
    SampleRun(lost_every=30).finished(tmp_path)
    write_reports(tmp_path)
    widths = [line.count("|") for line in (tmp_path / "summary.md").read_text().splitlines() if line.startswith("|")]
    blocks = re.findall(r"(?:^\|.*\n)+", (tmp_path / "summary.md").read_text(), flags=re.MULTILINE)
    assert len(widths) > 40
    for block in blocks:
        lines = block.splitlines()
        assert len({line.count("|") for line in lines}) == 1
        assert re.fullmatch(r"[|\s:-]+", lines[1])


def test_no_percentile_exceeds_the_largest_sample() -> None:
    """HdrHistogram gives the upper edge of a slot, which lies above it."""
    histogram = Histogram()
    histogram.record_many([900_000] * 9 + [900_001])
    assert histogram.percentile(99) == 900_095
    assert percentiles_us(histogram, (50, 99, 100)) == [900_001] * 3


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path)
    write_reports(tmp_path)
    page = page_without_scripts(tmp_path)
    assert not re.search(r'src\s*=|href\s*=\s*"(?!#)', page)
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page


def test_text_from_a_run_cannot_become_markup_or_script(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> | <b>"
    SampleRun(description={"scenario": evil, "settings": {evil: evil}, "command": [evil]}).finished(tmp_path)
    processes = SampleRun(description={"scenario": evil}).play(tmp_path)
    processes.collector.event("warning", evil, evil)
    processes.collector.enter_phase("</script><script>alert(2)", processes.now_ns)
    processes.report_finally()
    processes.finish()
    write_reports(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in page
    assert "</script><script>" not in page
    assert page.count("</script>") == 3
    markdown = (tmp_path / "summary.md").read_text()
    assert "\\|" in markdown


def test_a_killed_run_is_reported_as_unfinished_with_what_there_is(tmp_path: Path) -> None:
    SampleRun().play(tmp_path, until_s=6)
    log = tmp_path / "latency.hlog"
    log.write_bytes(log.read_bytes()[:-9])
    write_reports(tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "ac_public: unfinished" in text
    assert re.search(r"- latency\.hlog: line \d+, the last, was cut off\.", text)
    assert "| steady | Heartbeat |" in text


@pytest.mark.parametrize("name", ["ledger.json", "timeline.csv", "latency.hlog"])
def test_any_missing_file_but_the_record_leaves_a_report_that_says_so(tmp_path: Path, name: str) -> None:
    SampleRun(lost_every=30).finished(tmp_path)
    (tmp_path / name).unlink()
    write_reports(tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert re.search(rf"cannot read .*{re.escape(name)}: No such file", text)


def test_a_damaged_log_keeps_what_stands_before_the_damage(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path)
    log = tmp_path / "latency.hlog"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:30], "garbage\n", *lines[30:]]))
    run = open_run(tmp_path)
    assert run.totals
    assert any("line 31 is damaged" in gap for gap in run.gaps)


def test_samples_no_histogram_can_hold_are_shown(tmp_path: Path) -> None:
    processes = SampleRun().play(tmp_path, until_s=5)
    from loadtest.measure.tags import Tag

    processes.engines[0].handle(Tag("ramp", "connect", "WebSocket", "intended")).extend([-5, 0, 61_000_000])
    for second in range(5, processes.sample.length_s):
        processes.report(second)
    processes.report_finally()
    processes.finish()
    connect = next(table for table in view(open_run(tmp_path)).latency if table.title.startswith("Connect"))
    assert connect.columns[-1] == "Out of range"
    assert connect.rows[0][-1] == "1 over 60 s, 2 not positive"


def test_a_folder_without_a_record_is_one_error_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ResultError, match="not the folder of a run"):
        write_reports(tmp_path)
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith(f"error: {tmp_path} is not the folder of a run")
    assert main([]) == 2


def test_a_folder_that_cannot_be_written_to_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SampleRun().finished(tmp_path)

    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", fail)
    with pytest.raises(ResultError, match=r"cannot write .*report\.html: No space left"):
        write_reports(tmp_path)


def test_what_fits_on_a_full_disk_is_written_and_the_rest_can_be_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    SampleRun().finished(tmp_path)
    write = type(tmp_path).write_bytes

    def full(path: Path, content: bytes) -> int:
        if len(content) > 1_000_000:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    show_reports(lambda: write_reports(tmp_path))
    assert [(tmp_path / name).exists() for name in ("report.html", "summary.md", "junit.xml")] == [False, True, True]
    told = capsys.readouterr()
    assert told.out == ""
    assert "report.html: No space left on device; " in told.err
    assert f"make room, then loadtest report {tmp_path}" in told.err


def test_facts_are_written_with_their_units(tmp_path: Path) -> None:
    facts: dict[str, object] = {
        "ramp_s": 2.5,
        "memory_bytes": 3 * 2**30,
        "shared": None,
        "tls": False,
        "faults": [],
        "x": {"a_s": 1.0},
    }
    SampleRun(description={"settings": facts}).finished(tmp_path)
    settings = next(table for table in view(open_run(tmp_path)).tested if table.title == "Settings")
    assert settings.rows == (
        ("ramp", "2.5 s"),
        ("memory", "3.00 GB"),
        ("shared", "not known"),
        ("tls", "no"),
        ("faults", "none"),
        ("x: a", "1 s"),
        ("seed", "1"),
    )


def test_the_mix_of_the_fleet_is_part_of_what_was_tested(tmp_path: Path) -> None:
    parts = [
        FleetPart(name="Kerb", charge_points=90, cohorts=2, model="AC", first_id="cp-000000", last_id="cp-000089"),
        FleetPart(name="Probe", charge_points=1, cohorts=1, model="DC", first_id="dc-000090", last_id="dc-000090"),
    ]
    SampleRun(description={"fleet": parts, "charge_points": 91}).finished(tmp_path)
    fleet = next(table for table in view(open_run(tmp_path)).tested if table.title == "Fleet")
    assert fleet.rows == (
        ("Kerb", "AC", "cp-000000 to cp-000089", "90", "98.9 %", "2"),
        ("Probe", "DC", "dc-000090", "1", "1.1 %", "1"),
    )


def test_a_report_says_nothing_of_a_path_that_nobody_took(tmp_path: Path) -> None:
    """Settings, fleet and storms of charge points that are all MQTT clients, or none of which is."""
    settings = {"gateway": "embedded", "gateway_processes": 1, "mqtt_version": "5", "charge_points": 9}
    for path, named in (("direct", ["mqtt version"]), ("gateway", ["gateway", "gateway processes"])):
        parts = [FleetPart(name="Kerb", charge_points=9, cohorts=1, path=path)]
        SampleRun(description={"fleet": parts, "settings": settings}).finished(tmp_path / path)
        shown = view(open_run(tmp_path / path)).tested
        rows = {table.title: table.rows for table in shown}
        assert [row[0] for row in rows["Settings"]] == [*named, "charge points", "seed"]
        assert ("direct" in rows["Fleet"][0]) == (path == "direct")


def test_what_was_not_judged_stands_beside_passed(tmp_path: Path) -> None:
    SampleRun(thresholds=(), description={"limits": Limits(lost=None, pacer_p99_us=None)}).finished(tmp_path)
    shown = view(open_run(tmp_path))
    assert shown.result == "passed"
    assert shown.result_text.endswith("Limits switched off: lost, pacer p99 us. No thresholds.")
