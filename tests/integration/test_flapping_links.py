"""The scenario ``flapping_links``: connections come and go, and every message still has its fate."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried

from loadtest.measure import run_record

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

FLAPPING_SOONER = """
from loadtest.scenario.reconnect import CappedDoubling

profile = UndergroundGarage.profile
UndergroundGarage.profile = replace(
    profile,
    link=replace(profile.link, time_scale=480, down_median_s=240),
    reconnect=CappedDoubling(minimum_s=0.2, maximum_s=0.5),
    # A BootNotification into a half-open link would be repeated after a minute: the missing pong comes first.
    configuration={"WebSocketPingInterval": "1"},
)
"""

REGIONS_SOONER = """
from loadtest.scenario.reconnect import CappedDoubling

profile = FourRegions.profile
FourRegions.profile = replace(
    profile,
    link=replace(profile.link, regional=replace(profile.link.regional, mean_between_s=4, median_s=0.8)),
    reconnect=CappedDoubling(minimum_s=0.2, maximum_s=0.5),
)
"""


def run(folder: Path, scenario: str, changes: str, *options: str) -> RunRecord:
    """Run a copy of a scenario; only its books and links are looked at."""
    command = [sys.executable, "-m", "loadtest", "run", str(unhurried(folder, scenario, changes))]
    command += ["--results", str(folder), "--run-id", "run", "--ramp", "300ms", "--drain-timeout", "2s", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    record = run_record.load(folder / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    assert record.unbalanced == []
    deliveries = record.deliveries
    assert record.operations.sent == deliveries.delivered + deliveries.link_cut, (
        "the system under test has lost nothing"
    )
    return record


def test_links_cut_hold_and_slow_down_and_the_books_balance(tmp_path: Path) -> None:
    sizes = ("--charge-points", "60", "--duration", "4s", "--call-timeout", "2s")
    record = run(tmp_path, "flapping_links", FLAPPING_SOONER, *sizes)
    counters = record.counters
    ended_by_links = [counters[f"engine.link_{kind}"] for kind in ("resets", "closes", "half_open")]
    assert counters["engine.link_outages"] >= sum(ended_by_links) > 0
    assert record.registered + record.never_by_link == 60, "everybody comes back whose link does"
    assert record.operations.link_cut >= record.deliveries.link_cut > 0, "and nobody is blamed for it"
    assert counters["engine.dropped_by_link"] > 0
    assert counters["engine.registrations"] > 60
    fastest_us = min(row.p50_us for row in record.latency if ".round_trip." in row.tag and row.count > 10)
    assert fastest_us >= 120_000, "60 ms each way"


def test_a_region_goes_down_as_a_whole_and_comes_back(tmp_path: Path) -> None:
    record = run(tmp_path, "regional_outage", REGIONS_SOONER, "--charge-points", "40", "--duration", "6s")
    counters = record.counters
    assert counters["engine.link_outages_regional"] > 0, counters
    assert counters["engine.link_resets"] >= 10, "a quarter of the fleet at a time"
    assert record.registered + record.never_by_link == 40
    assert counters["engine.registrations"] >= 50
