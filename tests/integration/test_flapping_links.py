"""The scenario ``flapping_links``: connections come and go, and every message still has its fate."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.measure import run_record

pytestmark = pytest.mark.integration

SCENARIO = Path(__file__).parents[2] / "scenarios" / "flapping_links.py"


def test_links_cut_hold_and_slow_down_and_the_books_balance(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "run", str(SCENARIO), "--results", str(tmp_path), "--run-id", "run"]
    sizes = ("--charge-points", "60", "--ramp", "1s", "--duration", "10s", "--drain-timeout", "5s")
    ended = subprocess.run([*command, *sizes], capture_output=True, text=True, timeout=150, check=False)
    record = run_record.load(tmp_path / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    assert record.unbalanced == []
    counters = record.counters
    ended_by_links = [counters[f"engine.link_{kind}"] for kind in ("resets", "closes", "half_open")]
    assert counters["engine.link_outages"] >= sum(ended_by_links) > 0
    assert record.registered == 60, "everybody comes back"
    assert counters["engine.registrations"] > 60
    fastest_us = min(row.p50_us for row in record.latency if ".round_trip." in row.tag and row.count > 10)
    assert fastest_us >= 120_000, "60 ms each way"


def test_a_region_goes_down_as_a_whole_and_comes_back(tmp_path: Path) -> None:
    scenario = SCENARIO.with_name("regional_outage.py")
    command = [sys.executable, "-m", "loadtest", "run", str(scenario), "--results", str(tmp_path), "--run-id", "run"]
    sizes = ("--charge-points", "40", "--ramp", "1s", "--duration", "25s", "--drain-timeout", "5s")
    ended = subprocess.run([*command, *sizes], capture_output=True, text=True, timeout=150, check=False)
    record = run_record.load(tmp_path / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    assert record.unbalanced == []
    counters = record.counters
    assert counters["engine.link_outages_regional"] > 0, counters
    assert counters["engine.link_resets"] >= 10, "a quarter of the fleet at a time"
    assert record.registered == 40
    assert counters["engine.registrations"] >= 50
