"""Conducting a search: one run after the other, each with a fate that is on record before the next one begins."""

from __future__ import annotations

import contextlib
from statistics import median
from typing import TYPE_CHECKING

from loadtest.capacity.answer import answer
from loadtest.capacity.judging import judge, refused
from loadtest.capacity.knee import knee
from loadtest.capacity.search import Bounds, Search
from loadtest.clock import monotonic_ns, utc_now
from loadtest.errors import LoadTestError, ResultError
from loadtest.measure import capacity_record
from loadtest.measure.capacity_record import CapacityStep
from loadtest.measure.result_files import DiskReserve
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadtest.capacity.axis import Axis
    from loadtest.measure.capacity_record import CapacityRecord
    from loadtest.runner.request import RunRequest
    from loadtest.runner.several import RunOne, Watcher

KNEE_SAMPLES = 1000
"""Of fewer the p99 is the luck of single messages."""


def conduct(
    record: CapacityRecord,
    axis: Axis,
    request: RunRequest,
    folder: Path,
    run_one: RunOne,
    watcher: Watcher[CapacityStep],
    interrupts: Sequence[int],
) -> None:
    """Search to the end, or until the user asks for an end.

    Args:
        record: Without steps; written whenever something has changed.
        axis: What is searched for.
        request: What all runs have in common.
        folder: Of the search.
        run_one: Carries out one run.
        watcher: Is told how it goes.
        interrupts: Grows when the user asks for an end; ``run_one`` knows them as well and ends what is on.

    Raises:
        LoadTestError: The very first run could not be made: there is nothing to keep.
        ResultError: Nothing can be written any more.
    """
    plan, base = record.plan, request.resolved()
    search = Search(
        Bounds(
            lowest=plan.lowest,
            highest=plan.highest,
            precision=plan.precision_percent / 100,
            repeats=plan.repeats,
            most_runs=plan.most_runs,
        )
    )
    with _kept_in(folder) as keep:
        interrupted = False
        while not interrupted and (level := search.next_level()) is not None:
            if interrupts:
                interrupted = True
                break
            attempt = len(record.at(level)) + 1
            step = CapacityStep(
                level=level,
                attempt=attempt,
                seed=base.seed + attempt - 1,
                settings=axis.settings(level, base),
                folder=f"{level}-{attempt}",
                started_at=utc_now(),
            )
            record.steps.append(step)
            keep(record)
            watcher.begins(step)
            interrupted = _run(step, record, request, folder, run_one)
            match step.state:
                case "passed" | "failed" | "limited" | "void" as vote:
                    search.take(level, vote)
                case _:
                    interrupted = True
            keep(record)
            watcher.ended(step)
        record.state, record.ended_at = "interrupted" if interrupted else "complete", utc_now()
        record.result = answer(search.finding(), record, _knee(record))
        keep(record)


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[Callable[[CapacityRecord], None]]:
    """What keeps the record of a search: room is held back for the last it has to say, should the disk be full."""
    reserve = DiskReserve(folder / ".reserve")

    def keep(record: CapacityRecord) -> None:
        try:
            capacity_record.write(record, folder)
        except ResultError:
            reserve.release()
            capacity_record.write(record, folder)

    try:
        yield keep
    finally:
        reserve.release()


def _run(
    step: CapacityStep,
    record: CapacityRecord,
    request: RunRequest,
    folder: Path,
    run_one: RunOne,
) -> bool:
    """Carry out one run; returns whether the user has stopped it."""
    begun_ns = monotonic_ns()
    try:
        outcome = run_one(request.within(folder, step.folder, step.seed, step.settings))
    except LoadTestError as error:
        refused(step, error)
        if not (folder / step.folder).exists():
            step.folder = ""
        if len(record.steps) == 1 and step.state == "void":
            raise
        return False
    finally:
        step.elapsed_s = (monotonic_ns() - begun_ns) / NS_PER_S
    made = judge(step, outcome.run_dir, record.plan, cut_short=outcome.interrupted)
    if made is not None:
        record.host, record.plan.thresholds = made.run.host, made.run.thresholds
    if not outcome.run_dir.exists():
        step.folder = ""
    return outcome.interrupted


def _knee(record: CapacityRecord) -> int | None:
    """Of the first of the plan's legs, by the p99 in the middle of the tries at each level."""
    leg = record.plan.legs[0]
    curve: dict[int, list[float]] = {}
    for step in record.steps:
        if step.state in ("passed", "failed"):
            for row in step.latency:
                if row.leg == leg and row.count >= KNEE_SAMPLES:
                    curve.setdefault(step.level, []).append(row.p99_us)
    return knee({level: median(values) for level, values in curve.items()})
