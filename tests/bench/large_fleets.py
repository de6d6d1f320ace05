"""``make bench-fleet``: whole runs of large fleets on this machine, held against what they may take.

A hundred thousand charge points that rest; fifty thousand that lose their network all at once and come back. Not in
rounds: each takes minutes, and a run that the generator could not sustain says so itself. See ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from process_tree import Neighbours, memory_bytes
from records import last_medians, write
from rich.console import Console
from samples import Budget, Samples

from loadtest.clock import utc_now
from loadtest.errors import ExitCode, LoadTestError, ResultError
from loadtest.measure import run_record
from loadtest.protocol.phases import DRAIN

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord

HERE = Path(__file__).parent
WATCH_EVERY_S = 2.0
REPORTS = ("report.html", "summary.md", "junit.xml")


class Case(NamedTuple):
    """A run.

    Attributes:
        name: Of its figures.
        scenario: A file beside this one.
        charge_points: In the fleet.
        processes: Engines, and as many gateway processes.
        ramp_s: Time over which the charge points connect.
        duration_s: Of what comes after it.
        report_within_s: Of the end of the load, before anything is drained; where that is held against anything.
    """

    name: str
    scenario: str
    charge_points: int
    processes: int
    ramp_s: int
    duration_s: int
    report_within_s: tuple[float, ...] = ()

    def command(self, results: Path, run_id: str) -> list[str]:
        """What runs it."""
        return [
            *(sys.executable, "-m", "loadtest", "run", str(HERE / self.scenario), "--plain"),
            *("--charge-points", str(self.charge_points)),
            *("--engines", str(self.processes), "--gateway-processes", str(self.processes)),
            *("--gateway-config", str(HERE / "patient_gateway.toml")),
            *("--ramp", f"{self.ramp_s}s", "--duration", f"{self.duration_s}s"),
            *("--results", str(results), "--run-id", run_id),
        ]

    def budgets(self) -> tuple[Budget, ...]:
        """What it is held against."""
        return (
            Budget(f"{self.name}: exit code", ExitCode.PASSED),
            Budget(f"{self.name}: registered", self.charge_points, at_least=True),
            Budget(f"{self.name}: released late, p99", 20),
            Budget(f"{self.name}: memory of all processes", 6),
            Budget(f"{self.name}: report ready after the drain", 10),
            *(Budget(f"{self.name}: report ready after the load", limit) for limit in self.report_within_s),
        )


CASES = {
    "resting": Case("100,000 resting", "resting_fleet.py", 100_000, 6, 120, 90),
    "reconnecting": Case("50,000 reconnecting", "mass_reconnect.py", 50_000, 3, 60, 90, report_within_s=(10,)),
}


def measure(case: Case, results: Path, samples: Samples) -> None:
    """Run a case to its end and take its figures.

    Raises:
        ResultError: It has left no record, or no reports.
    """
    run_id = f"{utc_now():%Y%m%d-%H%M%S}-{case.name.replace(',', '').replace(' ', '-')}"
    neighbours, most_bytes = Neighbours(), 0
    process = subprocess.Popen(case.command(results, run_id))
    try:
        while process.poll() is None:
            most_bytes = max(most_bytes, memory_bytes(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(WATCH_EVERY_S)
    except BaseException:
        process.send_signal(signal.SIGINT)  # from a terminal it has had one already; two end it at once
        process.wait()
        raise
    record = run_record.load(results / run_id)
    figures(case, record, report_written_s(results / run_id), samples)
    samples.add(f"{case.name}: exit code", "", process.returncode)
    samples.add(f"{case.name}: memory of all processes", "GiB", most_bytes / 2**30)
    samples.add(f"{case.name}: neighbours", "cores", neighbours.cores())


def report_written_s(folder: Path) -> float:
    """When the last of a run's reports was written, in seconds since 1970.

    Raises:
        ResultError: They are not all there.
    """
    try:
        return max((folder / name).stat().st_mtime for name in REPORTS)
    except FileNotFoundError as error:
        raise ResultError(f"there is no {error.filename}", hint=f"see {folder / 'logs' / 'reports.log'}") from None


def figures(case: Case, record: RunRecord, written_s: float, samples: Samples) -> None:
    """Take what a run's record says; its reports were written at ``written_s``, in seconds since 1970."""
    series = {summary.tag: summary for summary in record.latency}
    samples.add(f"{case.name}: registered", "", record.registered)
    if 100 in record.registered_after_s:
        samples.add(f"{case.name}: all registered after", "s", record.registered_after_s[100])
    for storm in record.storms:
        if 100 in storm.back_after_s:
            samples.add(f"{case.name}: all back after", "s", storm.back_after_s[100])
        samples.add(f"{case.name}: most messages in the storm", "/s", storm.most_messages_per_s)
    samples.add(f"{case.name}: messages lost", "", record.deliveries.lost)
    for name, tag in (
        ("released late", "steady.pacer.release.service"),
        ("heartbeat, round trip", "steady.round_trip.Heartbeat.intended"),
    ):
        if tag in series:
            samples.add(f"{case.name}: {name}, p50", "ms", series[tag].p50_us / 1000)
            samples.add(f"{case.name}: {name}, p99", "ms", series[tag].p99_us / 1000)
    for phase in record.phases:
        if phase.name == DRAIN and record.ended_at is not None:
            ready_s = written_s - record.ended_at.timestamp()
            samples.add(f"{case.name}: report ready after the drain", "s", ready_s)
            samples.add(f"{case.name}: report ready after the load", "s", ready_s + phase.end_s - phase.start_s)


def main() -> int:
    """Run what is wanted, show the table, write the record; 1 when a budget is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", choices=CASES, help="measure just this")
    options.add_argument("--results", type=Path, default=Path("results"), help="folder for the runs and bench/")
    chosen = options.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=120)  # in a file no figure is to be cut short
    samples, started = Samples(), utc_now()
    cases = [case for key, case in CASES.items() if chosen.only in (None, key)]
    budgets = [budget for case in cases for budget in case.budgets()]
    begun_s = time.monotonic()
    try:
        for case in cases:
            console.rule(case.name)
            measure(case, chosen.results, samples)
    except LoadTestError as error:
        console.print(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""), style="red")
        return error.exit_code
    except KeyboardInterrupt:
        console.print("interrupted; nothing is written", style="red")
        return ExitCode.INTERRUPTED
    records = chosen.results / "bench"
    console.print(samples.table(f"{(time.monotonic() - begun_s) / 60:.0f} minutes", budgets, last_medians(records)))
    console.print(f"written to {write(samples, budgets, records, started, rounds=1)}")
    met = all(budget.name in samples and budget.met(samples) for budget in budgets)
    return ExitCode.PASSED if met else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
