"""Holding runs against a baseline from the command line: found and checked before they begin, compared after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.cli.comparison import print_comparison
from loadtest.cli.summary import stdout
from loadtest.compare import baselines
from loadtest.compare.arm import read_arm
from loadtest.compare.conditions import refuse_another_load
from loadtest.errors import ExitCode, UsageError
from loadtest.measure import comparison_record
from loadtest.measure.comparison_record import DEFAULT_TOLERANCE, REGRESSION

if TYPE_CHECKING:
    from loadtest.compare.arm import Arm
    from loadtest.runner.request import RunRequest


class Percent(click.ParamType[float]):
    """``5`` or ``5%``, as a share."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share, above 0 and at most 10."""
        try:
            share = float(str(value).strip().removesuffix("%")) / 100
        except ValueError:
            share = 0.0
        if not 0 < share <= 10:
            self.fail(f"{value!r} is no percentage above 0, such as 5%", param, ctx)
        return share


class Against:
    """A baseline that runs are held against when they are over."""

    def __init__(self, baseline: Arm, tolerance: float) -> None:
        self._baseline = baseline
        self._tolerance = tolerance

    def judge(self, folder: Path, code: int) -> int:
        """Compare a run or a set, tell, and write it down; its reports are the caller's.

        Args:
            folder: Of the run or the set.
            code: What the command ends with when there is no regression.

        Returns:
            What it ends with. That a run failed or is void outranks a regression.
        """
        from loadtest.compare.compare import compare  # noqa: PLC0415 - brings in scipy, which takes its time

        name = folder.name if folder.name != self._baseline.name else f"{folder.name} now"
        comparison = compare(self._baseline, read_arm(folder, name), self._tolerance)
        comparison_record.write(comparison, folder)
        print_comparison(comparison, stdout())
        return ExitCode.REGRESSION if comparison.outcome == REGRESSION and code == ExitCode.PASSED else code


def open_baseline(wanted: str | None, tolerance: float | None, request: RunRequest) -> Against | None:
    """The baseline a request is to be held against; ``None`` when none is wanted.

    Raises:
        UsageError: It is of another load, nothing in it counts, or there is a tolerance without it.
        ResultError: There is none, or it cannot be read.
    """
    if wanted is None:
        if tolerance is not None:
            raise UsageError("--tolerance: is for --baseline")
        return None
    settings = request.resolved()
    arm = read_arm(baselines.find(wanted, Path(settings.results)), wanted)
    if not arm.runs:
        raise UsageError(f"--baseline: no run of {wanted} counts: {'; '.join(arm.left_out)}")
    described = [record.run for record in arm.runs]
    refuse_another_load(wanted, described, request.scenario.name, settings.charge_points)
    return Against(arm, DEFAULT_TOLERANCE if tolerance is None else tolerance)
