"""Arms of runs held against each other: every figure of every pair, and what comes of it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from loadtest.clock import utc_now
from loadtest.compare import statistics
from loadtest.compare.conditions import common, differences
from loadtest.compare.figures import Measured, compared, not_compared
from loadtest.compare.outcome import outcome
from loadtest.compare.ranking import rank_key, ranking
from loadtest.compare.run_figures import run_figures
from loadtest.compare.shapes import curves, shape_changes
from loadtest.measure.compared_figures import ALL_ACTIONS, LATENCY
from loadtest.measure.comparison_record import DEFAULT_TOLERANCE, Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.compare.arm import Arm
    from loadtest.compare.figure_keys import Key


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the arms.

    Attributes:
        baseline: Name of the arm that the others are held against; empty: each is held against each.
        tolerance: Changes up to this do not matter; 0.05 is 5 %.
        rank: Name of the figure to rank by; empty: the usual one.
        plan: The plan the arms come from, as it was written, if there was one.
        command: What repeats it all.
    """

    baseline: str = ""
    tolerance: float = DEFAULT_TOLERANCE
    rank: str = ""
    plan: str = ""
    command: tuple[str, ...] = ()


def compare(baseline: Arm, candidate: Arm, tolerance: float = DEFAULT_TOLERANCE) -> Comparison:
    """Hold runs against a baseline: :func:`compare_arms` for two."""
    return compare_arms([baseline, candidate], Question(baseline=baseline.name, tolerance=tolerance))


def compare_arms(arms: Sequence[Arm], question: Question) -> Comparison:
    """Hold arms against each other.

    Compared are response times: connecting and registering in the ramp, everything else in the steady phase, all of it
    while something is broken on purpose and after it; throughput, loss, the times until charge points are there; and
    what carrying the load costs.

    Args:
        arms: Two or more, of different names.
        question: What is asked of them.

    Raises:
        UsageError: There is no figure of the name to rank by.
    """
    measured = [Measured(arm.name, [run_figures(record, folder) for record, folder in arm], arm.order) for arm in arms]
    positions = range(len(arms))
    pairs = list(combinations(positions, 2))
    if question.baseline:
        first = next(each for each in positions if arms[each].name == question.baseline)
        pairs = [(first, each) for each in positions if each != first]
    keys = {key for arm in measured for run in arm.runs for key in run.values}
    of_classes = {key for key in keys if key.fleet_class}
    of_all = _once(keys - of_classes, measured)
    figures = compared(measured, pairs, of_all, question.tolerance)
    rank = rank_key(question.rank, [key for key in of_all | of_classes if sum(arm.has(key) for arm in measured) > 1])
    ranked = None if rank is None else ranking(measured, rank, question.tolerance)
    found, text = outcome(arms, figures, ranked, question.baseline, question.tolerance)
    described = {arm.name: [record.run for record in arm.runs] for arm in arms}
    return Comparison(
        outcome=found,
        text=text,
        made_at=utc_now(),
        scenario=", ".join(dict.fromkeys(run.scenario for runs in described.values() for run in runs)),
        baseline=question.baseline,
        arms=[arm.described for arm in arms],
        tolerance_percent=100 * question.tolerance,
        error_rate_percent=100 * statistics.ERROR_RATE,
        confidence_percent=100 * statistics.CONFIDENCE,
        ranking=ranked,
        differences=differences(described),
        common=common(described),
        figures=figures,
        # A question of its own, with its own error rate: the one about the whole fleet becomes no harder to answer.
        classes=compared(measured, pairs, of_classes, question.tolerance),
        shapes=shape_changes(measured, pairs),
        not_compared=_gaps(measured) + not_compared(measured, of_all | of_classes),
        curves=curves(measured),
        plan=question.plan,
        command=list(question.command),
    )


def _once(keys: set[Key], measured: Sequence[Measured]) -> set[Key]:
    """Without the figures of an action that is the only one of its leg, where all actions together say the same."""
    actions: dict[tuple[str, str], set[str]] = {}
    for key in keys:
        if key.quantity == LATENCY and key.action != ALL_ACTIONS:
            actions.setdefault((key.phase, key.leg), set()).add(key.action)
    return {
        key
        for key in keys
        if len(actions.get((key.phase, key.leg), ())) != 1
        or key.action == ALL_ACTIONS
        or not all(key._replace(action=ALL_ACTIONS) in run.values for arm in measured for run in arm.runs)
    }


def _gaps(measured: Sequence[Measured]) -> list[str]:
    return [f"{arm.name}: {gap}" for arm in measured for run in arm.runs for gap in run.gaps]
