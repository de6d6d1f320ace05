"""A search for capacity: the levels tried, one run each, and what they show together, in ``capacity.json``.

Beside it are the folders of the runs. Written anew whenever one begins or ends: what was done survives a kill.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from loadtest.measure.result_documents import read, store

if TYPE_CHECKING:
    from pathlib import Path

CAPACITY_FORMAT = "loadtest-capacity"
CAPACITY_VERSION = 1
CAPACITY_JSON = "capacity.json"

AxisName = Literal["charge-points", "rate", "connect-rate"]
CHARGE_POINTS: Final = "charge-points"
RATE: Final = "rate"
CONNECT_RATE: Final = "connect-rate"

SearchState = Literal["running", "interrupted", "complete"]
StepState = Literal["running", "passed", "failed", "limited", "void", "cut_short"]
"""``limited``: the generator was the limit, so that the run says nothing about the system. ``void``: it says nothing
for another reason, or there was no run. ``cut_short``: stopped before its time; it does not count."""

Answer = Literal[
    "interval", "generator", "all_passed", "none_passed", "generator_at_first", "void", "unfinished", "interrupted"
]
"""As in :data:`loadtest.capacity.search.Kind`; ``interrupted``: what was known by then."""


class SearchPlan(msgspec.Struct, kw_only=True):
    """What was searched, as resolved.

    Attributes:
        scenario: Name of the scenario, or the path of its file.
        scenario_sha256: Digest of its file.
        axis: What a level counts.
        unit: What stands behind a level.
        phase: Whose latencies tell how a load is borne.
        legs: Which of them, the first above all.
        lowest: First level.
        highest: No level is above it.
        precision_percent: How narrow the interval is to be, in percent of its upper end.
        repeats: Tries at each end of the interval.
        most_runs: Tries in all.
        settings: Those that all levels share, as written, passwords masked.
        thresholds: The objective, in text form, as the runs have it.
    """

    scenario: str
    scenario_sha256: str
    axis: AxisName
    unit: str
    phase: str
    legs: tuple[str, ...]
    lowest: int
    highest: int
    precision_percent: float
    repeats: int
    most_runs: int
    settings: dict[str, str] = {}
    thresholds: tuple[str, ...] = ()


class StepLatency(msgspec.Struct, kw_only=True):
    """One leg at one step, all actions together, from the instant a message was due."""

    leg: str
    count: int
    p50_us: int
    p90_us: int
    p99_us: int
    p999_us: int
    max_us: int


class CapacityStep(msgspec.Struct, kw_only=True):
    """One try at one level: a run.

    Attributes:
        level: What was asked of the system, in the plan's unit.
        attempt: Which try at this level, from 1; tries of one number have the same seed at all levels.
        settings: What made the run one at this level.
        state: What became of it.
        limit: What ran out, or was missed; empty when it passed.
        reason: Why it is not passed, in sentences.
        folder: Name of the run's folder; empty when there is none.
        started_at: When it began, in UTC.
        elapsed_s: How long it took, with starting and stopping everything.
        rate_per_s: Messages that arrived each second of the steady phase.
        latency: In the plan's phase, of its legs.
        cpu_percent: Of every process or part, 100 is one core: the mean of the steady phase; of connecting its peak.
        cores: Of the machine; 0 when not known.
    """

    level: int
    attempt: int
    seed: int
    settings: dict[str, str] = {}
    state: StepState = "running"
    limit: str = ""
    reason: str = ""
    folder: str = ""
    started_at: dt.datetime | None = None
    elapsed_s: float = 0.0
    rate_per_s: float = 0.0
    latency: list[StepLatency] = []
    cpu_percent: dict[str, float] = {}
    cores: int = 0


class CapacityResult(msgspec.Struct, kw_only=True):
    """What the steps show together.

    Attributes:
        answer: What kind of result.
        passed: The largest level that met the objective; ``None`` when none did.
        failed: The smallest above it that did not; ``None`` when none did not.
        limit: What ran out, or was missed, at ``failed``.
        knee: The level from which on latency grows faster than load; ``None`` where no such level stands out.
        text: All this in sentences.
        exit_code: What the command ends with.
    """

    answer: Answer
    passed: int | None = None
    failed: int | None = None
    limit: str = ""
    knee: int | None = None
    text: str = ""
    exit_code: int = 0


class CapacityRecord(msgspec.Struct, kw_only=True):
    """The content of ``capacity.json``.

    Attributes:
        name: Of the search, and of its folder.
        made_by: The version of loadtest that made it.
        state: ``running`` also when it was killed.
        made_at: When it began, in UTC.
        ended_at: When its last run ended.
        command: What repeats it.
        host: The machine it ran on.
        steps: In the order in which they were run.
        result: ``None`` while it is on.
    """

    format: str = CAPACITY_FORMAT
    version: int = CAPACITY_VERSION
    name: str
    made_by: str
    state: SearchState = "running"
    made_at: dt.datetime
    ended_at: dt.datetime | None = None
    command: list[str] = []
    host: dict[str, Any] = {}
    plan: SearchPlan
    steps: list[CapacityStep] = []
    result: CapacityResult | None = None

    def at(self, level: int) -> list[CapacityStep]:
        """The tries at a level."""
        return [step for step in self.steps if step.level == level]


def write(record: CapacityRecord, folder: Path) -> None:
    """Write ``capacity.json`` in one step.

    Raises:
        ResultError: It could not be written; the previous one is still there.
    """
    store(record, folder / CAPACITY_JSON)


def load(folder: Path) -> CapacityRecord:
    """Read ``capacity.json``.

    Raises:
        ResultError: There is none, it is damaged, or of a version this one cannot read.
    """
    return read(
        folder / CAPACITY_JSON,
        CapacityRecord,
        CAPACITY_FORMAT,
        CAPACITY_VERSION,
        hint="a search is made by loadtest capacity",
    )
