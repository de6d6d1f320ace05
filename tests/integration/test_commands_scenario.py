"""The scenario ``commands``: everything a central system can ask is asked, answered correctly, and accounted for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried

from loadtest.measure import ledger as ledgers
from loadtest.measure import run_record
from loadtest.measure.interval import INVALID
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

SOON_DONE = """
from loadtest.scenario.quantiles import constant

profile = PublicAc.profile
PublicAc.profile = replace(
    profile,
    drivers=replace(profile.drivers, stay_s=constant(1.5)),
    reboot_s=0.5,
    download_s=0.5,
    install_s=0.5,
    upload_s=0.5,
)
CentralSystem.limits = replace(CentralSystem.limits, absent_at_end=None)
"""
"""Charge points that are soon done with what they do; one that is still restarting at the end is not waited for."""


def run(folder: Path, *options: str) -> tuple[RunRecord, Path]:
    """Run the scenario with 60 charge points for so long that every action comes up."""
    scenario = unhurried(folder, "commands", SOON_DONE)
    command = [sys.executable, "-m", "loadtest", "run", str(scenario), "--results", str(folder), "--run-id", "run"]
    sizes = ("--charge-points", "60", "--ramp", "300ms", "--duration", "6s", "--drain-timeout", "3s")
    ended = subprocess.run([*command, *sizes, *options], capture_output=True, text=True, timeout=110, check=False)
    record = run_record.load(folder / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    assert ended.returncode == 0
    return record, folder / "run"


def test_every_action_is_answered_correctly_and_nothing_is_lost(tmp_path: Path) -> None:
    record, folder = run(tmp_path, "--subscribers", "2", "--engines", "2")
    commands = record.commands
    assert commands is not None
    assert [row.action for row in commands.by_action] == sorted(FROM_CENTRAL_SYSTEM)
    for row in commands.by_action:
        assert row.operations.sent > 0, row
        assert row.operations.answered == row.operations.sent, row
        assert sum(row.answers.values()) == row.operations.sent, row
        assert INVALID not in row.answers
    sent = commands.operations.sent
    assert (commands.downlink.delivered, commands.downlink.lost, commands.downlink.duplicated) == (sent, 0, 0)
    assert (commands.replies.delivered, commands.replies.lost, commands.replies.duplicated) == (sent, 0, 0)
    for way in ("down", "reply"):
        assert {hop.count for hop in record.counted_by if hop.way == way} == {sent}
    assert record.counters["csms.command_replies"] == sent
    assert record.counters["csms.late_command_answers"] == 0

    ledger = ledgers.load(folder)
    assert ledger.unbalanced == []
    assert ledger.commands is not None
    assert sum(leg.delivered for leg in ledger.commands.downlink) == sent
    samples = dict.fromkeys(("command", "downlink", "reply"), 0)
    for series in record.latency:
        _phase, leg, _action, kind = series.tag.split(".")
        if leg in samples and kind == "service":
            samples[leg] += series.count
    assert set(samples.values()) == {sent}

    assert "Commands, at the central system" in (folder / "summary.md").read_text()
    assert "Commands, at the central system" in (folder / "report.html").read_text()


def test_commands_and_observing_contradict_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "run", "commands", "--results", str(tmp_path), "--csms", "observe"]
    command += ["--broker", "mqtt://127.0.0.1:1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "--csms observe: CentralSystem has commands, but only listens" in ended.stderr
