"""Damaged folders: what is wrong is told by file and line, and all the rest is still shown."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from sample_run import STARTED_AT, SampleRun

from loadtest.errors import ResultError
from loadtest.reports import write_reports
from loadtest.reports.run_folder import MOST_DAMAGE, RunFolder, open_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="run_dir")
def a_whole_run(tmp_path: Path) -> Path:
    SampleRun(lost_every=30).finished(tmp_path)
    return tmp_path


def samples_in(run: RunFolder) -> int:
    return sum(histogram.total for histogram in run.totals.values())


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = text + "\n"
    path.write_text("".join(lines))


def test_a_whole_folder_has_no_gaps(run_dir: Path) -> None:
    assert open_run(run_dir).gaps == []


def test_a_corrupt_line_costs_its_own_samples_only(run_dir: Path) -> None:
    log = run_dir / "latency.hlog"
    whole = samples_in(open_run(run_dir))
    lines = log.read_text().splitlines()
    head, _, blob = lines[29].rpartition(",")
    damaged = bytearray(base64.b64decode(blob))
    damaged[12] ^= 0xFF
    replace_line(log, 30, f"{head},{base64.b64encode(damaged).decode()}")
    replace_line(log, 35, "garbage")
    replace_line(log, 40, lines[39].replace("Tag=", "Tag=one.too.many."))
    run = open_run(run_dir)
    assert len(run.gaps) == 3
    for number in (30, 35, 40):
        assert any(gap.startswith(f"latency.hlog: line {number} is damaged: ") for gap in run.gaps)
    assert 0.5 * whole < samples_in(run) < whole
    write_reports(run_dir)
    for gap in run.gaps:
        assert gap in (run_dir / "summary.md").read_text()


def test_much_damage_is_told_in_few_words(run_dir: Path) -> None:
    log = run_dir / "latency.hlog"
    for number in range(20, 20 + MOST_DAMAGE + 5):
        replace_line(log, number, "garbage")
    run = open_run(run_dir)
    assert len(run.gaps) == MOST_DAMAGE + 1
    assert run.gaps[-1] == "latency.hlog: 5 more lines are damaged."


@pytest.mark.parametrize("cut", [1, 3, 30, 300])
def test_files_cut_off_anywhere_are_told_of_and_what_stands_before_is_shown(run_dir: Path, cut: int) -> None:
    for name in ("latency.hlog", "timeline.csv"):
        path = run_dir / name
        path.write_bytes(path.read_bytes()[:-cut])
    run = open_run(run_dir)
    assert run.totals
    assert run.timeline
    assert any(gap.startswith("timeline.csv: line ") and gap.endswith(" was cut off.") for gap in run.gaps)
    if cut > 1:  # else nothing but the line's end is missing
        assert any(gap.startswith("latency.hlog: line ") for gap in run.gaps)


def test_a_damaged_row_of_the_timeline_leaves_the_others(run_dir: Path) -> None:
    rows = len(open_run(run_dir).timeline)
    replace_line(run_dir / "timeline.csv", 4, "hello")
    run = open_run(run_dir)
    assert len(run.timeline) == rows - 1
    assert run.gaps[0].startswith("timeline.csv: line 4 is damaged: ")


def test_columns_an_older_version_did_not_write_are_named(run_dir: Path) -> None:
    path = run_dir / "timeline.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    left = [index for index, name in enumerate(rows[0]) if name not in ("half_open", "charging")]
    path.write_text("".join(",".join(row[index] for index in left) + "\n" for row in rows))
    run = open_run(run_dir)
    assert run.gaps == ["timeline.csv: it comes from another version: there are no columns half_open, charging."]
    assert sum(row.answered for row in run.timeline) == run.record.operations.answered


def test_a_record_cut_off_leaves_what_was_measured(run_dir: Path) -> None:
    path = run_dir / "run.json"
    path.write_bytes(path.read_bytes()[:500])
    run = open_run(run_dir)
    assert f"{path} is damaged or cut off: " in run.gaps[0]
    assert run.record.run.started_at == STARTED_AT, "the log knows it"
    write_reports(run_dir)
    text = (run_dir / "summary.md").read_text()
    assert "unfinished" in text.splitlines()[0]
    assert "| steady | Heartbeat |" in text
    assert run.ledger is not None


def test_a_ledger_cut_off_is_named(run_dir: Path) -> None:
    path = run_dir / "ledger.json"
    path.write_bytes(path.read_bytes()[:-100])
    (gap,) = open_run(run_dir).gaps
    assert f"{path} is damaged or cut off: " in gap


def test_a_record_of_an_older_version_is_read_without_what_it_did_not_know(run_dir: Path) -> None:
    path = run_dir / "run.json"
    record = json.loads(path.read_text())
    for name in ("faults", "storms", "transactions", "commands", "counted_by", "thresholds", "registered_at_end"):
        del record[name]
    path.write_text(json.dumps(record))
    run = open_run(run_dir)
    assert run.gaps == []
    assert len(write_reports(run_dir)) >= 2


def test_a_record_of_a_newer_version_is_refused(run_dir: Path) -> None:
    path = run_dir / "run.json"
    path.write_text(path.read_text().replace('"version": 1,', '"version": 99,', 1))
    with pytest.raises(ResultError, match="format version 99; this loadtest reads up to") as caught:
        open_run(run_dir)
    assert "newer" in caught.value.hint
