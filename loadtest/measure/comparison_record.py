"""What came of holding runs against runs, in ``comparison.json``, of a versioned format.

Made by :mod:`loadtest.compare`; whoever shows it needs nothing else.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from loadtest.measure import comparison_v1
from loadtest.measure.compared_figures import Change, ComparedFigure, Finding
from loadtest.measure.result_documents import content_if_there, decode, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPARISON_FORMAT = "loadtest-comparison"
COMPARISON_VERSION = 2
COMPARISON_JSON = "comparison.json"

REGRESSION: Final = "regression"
NO_REGRESSION: Final = "no regression"
DIFFERENT: Final = "different"
NO_DIFFERENCE: Final = "no difference shown"
NO_VERDICT: Final = "no verdict"


DEFAULT_TOLERANCE = 0.05
"""Changes up to this do not matter, unless somebody says otherwise."""

Outcome = Literal["regression", "no regression", "different", "no difference shown", "no verdict"]


class ComparedArm(msgspec.Struct, kw_only=True):
    """One of the groups of runs.

    Attributes:
        name: What the user calls it.
        folder: Where its runs are; empty when that was not told.
        runs: Ids of the runs that count.
        left_out: The others, each with the reason.
        settings: What it was made for: the settings that a plan gave to this arm alone.
        adaptations: What was otherwise than asked for, in sentences: done without, or load that went to other servers.
        began_at: When the first run that counts began, in UTC.
        ended_at: When the last one ended.
    """

    name: str
    folder: str = ""
    runs: list[str]
    left_out: list[str] = []
    settings: dict[str, str] = {}
    adaptations: list[str] = []
    began_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None


class Difference(msgspec.Struct):
    """Something other than what was measured that is not the same in all arms; ``values`` are by arm."""

    what: str
    values: dict[str, str]


class ShapeChange(msgspec.Struct, kw_only=True):
    """How far the response times of two arms lie apart as a whole, shifts and changes of shape alike.

    Attributes:
        distance_percent: Of Kolmogorov and Smirnov, between all samples of the one and of the other: the largest
            difference between the shares of messages that are answered within any time.
        p_value: From exchanging whole runs, corrected for all legs and pairs.
        real: Whether it is more than chance.
    """

    baseline: str
    candidate: str
    phase: str
    leg: str
    distance_percent: float
    p_value: float
    real: bool


class Place(msgspec.Struct, kw_only=True):
    """Where an arm stands.

    Attributes:
        rank: One more than the arms that are really better; ``None``: too few runs to tell.
        letters: Arms with a letter in common do not differ, or not so that it matters.
        mean: Of the figure, over the runs.
        low: Smallest of its runs.
        high: Largest of its runs.
    """

    arm: str
    rank: int | None
    letters: str
    mean: float
    low: float
    high: float


class Ranking(msgspec.Struct, kw_only=True):
    """The arms by one figure, which is tested by itself, for all pairs of arms.

    Attributes:
        figure: What they are ranked by; ``changes`` are those of this test.
        places: From the best to the worst.
        text: The same in a sentence.
    """

    figure: ComparedFigure
    places: list[Place]
    text: str


class Curve(msgspec.Struct, kw_only=True):
    """The response times of an arm, all runs that count together: percentiles and µs, point by point."""

    arm: str
    phase: str
    leg: str
    percents: list[float]
    values_us: list[float]


class Comparison(msgspec.Struct, kw_only=True):
    """The content of ``comparison.json``.

    Attributes:
        outcome: What came of it.
        text: The same in a sentence.
        made_at: When the comparison was made, in UTC.
        scenario: What was run.
        baseline: Name of the arm that the others are held against; empty: each is held against each.
        arms: In the order they were given.
        tolerance_percent: Changes up to this do not matter; of a loss every one does.
        error_rate_percent: Chance that any figure is called different when nothing is; of the ranking, and of the
            shapes, the same once more.
        confidence_percent: Of each interval.
        ranking: ``None``: no figure to rank by in every arm.
        differences: What else differs between the arms, seeds left out.
        common: What is the same in all of them: settings, parts, versions, host.
        figures: In the order of quantity, phase, leg, action, percentile.
        classes: Figures of each class of a mixed fleet: corrected among themselves, they tell where a difference comes
            from and decide nothing.
        shapes: Of each leg and pair of arms.
        not_compared: Figures left out, each with the reason.
        curves: Of each leg and arm.
        plan: The plan of the matrix as it was written; empty when there was none.
        command: What repeats it all.
    """

    format: str = COMPARISON_FORMAT
    version: int = COMPARISON_VERSION
    outcome: Outcome
    text: str
    made_at: dt.datetime | None = None
    scenario: str = ""
    baseline: str = ""
    arms: list[ComparedArm]
    tolerance_percent: float
    error_rate_percent: float
    confidence_percent: float
    ranking: Ranking | None = None
    differences: list[Difference] = []
    common: dict[str, str] = {}
    figures: list[ComparedFigure] = []
    classes: list[ComparedFigure] = []
    shapes: list[ShapeChange] = []
    not_compared: list[str] = []
    curves: list[Curve] = []
    plan: str = ""
    command: list[str] = []

    def changes(self) -> Iterator[tuple[ComparedFigure, Change]]:
        """Every pair of every figure."""
        return _changes(self.figures)

    def changes_of_classes(self) -> Iterator[tuple[ComparedFigure, Change]]:
        """Every pair of every figure of a class."""
        return _changes(self.classes)

    def found(self, *findings: Finding) -> list[tuple[ComparedFigure, Change]]:
        """Where one of those was found: costs last, in the order given, the largest change first."""
        rows = [row for row in self.changes() if row[1].finding in findings]
        return sorted(
            rows,
            key=lambda row: (not row[0].decides, findings.index(row[1].finding), -abs(row[1].change_percent)),
        )


def _changes(figures: list[ComparedFigure]) -> Iterator[tuple[ComparedFigure, Change]]:
    return ((figure, change) for figure in figures for change in figure.changes)


def write(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.json``.

    Raises:
        ResultError: It could not be written.
    """
    store(comparison, folder / COMPARISON_JSON)


def load(folder: Path) -> Comparison | None:
    """Read the comparison in the folder of a run, a set or a matrix; ``None`` when there is none.

    Raises:
        ResultError: It is damaged, or of a version this one cannot read.
    """
    path = folder / COMPARISON_JSON
    content = content_if_there(path)
    if content is None:
        return None
    return decode(comparison_v1.brought_forward(content), Comparison, path, COMPARISON_FORMAT, COMPARISON_VERSION)
