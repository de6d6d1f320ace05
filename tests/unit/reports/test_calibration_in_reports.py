"""What is known of the instrument stands in the reports of a run, and on the terminal."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from sample_run import SampleRun

from loadtest.cli.summary import print_summary
from loadtest.measure.calibration_note import CalibrationNote
from loadtest.reports import write_reports

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("holds_per_s", [1, 1_000_000])
def test_a_run_says_what_its_instrument_is_worth(tmp_path: Path, holds_per_s: int) -> None:
    made_at = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    note = CalibrationNote(made_at=made_at, truthful=True, floor_us=210, holds_per_s=holds_per_s)
    record = SampleRun(description={"calibration": note}).finished(tmp_path)
    write_reports(tmp_path)
    out = io.StringIO()
    print_summary(record, Console(file=out, width=120))
    for text in (out.getvalue(), (tmp_path / "summary.md").read_text(), (tmp_path / "report.html").read_text()):
        assert f"floor 0.21 ms, holds to {holds_per_s:,} messages/s per engine" in text
        assert ("Beyond what was calibrated" in text) == (holds_per_s == 1)
    assert record.verdict is not None
    assert record.verdict.result == "passed", "it is a note, no reason"


def test_one_that_was_not_calibrated_says_nothing(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path)
    write_reports(tmp_path)
    assert "calibrated" not in (tmp_path / "summary.md").read_text()
