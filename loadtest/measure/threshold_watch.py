"""Watches, while a run goes on, the thresholds that may end it: once for each second that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.thresholds import judge
from loadtest.scenario.thresholds import Registered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.measure.evidence import Evidence
    from loadtest.measure.run_outcome import ThresholdOutcome
    from loadtest.measure.spans import PhaseSpan
    from loadtest.scenario.threshold import Threshold


class ThresholdWatch:
    """The thresholds of one run that have ``abort_on_fail``.

    Attributes:
        ended_by: The first that did not hold.
        needs_storms: One of them is about storms, which have to be looked for.
    """

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self._watched = [threshold for threshold in thresholds if threshold.abort_on_fail]
        self._looked_at = -1
        self.ended_by: ThresholdOutcome | None = None
        self.needs_storms = any(isinstance(threshold, Registered) for threshold in self._watched)

    def look(self, second: int, evidence: Callable[[], Evidence]) -> ThresholdOutcome | None:
        """The threshold that ends the run now, if there is one.

        Args:
            second: The newest that was written.
            evidence: Makes up what is known by its end; not called when nothing is to be judged.
        """
        if not self._watched or second <= self._looked_at or self.ended_by is not None:
            return None
        self._looked_at = second
        known = evidence()
        ripe = [
            threshold
            for threshold in self._watched
            if known.now_s > _begin_s(known.phases, threshold.watched_phase) + threshold.after_s
        ]
        missed = next((outcome for outcome in judge(ripe, known) if outcome.passed is False), None)
        if missed is not None:
            missed.reason += f"; ended the run at {known.now_s:g} s"
            self.ended_by = missed
        return missed


def _begin_s(phases: Sequence[PhaseSpan], phase: str) -> float:
    return next((span.start_s for span in phases if phase in ("", span.name)), float("inf"))
