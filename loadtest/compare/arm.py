"""One arm of a comparison: the runs of a folder that count, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from loadtest.errors import ResultError
from loadtest.measure import run_record, run_set
from loadtest.measure.comparison_record import ComparedArm
from loadtest.measure.redirect_note import redirects
from loadtest.measure.run_events import ENDED_EARLY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

_COUNT = ("passed", "failed")
"""Results of runs whose figures are true: one that failed has shown something, a void one has not."""


@dataclass(slots=True)
class Arm:
    """Runs of one kind.

    Attributes:
        name: What the user calls them.
        runs: Those that count.
        left_out: The others, each with the reason.
        folders: Of the runs that count, in the same order; empty when there is nothing but their records.
        folder: Where they are.
        settings: Those that a plan gave to this arm alone.
        order: Of the runs that count, the places in the one order in which those of all arms compared were made; empty
            when they were not made in one.
    """

    name: str
    runs: list[RunRecord] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    folder: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def take(self, folder: Path) -> bool:
        """Add the run of a folder, or the reason why not; returns whether it counts."""
        try:
            record = run_record.load(folder)
        except ResultError as error:
            self.left_out.append(f"{folder.name}: {error.message}")
            return False
        result = "" if record.verdict is None else record.verdict.result
        whole = record.state == "complete" and all(event.kind != ENDED_EARLY for event in record.events)
        counts = whole and result in _COUNT
        if counts:
            self.runs.append(record)
            self.folders.append(folder)
        else:
            why = result if result and result not in _COUNT else "cut short"
            self.left_out.append(f"{record.run.run_id}: {why}")
        return counts

    def __iter__(self) -> Iterator[tuple[RunRecord, Path | None]]:
        """The runs that count, each with its folder if it has one."""
        return zip_longest(self.runs, self.folders)

    @property
    def described(self) -> ComparedArm:
        """As it stands in a comparison."""
        ended = [record.ended_at for record in self.runs if record.ended_at is not None]
        adapted = [text for record in self.runs for text in record.run.adaptations]
        return ComparedArm(
            name=self.name,
            folder=self.folder,
            runs=[record.run.run_id for record in self.runs],
            left_out=self.left_out,
            settings=self.settings,
            adaptations=list(filter(None, dict.fromkeys((*adapted, redirects(*self.runs))))),
            began_at=min((record.run.started_at for record in self.runs), default=None),
            ended_at=max(ended, default=None),
        )


def read_arm(folder: Path, name: str = "") -> Arm:
    """The runs of a set, or one run.

    Args:
        folder: Of the set or the run.
        name: What the user calls it; the folder's name when left out.

    Raises:
        ResultError: It is neither.
    """
    arm = Arm(name or folder.name, folder=str(folder))
    for run in members(folder):
        arm.take(run)
    if (folder / run_set.SET_JSON).exists():
        arm.left_out += [f"{run}: void, and made once more" for run in run_set.load(folder).void]
    return arm


def members(folder: Path) -> list[Path]:
    """The folders of the runs of a set; the folder itself when it is one of a run.

    Raises:
        ResultError: It is neither.
    """
    if (folder / run_set.SET_JSON).exists():
        return [folder / name for name in run_set.load(folder).runs]
    if (folder / run_record.RUN_JSON).exists():
        return [folder]
    raise ResultError(
        f"{folder} is neither the folder of a run nor of a set of runs",
        hint="loadtest baseline list shows the baselines there are, loadtest list the runs",
    )
