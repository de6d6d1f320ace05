"""``loadtest calibrate`` for real, in a hurry. What it finds is the machine's; that it finds it rightly is asserted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadtest.calibration.calibrate import QUICK
from loadtest.calibration.judgement import judge
from loadtest.calibration.round_trips import DELAYS_MS
from loadtest.measure import calibration_record
from loadtest.measure.machine import this_machine

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.calibration_record import Calibration

pytestmark = pytest.mark.integration

Calibrated = tuple["Path", "Calibration", subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """The folder, what is kept there, and how the command ended."""
    results = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "loadtest", "calibrate", "--quick", "--results", str(results)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    found = calibration_record.load(results)
    assert found is not None
    return results, found, ended


def test_it_ends_as_its_figures_say(
    calibrated: Calibrated,
) -> None:
    results, found, ended = calibrated
    assert ended.returncode == (0 if found.truthful else 4)
    assert judge(found) == found.checks
    assert found.machine == this_machine()
    assert (f"instrument  {'truthful' if found.truthful else 'not truthful'}") in ended.stdout
    for name in ("calibration.md", "calibration.html"):
        assert found.machine.cpu in (results / name).read_text()


def test_nothing_is_reported_shorter_than_it_was(
    calibrated: Calibrated,
) -> None:
    """Neighbours on the machine only ever add to a delay."""
    _, found, _ = calibrated
    assert [figure.delay_us for figure in found.delays] == [delay_ms * 1000 for delay_ms in DELAYS_MS]
    for figure in found.delays:
        assert figure.reported.count > 50
        assert figure.stub_p50_us >= figure.delay_us
        assert figure.reported_min_us > figure.delay_us
    assert found.floor_us > 0
    assert found.wake_up.count == QUICK.wake_ups
    assert found.stalls is not None
    assert all(figure.reported_us >= figure.low_us for figure in found.stalls.intended)


def test_counts_do_not_depend_on_the_machine(
    calibrated: Calibrated,
) -> None:
    results, found, _ = calibrated
    never, twice, *losses = found.counts
    assert never.reported >= never.known > 5, "a machine that stands still for seconds adds to them"
    assert twice.reported >= twice.known > 5
    assert [figure for figure in losses if figure.known != figure.reported] == []
    known = {figure.what: figure.known for figure in losses}
    assert known["messages lost"] > 3
    assert min(known["messages duplicated"], known["messages reordered"]) > 0
    opinion = found.second_opinion
    assert opinion is not None
    assert opinion.ours.count == opinion.aiomqtt.count > 100
    note = calibration_record.note_of(results, this_machine())
    assert note is not None
    assert (note.stale, note.holds_per_s) == ([], found.holds_per_s)
    assert [step.wanted_per_s for step in found.rates] == list(QUICK.rates_per_s[: len(found.rates)])
    assert found.rates[0].round_trip.count > 500
