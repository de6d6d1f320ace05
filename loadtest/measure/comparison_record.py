"""What came of holding runs against a baseline, in ``comparison.json``, of a versioned format.

Made by :mod:`loadtest.compare`; whoever shows it needs nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from loadtest.errors import ResultError
from loadtest.measure.result_files import write_whole
from loadtest.measure.run_record import decode, to_json

if TYPE_CHECKING:
    from pathlib import Path

COMPARISON_FORMAT = "loadtest-comparison"
COMPARISON_VERSION = 1
COMPARISON_JSON = "comparison.json"

REGRESSION: Final = "regression"
NO_REGRESSION: Final = "no regression"
NO_VERDICT: Final = "no verdict"
SLOWER: Final = "slower"
FASTER: Final = "faster"
ALIKE: Final = "alike"
UNDECIDED: Final = "undecided"

DEFAULT_TOLERANCE = 0.05
"""Changes up to this do not matter, unless somebody says otherwise."""

Outcome = Literal["regression", "no regression", "no verdict"]
Finding = Literal["slower", "faster", "alike", "undecided"]


class Side(msgspec.Struct, kw_only=True):
    """One of the two groups of runs.

    Attributes:
        name: What the user calls it.
        runs: Ids of the runs that count.
        left_out: The others, each with the reason.
    """

    name: str
    runs: list[str]
    left_out: list[str] = []


class Difference(msgspec.Struct):
    """Something other than what was measured that is not the same on both sides."""

    what: str
    baseline: str
    candidate: str


class ComparedFigure(msgspec.Struct, kw_only=True):
    """One percentile of one series on both sides.

    Attributes:
        baseline_us: Geometric mean over the runs.
        candidate_us: The same.
        change_percent: From baseline to candidate.
        low_percent: Lower end of the confidence interval of the change; ``None``: too few runs for one.
        high_percent: Its upper end.
        p_value: Corrected for all figures.
        finding: ``slower`` and ``faster``: a difference that is real and matters; ``alike``: none that matters;
            ``undecided``: the repeats cannot tell.
        repeats_needed: On each side, to see a change as large as the tolerance; only where undecided.
    """

    phase: str
    leg: str
    action: str
    percent: float
    baseline_us: float
    candidate_us: float
    change_percent: float
    low_percent: float | None
    high_percent: float | None
    p_value: float
    finding: Finding
    repeats_needed: int | None = None

    @property
    def percentile(self) -> str:
        """``p99.9``."""
        return f"p{self.percent:g}"


class Comparison(msgspec.Struct, kw_only=True):
    """The content of ``comparison.json``.

    Attributes:
        outcome: What came of it.
        text: The same in a sentence.
        tolerance_percent: Changes up to this do not matter.
        error_rate_percent: Chance that any figure is called different when nothing is.
        confidence_percent: Of each interval.
        differences: What else differs between the sides, seeds left out.
        figures: In the order of phase, leg, action, percentile.
        not_compared: Figures left out, each with the reason.
    """

    format: str = COMPARISON_FORMAT
    version: int = COMPARISON_VERSION
    outcome: Outcome
    text: str
    baseline: Side
    candidate: Side
    tolerance_percent: float
    error_rate_percent: float
    confidence_percent: float
    differences: list[Difference] = []
    figures: list[ComparedFigure] = []
    not_compared: list[str] = []

    def found(self, finding: Finding) -> list[ComparedFigure]:
        """The figures of which that was found, the largest change first."""
        rows = [figure for figure in self.figures if figure.finding == finding]
        return sorted(rows, key=lambda figure: -abs(figure.change_percent))


def write(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.json``.

    Raises:
        ResultError: It could not be written.
    """
    path = folder / COMPARISON_JSON
    try:
        write_whole(path, to_json(comparison))
    except OSError as error:
        raise ResultError(f"cannot write {path}: {error.strerror}") from error


def load(folder: Path) -> Comparison | None:
    """Read the comparison in the folder of a run or a set; ``None`` when there is none.

    Raises:
        ResultError: It is damaged, or of a version this one cannot read.
    """
    path = folder / COMPARISON_JSON
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}") from error
    return decode(content, Comparison, path, COMPARISON_FORMAT, COMPARISON_VERSION)
