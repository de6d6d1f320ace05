"""The thresholds of a run as a whole: those of the scenario, overridden by those given with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import UsageError
from loadtest.scenario.threshold import Threshold

if TYPE_CHECKING:
    from collections.abc import Sequence


def check(thresholds: object, phases: Sequence[str], classes: Sequence[str] | None = None) -> None:
    """Refuse what no run of these phases and classes can be judged by; ``None``: classes are not known yet.

    Raises:
        UsageError: With one sentence for each mistake found.
    """
    if not isinstance(thresholds, (tuple, list)):
        raise UsageError("thresholds: must be a tuple of those in loadtest.scenario.thresholds, (…,)")
    mistakes: list[str] = []
    metrics: list[tuple[str, bool]] = []
    for threshold in thresholds:
        if not isinstance(threshold, Threshold):
            mistakes.append(f"thresholds: {threshold!r} is none of those in loadtest.scenario.thresholds")
            continue
        try:
            threshold.check(phases, classes)
        except UsageError as error:
            mistakes += error.faults
        else:
            metrics.append(_replaces(threshold))
    twice = [metric for metric, _ in dict.fromkeys(each for each in metrics if metrics.count(each) > 1)]
    mistakes += [f"thresholds: there are two for '{metric}'" for metric in twice]
    if mistakes:
        raise UsageError(mistakes)


def overridden(declared: Sequence[Threshold], given: Sequence[Threshold]) -> tuple[Threshold, ...]:
    """The declared thresholds, each in its place replaced by one given for the same metric, then the others given."""
    wanted = {_replaces(threshold): threshold for threshold in given}
    merged = {_replaces(threshold): threshold for threshold in declared}
    return tuple((merged | wanted).values())


def _replaces(threshold: Threshold) -> tuple[str, bool]:
    """Two thresholds that share it cannot both stand; a rate may have a bound on either side."""
    return threshold.metric, threshold.limit.upper
