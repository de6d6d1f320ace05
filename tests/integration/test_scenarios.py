"""Each scenario of the library that needs neither bad links nor faults runs, does what it is for, and passes."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from scenario_copies import SCENARIOS, unhurried

from loadtest.measure import ledger as ledgers
from loadtest.measure import run_record
from loadtest.measure.run_record import TIMELINE_CSV
from loadtest.measure.timeline import TimelineRow, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

THREE_SECONDS = "Metered.profile = replace(Metered.profile, clock_aligned_s=3)"
TEN_TIMES_FASTER = """
for each in (Kerb, Motorway):
    each.profile = replace(each.profile, time_scale=600, meter_interval_s=0.5)
del each
"""
BY_DAY = """
for each in (Kerb, Home, Motorway, Yard):
    each.profile = replace(each.profile, hour_at_start=9)
del each
"""
SOON_DONE = "Updated.profile = replace(Updated.profile, download_s=0.5, install_s=0.5, reboot_s=0.5)"


def sent(ledger: Ledger, action: str, phase: str = "") -> int:
    """CALLs of one action, in one phase or in all."""
    return sum(row.sent for row in ledger.operations if row.action == action and phase in ("", row.phase))


def everybody_booted(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    (storm,) = record.storms
    assert (storm.kind, storm.away, storm.attempts, storm.refused + storm.failed + storm.timed_out) == (
        "boot",
        60,
        60,
        0,
    )
    assert 0.4 < storm.back_after_s[100] < 5
    return sent(ledger, "BootNotification", "ramp") == 60 and max(row.registered for row in rows) == 60


def spiked(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    """Two connectors of each charge point at once, and nothing in most of the other seconds."""
    # The seconds of the clock are not those of the run: a spike may lie across two of them.
    pairs = [one.sent + following.sent for one, following in pairwise(rows)]
    return sent(ledger, "MeterValues") <= 3 * 120 and max(pairs) >= 120


def somebody_charged(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    return sent(ledger, "StartTransaction") > 0 and sent(ledger, "MeterValues") > 0


def somebody_came(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    """Not many do, for the day begins at midnight. All four classes are there, by their weights."""
    shares = {part.name: part.charge_points for part in record.run.fleet}
    assert shares == {"Home": 90, "Kerb": 150, "Motorway": 30, "Yard": 30}
    assert record.registered == 300
    assert {part.name: part.registered for part in record.classes} == shares
    assert sum(part.operations.sent for part in record.classes) == record.operations.sent
    assert sum(part.deliveries.delivered for part in record.classes) == record.deliveries.delivered
    assert sum(row.count for part in record.classes for row in part.latency) == sum(
        row.count for row in record.latency if ".pacer." not in row.tag
    )
    flows = [part.transactions for part in record.classes if part.transactions is not None]
    assert all(flow.energy_checked is None for flow in flows), "counted of the whole fleet only"
    return sent(ledger, "StartTransaction") > 0


def it_beats(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    return sent(ledger, "Heartbeat") > 0


def commands_were_answered(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    assert ledger.commands is not None
    return sum(row.answered for row in ledger.commands.operations) > 100


def firmware_was_installed(record: RunRecord, ledger: Ledger, rows: list[TimelineRow]) -> bool:
    """Every update ends in a restart, and every restart in a BootNotification of its own."""
    return sent(ledger, "SignedFirmwareStatusNotification") > 0 and sent(ledger, "BootNotification") > 60


@pytest.mark.parametrize(
    ("scenario", "shows", "changes", "options"),
    [
        ("boot_storm", everybody_booted, "", ("--ramp", "500ms", "--duration", "1s")),
        ("clock_aligned_spike", spiked, THREE_SECONDS, ("--duration", "4s")),
        ("peak_hour", somebody_charged, TEN_TIMES_FASTER, ("--charge-points", "300", "--duration", "4s")),
        ("day_in_the_life", somebody_came, BY_DAY, ("--charge-points", "300", "--duration", "4s")),
        ("soak", it_beats, "", ("--duration", "4s")),
        ("command_burst", commands_were_answered, "", ("--duration", "1s")),
        ("firmware_campaign", firmware_was_installed, SOON_DONE, ("--duration", "2s", "--drain-timeout", "20s")),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_the_scenario_does_what_it_is_for(
    tmp_path: Path,
    scenario: str,
    shows: Callable[[RunRecord, Ledger, list[TimelineRow]], bool],
    changes: str,
    options: tuple[str, ...],
) -> None:
    command = [sys.executable, "-m", "loadtest", "run", str(unhurried(tmp_path, scenario, changes))]
    command += ["--charge-points", "60", "--ramp", "300ms", "--results", str(tmp_path), "--run-id", "run", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    record = run_record.load(tmp_path / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    ledger, rows = ledgers.load(tmp_path / "run"), read(tmp_path / "run" / TIMELINE_CSV)
    assert shows(record, ledger, rows), ledger.operations


def test_each_scenario_is_told_of_in_the_documents() -> None:
    text = (SCENARIOS.parent / "docs" / "scenarios.md").read_text()
    assert [path.stem for path in sorted(SCENARIOS.glob("*.py")) if f"`{path.stem}`" not in text] == []
