"""Locust as a child process, watched from its results folder; for tests of whole runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
from scenario_copies import unhurried
from servers import free_port

from loadtest.measure import run_record

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord


class LocustRun:
    """Locust in a session of its own, so that signals and left-overs can be told from those of other tests.

    Args:
        results: Where the run's folder is made; beside it stand the log and a copy of the scenario.
        options: Of Locust and ours.
        scenario: ``steady`` when left out.
    """

    def __init__(self, results: Path, *options: str, scenario: Path | None = None) -> None:
        self.results = results
        self.folder = results / "run"
        self.log = results.parent / f"locust-{len(list(results.parent.glob('locust-*')))}.log"
        scenario = scenario or unhurried(results.parent, "steady")
        command = [sys.executable, "-m", "locust", "-f", str(scenario), "--results", str(results), "--run-id", "run"]
        if "--processes" in options:  # Locust's own port is fixed, and another run's master may sit on it
            port = str(free_port())
            options += ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def part(self, text: str) -> psutil.Process:
        """The process below this run whose command line contains a text."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if text in " ".join(child.cmdline()):
                    return child
        raise AssertionError(f"no process with {text!r}; Locust says:\n{self.log.read_text()}")

    def wait_for_phase(self, phase: str, timeout_s: float = 80) -> None:
        """Until the timeline has a row of a phase."""
        deadline = time.monotonic() + timeout_s
        timeline = self.folder / run_record.TIMELINE_CSV
        while time.monotonic() < deadline and self.process.poll() is None:
            if timeline.exists() and f",{phase}," in timeline.read_text():
                return
            time.sleep(0.1)
        raise AssertionError(f"phase {phase} was not reached; Locust says:\n{self.log.read_text()}")

    def wait(self, timeout_s: float = 60) -> int:
        """Until Locust has ended; its exit status."""
        return self.process.wait(timeout_s)

    def record(self) -> RunRecord:
        return run_record.load(self.folder)

    def left_over(self) -> list[str]:
        """Processes of this run's session that are still there a moment after its end."""
        deadline = time.monotonic() + 5
        while True:
            found = []
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(" ".join(process.cmdline()))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
