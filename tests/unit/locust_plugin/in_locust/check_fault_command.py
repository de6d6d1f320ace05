"""Programs of the user's as faults: when they ran, and what is said of those that fail."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from loadtest.clock import monotonic_ns
from loadtest.locust_plugin.fault_command import FaultCommands
from loadtest.measure.collector import Collector
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_events import FAULT_FAILED
from loadtest.measure.spans import FaultSpan

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

EPOCH_NS = monotonic_ns()


class Scene:
    """A run with one fault, "f"."""

    def __init__(self, tmp_path: Path) -> None:
        started_at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        run = RunDescription(run_id="r", scenario="s", started_at=started_at, epoch_ns=EPOCH_NS)
        self.collector = Collector(tmp_path / "run", run)
        self.collector.plan_faults([FaultSpan(name="f", what="x", planned_begin_s=0, planned_end_s=1)])
        self.commands = FaultCommands(tmp_path / "faults.log", self.collector)

    def record(self, patience_s: float = 5) -> RunRecord:
        self.commands.stop(patience_s)
        return self.collector.finish("complete")


def test_a_fault_lasts_from_one_start_to_the_end_of_the_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    at_ns = monotonic_ns()
    scene.commands.run_at(at_ns + 10_000_000, "f", ("sh", "-c", "echo broken"), begins=True)
    scene.commands.run_at(at_ns + 50_000_000, "f", ("sh", "-c", "sleep 0.1"), begins=False)
    (fault,) = scene.record().faults
    assert fault.begin_s is not None
    assert fault.back_s is not None
    assert 0.009 <= fault.begin_s - (at_ns - EPOCH_NS) / 1e9 < 5
    assert fault.back_s - fault.begin_s >= 0.1
    assert (tmp_path / "faults.log").read_text() == "broken\n"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("sh", "-c", "exit 3"), "f: sh ended with status 3, see "),
        (("/nowhere/at-all",), "f: /nowhere/at-all cannot be started: No such file"),
    ],
)
def test_one_that_fails_makes_the_run_void(tmp_path: Path, argv: tuple[str, ...], says: str) -> None:
    scene = Scene(tmp_path)
    scene.commands.run_at(monotonic_ns(), "f", argv, begins=False)
    record = scene.record()
    (event,) = [event for event in record.events if event.kind == FAULT_FAILED]
    assert event.text.startswith(says)
    assert record.faults[0].back_s is None
    assert record.verdict is not None
    assert record.verdict.result == "void"
    assert "fault_failed" in [reason.code for reason in record.verdict.reasons]


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.commands.run_at(monotonic_ns(), "f", ("sleep", "600"), begins=True)
    record = scene.record(patience_s=0.2)
    assert "f: sleep was killed by signal 9" in next(e.text for e in record.events if e.kind == FAULT_FAILED)
