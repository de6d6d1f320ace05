"""What a comparison comes to, in a word and in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.compare import statistics
from loadtest.measure.compared_figures import ALIKE, BETTER, UNDECIDED, WORSE, Change, ComparedFigure
from loadtest.measure.comparison_record import DIFFERENT, NO_DIFFERENCE, NO_REGRESSION, NO_VERDICT, REGRESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.compare.arm import Arm
    from loadtest.measure.comparison_record import Outcome, Ranking

    Row = tuple[ComparedFigure, Change]


def outcome(
    arms: Sequence[Arm],
    figures: Sequence[ComparedFigure],
    ranking: Ranking | None,
    baseline: str,
    tolerance: float,
) -> tuple[Outcome, str]:
    """Judge a comparison.

    Args:
        arms: All of them.
        figures: All that were compared.
        ranking: By which figure the arms stand in which order, if there is one.
        baseline: Name of the arm the others are held against; empty: each is held against each.
        tolerance: Changes up to this do not matter.
    """
    present = [arm for arm in arms if arm.runs]
    missing = " ".join(f"No run of {arm.name} counts: {_why(arm)}." for arm in arms if not arm.runs)
    if len(present) < 2 or (baseline and baseline not in {arm.name for arm in present}):
        return NO_VERDICT, missing
    if not figures:
        return NO_VERDICT, _joined("No figure has enough samples in every run: longer runs are needed.", missing)
    rows = [(figure, change) for figure in figures for change in figure.changes]
    runs = {arm.name: len(arm.runs) for arm in present}
    counted = [runs[arm.name] for arm in present]
    names = [arm.name for arm in present]
    pairs = list(dict.fromkeys((change.baseline, change.candidate) for _, change in rows))
    judged = [pair for pair in pairs if statistics.can_tell(counted, (names.index(pair[0]), names.index(pair[1])))]
    if not judged:
        return NO_VERDICT, _joined(f"{_many(runs)} are too few to tell: {_needed(rows, tolerance)}.", missing)
    told = {name for pair in judged for name in pair}
    few = "".join(f" Too few runs of {name} to tell: {count}." for name, count in runs.items() if name not in told)
    if baseline:
        found, text = _against(rows, runs, tolerance)
    else:
        found, text = _among(rows, runs, tolerance)
    lead = ranking.text if ranking is not None and len(arms) > 2 else ""
    return found, _joined(lead, text + few, missing)


def _why(arm: Arm) -> str:
    """Why none of an arm's runs counts: the first reason, for the report has them all."""
    if not arm.left_out:
        return "there is none"
    more = len(arm.left_out) - 1
    return arm.left_out[0].rstrip(".") + (f" (and {more} more)" if more else "")


def _against(rows: Sequence[Row], runs: dict[str, int], tolerance: float) -> tuple[Outcome, str]:
    counts = _counts(rows, tolerance)
    decisive = [row for row in rows if row[0].decides]
    worse = [row for row in decisive if row[1].finding == WORSE]
    costs = [row for row in rows if row[1].finding == WORSE and not row[0].decides]
    dearer = f" It costs more: {', '.join(_told(row, runs) for row in costs)}." if costs else ""
    if not worse:
        return NO_REGRESSION, f"Nothing is worse ({_many(runs)}): {counts}.{dearer}"
    worst = max(worse, key=lambda row: abs(row[1].change_percent))
    text = f"Worse in {len(worse)} of {len(decisive)} figures, most in {_told(worst, runs)} ({_many(runs)}); {counts}."
    return REGRESSION, text + dearer


def _among(rows: Sequence[Row], runs: dict[str, int], tolerance: float) -> tuple[Outcome, str]:
    apart = [row for row in rows if row[1].finding in (WORSE, BETTER)]
    counts = _counts([row for row in rows if row not in apart], tolerance)
    if not apart:
        return NO_DIFFERENCE, f"No difference is shown ({_many(runs)}): {counts}."
    most = max(apart, key=lambda row: (row[0].decides, abs(row[1].change_percent)))
    real = "is real and matters:" if len(apart) == 1 else "are real and matter, most"
    return DIFFERENT, (
        f"{len(apart)} of {len(rows)} differences {real} {_told(most, runs)} "
        f"from {most[1].baseline} to {most[1].candidate} ({_many(runs)}); {counts}."
    )


def _told(row: Row, runs: dict[str, int]) -> str:
    figure, change = row
    who = f" of {change.candidate}" if len(runs) > 2 else ""
    unit = "points" if figure.unit == "%" else "%"
    return f"{figure.name}{who}: {change.change_percent:+,.1f} {unit}"


def _many(runs: dict[str, int]) -> str:
    counts = list(runs.values())
    if len(counts) == 2:
        return f"{counts[0]} against {counts[1]} runs"
    low, high = min(counts), max(counts)
    return f"{len(counts)} arms of {low if low == high else f'{low} to {high}'} {'run' if high == 1 else 'runs'}"


def _counts(rows: Sequence[Row], tolerance: float) -> str:
    found = [change.finding for _, change in rows]
    parts = [f"{found.count(BETTER)} better"] if BETTER in found else []
    parts.append(f"{found.count(ALIKE)} within {100 * tolerance:.3g} %")
    if UNDECIDED in found:
        parts.append(f"{found.count(UNDECIDED)} undecided, where {_needed(rows, tolerance)}")
    return ", ".join(parts)


def _needed(rows: Sequence[Row], tolerance: float) -> str:
    """How many repeats it takes; figures differ in it by far, the tails of connecting taking most."""
    needed = [change.repeats_needed for _, change in rows if change.repeats_needed is not None]
    if not needed:
        return "more repeats are needed"
    text = f"at least {min(needed):,} repeats in each arm are needed to see {100 * tolerance:.3g} %"
    most = f" in the steadiest figure, {max(needed):,} in the least steady" if max(needed) > min(needed) else ""
    return text + most


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
