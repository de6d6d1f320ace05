"""Faults of what the harness has not started: programs of the user's, run at the instants of the timeline."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import gevent

from loadtest.clock import monotonic_ns
from loadtest.measure.run_events import FAULT_FAILED
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.collector import Collector


class FaultCommands:
    """Runs the commands of one run.

    Args:
        log_file: Takes what they say.
        collector: Takes when they ran, and which failed.
    """

    def __init__(self, log_file: Path, collector: Collector) -> None:
        self._log_file = log_file
        self._collector = collector
        self._running: set[subprocess.Popen[bytes]] = set()
        self._waiting: list[gevent.Greenlet] = []

    def run_at(self, at_ns: int, name: str, argv: tuple[str, ...], *, begins: bool) -> None:
        """Run one at an instant; a fault has begun when its command starts, and is over when the other has ended."""
        self._waiting.append(gevent.spawn(self._run, at_ns, name, argv, begins=begins))

    def stop(self, patience_s: float) -> None:
        """Let those that run come to their end, and kill those that do not."""
        gevent.joinall(self._waiting, timeout=patience_s)
        for process in self._running:
            process.kill()
        gevent.joinall(self._waiting)

    def _run(self, at_ns: int, name: str, argv: tuple[str, ...], *, begins: bool) -> None:
        gevent.sleep(max(0, at_ns - monotonic_ns()) / NS_PER_S)
        started_ns = monotonic_ns()
        try:
            with self._log_file.open("ab") as log:
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            self._collector.event(FAULT_FAILED, f"{name}: {argv[0]} cannot be started: {error.strerror}", "scenario")
            return
        if begins:
            self._collector.fault_state(name, started_ns, begun=True)
        self._running.add(process)
        status = process.wait()
        self._running.discard(process)
        if status:
            how = f"ended with status {status}" if status > 0 else f"was killed by signal {-status}"
            self._collector.event(FAULT_FAILED, f"{name}: {argv[0]} {how}, see {self._log_file}", "scenario")
        elif not begins:
            self._collector.fault_state(name, monotonic_ns(), begun=False)
