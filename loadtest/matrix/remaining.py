"""How long the rest of a matrix will take, from what its plan says and from what its runs have taken so far."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.measure.matrix_record import MatrixArm, MatrixRecord, MatrixRun

BESIDE_S = 10.0
"""What a run takes beside its phases, to start everything, to drain and to write: a guess until one has been seen."""
_LEFT = frozenset({"waiting", "running"})
_WENT_TO_ITS_END = frozenset({"done", "void"})


def phases_s(arm: MatrixArm) -> float:
    """How long the phases of a run of this arm last."""
    return float(sum(arm.resolved[name] for name in ("ramp_s", "warmup_s", "duration_s")))


def remaining_s(matrix: MatrixRecord, running_for_s: float = 0.0) -> float:
    """How long what is left of a matrix will take.

    Args:
        matrix: As it is.
        running_for_s: How long the run that is on has been so.
    """
    arms = {arm.name: arm for arm in matrix.arms}
    left = [run for run in matrix.runs if run.state in _LEFT and not arms[run.arm].given_up]
    of_all = _beside_s(matrix.runs, arms) or [BESIDE_S]
    total_s = matrix.plan.pause_s * max(0, len(left) - 1)
    for run in left:
        of_arm = _beside_s((each for each in matrix.runs if each.arm == run.arm), arms)
        expected_s = phases_s(arms[run.arm]) + fmean(of_arm or of_all)
        total_s += max(0.0, expected_s - running_for_s) if run.state == "running" else expected_s
    return total_s


def _beside_s(runs: Iterable[MatrixRun], arms: dict[str, MatrixArm]) -> list[float]:
    """What runs that went to their end took beside their phases."""
    return [max(0.0, run.elapsed_s - phases_s(arms[run.arm])) for run in runs if run.state in _WENT_TO_ITS_END]
