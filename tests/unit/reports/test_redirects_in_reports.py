"""That load went to other servers than the one named stands beside the verdict."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from sample_run import SampleRun
from simulated_runs import run

from loadtest.cli.comparison import print_comparison
from loadtest.cli.summary import print_summary
from loadtest.compare.arm import Arm
from loadtest.compare.compare import compare
from loadtest.measure import run_record
from loadtest.measure.redirect_note import redirects
from loadtest.measure.run_events import REDIRECTED, RunEvent
from loadtest.reports import write_reports

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_whose_load_went_elsewhere_says_so(tmp_path: Path) -> None:
    record = SampleRun().finished(tmp_path)
    assert redirects(record) == ""
    record.counters["engine.mqtt_redirected"] = 1_200
    record.events.append(RunEvent(0.5, REDIRECTED, "cp-000000: use another server, mqtt://b:1883"))
    run_record.write(record, tmp_path)
    write_reports(tmp_path)
    out = io.StringIO()
    print_summary(record, Console(file=out, width=120))
    for text in (out.getvalue(), (tmp_path / "summary.md").read_text(), (tmp_path / "report.html").read_text()):
        assert "charge points were sent to other servers 1,200 times." in text
        assert "First: cp-000000: use another server, mqtt://b:1883." in text
    assert record.verdict is not None
    assert record.verdict.result == "passed", "it is a note, no reason"
    record.counters["engine.mqtt_redirected"] = 1
    assert "other servers once." in redirects(record)


def test_a_comparison_says_so_once_for_all_runs_of_an_arm() -> None:
    random = np.random.default_rng(1)
    named, elsewhere = (Arm(name, [run(random) for _ in range(2)]) for name in ("named", "elsewhere"))
    for record in elsewhere.runs:
        record.counters["engine.mqtt_redirected"] = 30
    comparison = compare(named, elsewhere)
    assert [len(arm.adaptations) for arm in comparison.arms] == [0, 1]
    out = io.StringIO()
    print_comparison(comparison, Console(file=out, width=120))
    assert "elsewhere: Not all load went to the broker that was named: charge points were sent" in out.getvalue()
    assert out.getvalue().count("other servers 60 times.") == 1
