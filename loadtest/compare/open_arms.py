"""Which arms are meant by paths and names: runs, sets of repeats, baselines, and whole matrices."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.compare import baselines
from loadtest.compare.arm import Arm, read_arm
from loadtest.errors import Faults, ResultError, UsageError
from loadtest.measure import matrix_record
from loadtest.measure.matrix_record import MATRIX_JSON, PLAN_TOML

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.matrix_record import MatrixArm, MatrixRecord, MatrixRun

MOST_ARMS = 20


@dataclass(slots=True)
class OpenedArms:
    """Arms, and what is known of where they come from.

    Attributes:
        baseline: Name of the arm that a plan calls its baseline; empty when none does.
        plan: As it was written; empty when there was none.
        command: What repeats all runs, of a matrix.
        matrix: The folder, when everything comes from one matrix.
    """

    arms: list[Arm] = field(default_factory=list)
    baseline: str = ""
    plan: str = ""
    command: tuple[str, ...] = ()
    matrix: Path | None = None

    def named(self, wanted: str) -> str:
        """The name of an arm as it stands in the comparison, given as the user did; empty for none.

        Raises:
            UsageError: There is none; names those there are.
        """
        names = [arm.name for arm in self.arms]
        found = [arm.name for arm in self.arms if wanted in (arm.name, arm.folder)]
        if wanted and len(found) != 1:
            raise UsageError(f"--baseline: {wanted!r} is none of the arms", hint=f"there are {', '.join(names)}")
        return found[0] if wanted else ""


def open_arms(wanted: Sequence[str], results: Path) -> OpenedArms:
    """Open what is to be compared; all faults at once.

    Args:
        wanted: Paths, or names of runs, sets, matrices and baselines in the folder with the results.
        results: That folder.

    Raises:
        UsageError: Something is not there, or there are not two to twenty arms, of one scenario.
    """
    opened = OpenedArms()
    faults = Faults()
    for name in wanted:
        with faults.gathered():
            matrix = next((each for each in (results / name, Path(name)) if (each / MATRIX_JSON).exists()), None)
            if matrix is not None:
                _take_matrix(opened, matrix, alone=len(wanted) == 1)
            else:
                opened.arms.append(read_arm(_find(name, results), Path(name).name))
    faults.refuse()
    _tell_apart(opened.arms)
    _refuse(opened.arms)
    return opened


def matrix_arm(record: MatrixRecord, arm: MatrixArm, folder: Path) -> Arm:
    """An arm of a matrix, finished or not: its runs that count, and what became of the others.

    Args:
        record: Of the matrix.
        arm: Of which.
        folder: Of the matrix.
    """
    found = Arm(arm.name, folder=str(folder / arm.name), settings=dict(arm.settings))
    left_out: dict[str, list[str]] = {}
    places = {(run.arm, run.repeat): place for place, run in enumerate(record.runs)}
    for run in record.runs_of(arm.name):
        if run.state == "done":
            if found.take(folder / arm.name / run.folder):
                found.order.append(places[run.arm, run.repeat])
        else:
            left_out.setdefault(_fate(run, given_up=bool(arm.given_up)), []).append(str(run.repeat))
        for attempt in run.void:
            left_out.setdefault(f"void, and made once more: {attempt.reason}", []).append(str(run.repeat))
    found.left_out += [
        f"repeat{'s' * (len(repeats) > 1)} {', '.join(repeats)}: {why}" for why, repeats in left_out.items()
    ]
    return found


def _fate(run: MatrixRun, *, given_up: bool) -> str:
    """Why a run of a matrix does not count."""
    if run.state in ("void", "failed"):
        return f"{run.state}, {run.reason}" if run.reason else run.state
    return "given up" if given_up else "not run yet"


def _find(name: str, results: Path) -> Path:
    try:
        return baselines.find(name, results)
    except ResultError as error:
        raise ResultError(
            f"ARM: there is no run, set, baseline or matrix {name!r}, neither as a path nor in {results}",
            hint="loadtest list shows runs, loadtest baseline list baselines",
        ) from error


def _take_matrix(opened: OpenedArms, folder: Path, *, alone: bool) -> None:
    record = matrix_record.load(folder)
    opened.arms += [matrix_arm(record, arm, folder) for arm in record.arms]
    if not alone:
        for arm in opened.arms:
            arm.order.clear()  # those of another matrix, or set, have none in common with these
    else:
        opened.baseline, opened.command, opened.matrix = record.plan.baseline, tuple(record.command), folder
        plan = folder / PLAN_TOML
        opened.plan = plan.read_text(encoding="utf-8", errors="replace") if plan.exists() else ""


def _tell_apart(arms: Sequence[Arm]) -> None:
    """Arms of one name get that of the folder around them as well, or else a number."""
    for name in [arm.name for arm in arms]:
        same = [arm for arm in arms if arm.name == name]
        if len(same) < 2:
            continue
        around = [Path(arm.folder).resolve().parent.name for arm in same]
        for number, (arm, outer) in enumerate(zip(same, around, strict=True), 1):
            arm.name = f"{outer}/{name}" if len(set(around)) == len(same) else f"{name} ({number})"


def _refuse(arms: Sequence[Arm]) -> None:
    faults = []
    if not 2 <= len(arms) <= MOST_ARMS:
        faults.append(f"ARMS: {len(arms)} given; 2 to {MOST_ARMS} can be compared")
    folders = [str(Path(arm.folder).resolve()) for arm in arms]
    twice = {folder for folder in folders if folders.count(folder) > 1}
    faults += [f"ARMS: {folder} is given more than once" for folder in sorted(twice)]
    scenarios = {record.run.scenario: arm.name for arm in arms for record in arm.runs}
    if len(scenarios) > 1:
        told = ", ".join(f"{arm} is of {scenario}" for scenario, arm in scenarios.items())
        faults.append(f"ARMS: runs of different scenarios cannot be compared: {told}")
    if faults:
        raise UsageError(faults, hint="give runs, sets of repeats, baselines, or the folder of one matrix")
