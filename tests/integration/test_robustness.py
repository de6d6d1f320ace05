"""Parts of the harness that stand still for good, and results that cannot be written: every run ends, and says why."""

from __future__ import annotations

import errno
import os
import resource
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from scenario_copies import unhurried

from loadtest.measure import run_record
from loadtest.runner import attending
from loadtest.runner.request import RunRequest
from loadtest.runner.run import RunOutcome, run_headless
from loadtest.runner.scenarios import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locust_process import LocustRun

pytestmark = pytest.mark.integration

SMALL = {"charge_points": "20", "ramp": "300ms", "drain_timeout": "1s"}
ANY_STANDSTILL = "CentralSystem.limits = replace(CentralSystem.limits, standstill_us=1_000_000)"


def run_with(tmp_path: Path, duration: str, befall: Callable[[psutil.Process], None]) -> tuple[RunOutcome, list[str]]:
    """Run a scenario to its end; in its steady phase something befalls Locust's process. Also returns what was said."""
    settings = SMALL | {"duration": duration, "results": str(tmp_path / "results"), "run_id": "run"}
    request = RunRequest(scenario=find(str(unhurried(tmp_path, "steady"))), settings=settings, locust_arguments=())
    befallen: list[psutil.Process] = []
    said: list[str] = []

    def tick(run_dir: Path) -> None:
        timeline = run_dir / run_record.TIMELINE_CSV
        if not befallen and timeline.exists() and ",steady," in timeline.read_text():
            (locust,) = (
                child
                for child in psutil.Process().children()
                if child.status() != psutil.STATUS_ZOMBIE and "locust" in child.cmdline()
            )
            befall(locust)
            befallen.append(locust)

    outcome = run_headless(request, tick, said.append)
    assert befallen
    return outcome, said


def test_whoever_stands_still_is_named_and_waited_for_no_longer_than_the_drain(
    start: Callable[..., LocustRun], tmp_path: Path
) -> None:
    run = start(
        "--headless", "--only-summary", "--charge-points", "40", "--ramp", "300ms", "--duration", "4s",
        "--drain-timeout", "1s", scenario=unhurried(tmp_path, "steady", ANY_STANDSTILL),
    )  # fmt: skip
    run.wait_for_phase("steady")
    for_good = [run.part("loadtest.engine"), run.part("loadtest.runner.stand")]
    for_a_while = [run.part("loadtest.csms"), psutil.Process(run.process.pid)]
    for process in for_good + for_a_while:
        process.suspend()
    time.sleep(2)  # twice the limit
    for process in for_a_while:
        process.resume()
    assert run.wait() == 4, run.log.read_text()
    record = run.record()
    assert record.state == "complete"
    assert record.verdict is not None
    told = " ".join(reason.text for reason in record.verdict.reasons if reason.code == "generator_stood_still")
    for name in ("engine-0", "subscriber-0", "stand", "master"):
        assert f"{name} stood still for " in told
    assert run.left_over() == []


def test_a_locust_that_stops_for_good_is_killed_and_its_record_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(locust: psutil.Process) -> None:
        locust.suspend()
        monkeypatch.setattr(attending, "STANDSTILL_S", 5.0)

    outcome, said = run_with(tmp_path, "60s", stop)
    assert outcome.exit_code == 4
    assert outcome.leftovers == ()
    assert "Locust has stood still for 5 s: it is killed" in said
    record = run_record.load(outcome.run_dir)
    assert record.state == "partial"
    assert record.verdict is not None
    (reason,) = record.verdict.reasons
    assert reason.code == "master_lost"
    assert reason.text.startswith("Locust stood still for 5 s and was killed while the run went on")


def test_what_could_not_be_written_is_told_even_when_the_record_is_among_it(tmp_path: Path) -> None:
    def limit(locust: psutil.Process) -> None:
        """As a full disk does, but for what is there already: no file may grow beyond the limit."""
        resource.prlimit(locust.pid, resource.RLIMIT_FSIZE, (1000, 1000))

    outcome, _ = run_with(tmp_path, "2s", limit)
    assert outcome.exit_code == 4
    assert outcome.leftovers == ()
    record = run_record.load(outcome.run_dir)
    assert record.state == "partial"
    assert record.verdict is not None
    assert {reason.code for reason in record.verdict.reasons} == {"results_incomplete"}
    for file in (run_record.LATENCY_HLOG, run_record.RUN_JSON):
        text = f"Results could not be written: {file}: {os.strerror(errno.EFBIG)}."
        assert text in [reason.text for reason in record.verdict.reasons]
