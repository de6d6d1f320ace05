"""A plan, and a runner of its matrix that only writes what runs would leave behind."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady, HarnessError, LoadTestError
from loadtest.matrix import folder as folders
from loadtest.matrix.conduct import conduct
from loadtest.matrix.plan_file import read_plan
from loadtest.measure import matrix_record, run_record
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_outcome import Reason, Verdict
from loadtest.measure.run_record import RunRecord
from loadtest.runner.run import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.matrix.plan import Plan
    from loadtest.measure.matrix_record import MatrixRecord, MatrixRun
    from loadtest.measure.run_outcome import Result
    from loadtest.runner.request import RunRequest

PLAN = """
scenario = "steady"
repeats = 4
[settings]
duration = "10s"
ramp = "2s"
[axes]
qos = [0, 1, 2]
"""


def leave_behind(run_dir: Path, result: Result, *, state: run_record.State = "complete", code: str = "a_code") -> None:
    run_dir.mkdir(parents=True)
    reasons = [] if result == "passed" else [Reason(code, f"It was {result}.")]
    run_record.write(
        RunRecord(
            run=RunDescription(
                run_id=run_dir.name, scenario="steady", started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
            ),
            state=state,
            verdict=Verdict(result, reasons, 0),
        ),
        run_dir,
    )


@dataclasses.dataclass
class FakeRunner:
    """Carries out runs as ``what`` says by their order number, and passes all others."""

    what: dict[int, Callable[[Path], RunOutcome | LoadTestError]] = dataclasses.field(default_factory=dict)
    requests: list[RunRequest] = dataclasses.field(default_factory=list)
    told: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def __call__(self, request: RunRequest) -> RunOutcome:
        self.requests.append(request)
        run_dir = Path(request.settings["results"]) / request.settings["run_id"]
        outcome = self.what.get(len(self.requests), passed)(run_dir)
        if isinstance(outcome, LoadTestError):
            raise outcome
        return outcome

    def begins(self, run: MatrixRun) -> None:
        self.told.append(("begins", run.state))

    def ended(self, run: MatrixRun) -> None:
        self.told.append(("ended", run.state))


def passed(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "passed")
    return RunOutcome(run_dir=run_dir, exit_code=0, interrupted=False)


def failed(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "failed")
    return RunOutcome(run_dir=run_dir, exit_code=1, interrupted=False)


def broker_died(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "failed", code="sut_died")
    return RunOutcome(run_dir=run_dir, exit_code=1, interrupted=False)


def void(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "void")
    return RunOutcome(run_dir=run_dir, exit_code=4, interrupted=False)


def cut_short(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "interrupted", state="partial")
    return RunOutcome(run_dir=run_dir, exit_code=130, interrupted=True)


def interrupted_at_the_last_moment(run_dir: Path) -> RunOutcome:
    leave_behind(run_dir, "passed")
    return RunOutcome(run_dir=run_dir, exit_code=0, interrupted=True)


def interrupted_before_anything(run_dir: Path) -> RunOutcome:
    return RunOutcome(run_dir=run_dir, exit_code=130, interrupted=True)


def cannot_start(_run_dir: Path) -> LoadTestError:
    return EnvironmentNotReady("no rabbitmq-server here")


def breaks(run_dir: Path) -> LoadTestError:
    (run_dir / "logs").mkdir(parents=True)
    return HarnessError("Locust ended before its time")


class Scene:
    """A plan, and the matrix of it in a folder."""

    def __init__(self, tmp_path: Path, plan: str = PLAN) -> None:
        self.file = tmp_path / "a.toml"
        self.file.write_text(plan)
        self.results = tmp_path / "results"
        self.folder = self.results / "m"
        self.plan = read_plan(self.file)
        self.matrix = folders.planned(self.plan, "m", ["loadtest", "matrix", "a.toml"])
        folders.begin(self.plan, self.matrix, self.folder)

    def run(self, runner: FakeRunner | None = None, interrupts: tuple[int, ...] = ()) -> MatrixRecord:
        runner = runner or FakeRunner()
        conduct(self.matrix, self.plan, self.folder, runner, runner, interrupts)
        assert matrix_record.load(self.folder) == self.matrix
        return self.matrix

    def resume(self, plan: Plan | None = None) -> None:
        self.matrix = matrix_record.load(self.folder)
        folders.resume(self.matrix, plan or read_plan(self.file), self.folder)

    def states(self) -> Counter[str]:
        return Counter(run.state for run in self.matrix.runs)
