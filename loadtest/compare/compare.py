"""Runs held against a baseline: every percentile of every series, and what comes of it as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from loadtest.compare import statistics
from loadtest.compare.conditions import differences
from loadtest.measure.comparison_record import (
    ALIKE,
    DEFAULT_TOLERANCE,
    FASTER,
    NO_REGRESSION,
    NO_VERDICT,
    REGRESSION,
    SLOWER,
    UNDECIDED,
    ComparedFigure,
    Comparison,
)
from loadtest.measure.tags import CONNECT, INTENDED, PACER, REGISTER, parse
from loadtest.protocol.phases import RAMP, STEADY

if TYPE_CHECKING:
    from loadtest.compare.arm import Arm
    from loadtest.compare.statistics import Effect
    from loadtest.measure.comparison_record import Finding, Outcome
    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.tags import Tag

_PERCENTS = (50.0, 90.0, 99.0, 99.9)
_BEYOND = 10
"""Samples that must lie above a percentile in every run: with fewer it is the luck of single messages."""


class _Figure(NamedTuple):
    tag: Tag
    percent: float

    def __str__(self) -> str:
        return f"{self.tag.leg} {self.tag.action} p{self.percent:g}"


def compare(baseline: Arm, candidate: Arm, tolerance: float = DEFAULT_TOLERANCE) -> Comparison:
    """Hold runs against a baseline.

    Compared are response times: connecting and registering in the ramp, everything else in the steady phase.

    Args:
        baseline: What is held against.
        candidate: What is held against it.
        tolerance: Changes up to this do not matter; 0.05 is 5 %.
    """
    before = [_values(record) for record in baseline.runs]
    after = [_values(record) for record in candidate.runs]
    shared, left_out = _shared(before, after)
    found = statistics.effects(
        [[run[figure] for run in before] for figure in shared], [[run[figure] for run in after] for figure in shared]
    )
    figures = [
        _compared(figure, [run[figure] for run in before], effect, tolerance, len(shared))
        for figure, effect in zip(shared, found, strict=True)
    ]
    outcome, text = _outcome(baseline, candidate, figures, tolerance)
    return Comparison(
        outcome=outcome,
        text=text,
        baseline=baseline.side,
        candidate=candidate.side,
        tolerance_percent=100 * tolerance,
        error_rate_percent=100 * statistics.ERROR_RATE,
        confidence_percent=100 * statistics.CONFIDENCE,
        differences=differences([run.run for run in baseline.runs], [run.run for run in candidate.runs])
        if shared
        else [],
        figures=figures,
        not_compared=left_out,
    )


def _values(record: RunRecord) -> dict[_Figure, float]:
    """A run's figures in µs, those with too few samples as 0."""
    values: dict[_Figure, float] = {}
    for row in record.latency:
        tag = parse(row.tag)
        phase = RAMP if tag.leg in (CONNECT, REGISTER) else STEADY
        if tag.kind != INTENDED or tag.leg == PACER or tag.phase != phase:
            continue
        for percent, value_us in zip(_PERCENTS, (row.p50_us, row.p90_us, row.p99_us, row.p999_us), strict=True):
            enough = row.count * (100 - percent) / 100 >= _BEYOND
            values[_Figure(tag, percent)] = float(max(min(value_us, row.max_us), 1)) if enough else 0.0
    return values


def _shared(before: list[dict[_Figure, float]], after: list[dict[_Figure, float]]) -> tuple[list[_Figure], list[str]]:
    """Figures that every run has, and what is to be said of the others."""
    runs = [*before, *after]
    if not before or not after:
        return [], []
    shared: list[_Figure] = []
    left_out: list[str] = []
    for figure in sorted({figure for run in runs for figure in run}):
        if all(run.get(figure) for run in runs):
            shared.append(figure)
        elif any(figure not in run for run in runs):
            left_out.append(f"{figure}: not in every run")
        else:
            left_out.append(f"{figure}: less than {_BEYOND} samples above it in a run")
    return shared, left_out


def _compared(figure: _Figure, before: list[float], effect: Effect, tolerance: float, count: int) -> ComparedFigure:
    baseline_us = float(np.exp(np.mean(np.log(before))))
    finding = _finding(effect, tolerance)
    low, high = effect.interval or (None, None)
    return ComparedFigure(
        phase=figure.tag.phase,
        leg=figure.tag.leg,
        action=figure.tag.action,
        percent=figure.percent,
        baseline_us=round(baseline_us, 1),
        candidate_us=round(baseline_us * effect.ratio, 1),
        change_percent=_percent(effect.ratio),
        low_percent=None if low is None else _percent(low),
        high_percent=None if high is None else _percent(high),
        p_value=effect.p_value,
        finding=finding,
        repeats_needed=statistics.repeats_needed(effect.spread, tolerance, count) if finding == UNDECIDED else None,
    )


def _finding(effect: Effect, tolerance: float) -> Finding:
    real = effect.p_value <= statistics.ERROR_RATE
    if real and effect.ratio > 1 + tolerance:
        return SLOWER
    if real and effect.ratio < 1 / (1 + tolerance):
        return FASTER
    inside = effect.interval is not None and 1 / (1 + tolerance) <= effect.interval[0] <= effect.interval[1] <= (
        1 + tolerance
    )
    return ALIKE if inside else UNDECIDED


def _outcome(baseline: Arm, candidate: Arm, figures: list[ComparedFigure], tolerance: float) -> tuple[Outcome, str]:
    for arm in (baseline, candidate):
        if not arm.runs:
            return NO_VERDICT, f"No run of {arm.name} counts: {'; '.join(arm.left_out) or 'there is none'}."
    if not figures:
        return NO_VERDICT, "No percentile has enough samples in every run: longer runs are needed."
    runs = len(baseline.runs), len(candidate.runs)
    many = f"{runs[0]} against {runs[1]} runs"
    if statistics.smallest_p_value(*runs) > statistics.ERROR_RATE:
        return NO_VERDICT, (f"{many} are too few to tell: {_needed(figures, tolerance)}.")
    slower = [figure for figure in figures if figure.finding == SLOWER]
    counts = _counts(figures, tolerance)
    if slower:
        worst = max(slower, key=lambda figure: figure.change_percent)
        return REGRESSION, (
            f"Slower in {len(slower)} of {len(figures)} percentiles, most in {worst.leg} {worst.action} "
            f"{worst.percentile}: {worst.change_percent:+,.1f} % ({many}); {counts}."
        )
    return NO_REGRESSION, f"Nothing is slower ({many}): {counts}."


def _counts(figures: list[ComparedFigure], tolerance: float) -> str:
    found = [figure.finding for figure in figures]
    parts = [f"{found.count(FASTER)} faster"] if FASTER in found else []
    parts.append(f"{found.count(ALIKE)} within {100 * tolerance:.3g} %")
    if UNDECIDED in found:
        parts.append(f"{found.count(UNDECIDED)} undecided, where {_needed(figures, tolerance)}")
    return ", ".join(parts)


def _needed(figures: list[ComparedFigure], tolerance: float) -> str:
    """How many repeats it takes; percentiles differ in it by far, the tails of connecting taking most."""
    needed = [figure.repeats_needed for figure in figures if figure.repeats_needed is not None]
    text = f"at least {min(needed):,} repeats on each side are needed to see {100 * tolerance:.3g} %"
    most = f" in the steadiest percentile, {max(needed):,} in the least steady" if max(needed) > min(needed) else ""
    return text + most


def _percent(ratio: float) -> float:
    return round(100 * (ratio - 1), 2)
