"""The record of a run: everything but the samples, in ``run.json``, of a versioned format.

Written when the run starts (state ``running``) and again when it ends, so that a run that was killed is still
recognised for what it is. Reports and comparisons read nothing but a run's folder.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadtest.errors import ResultError
from loadtest.measure.host_clock import HostClock, one_way_error_us
from loadtest.measure.interval import RegionalOutage
from loadtest.measure.limits import Limits as Limits  # noqa: PLC0414  # scenarios import it from here
from loadtest.measure.result_documents import decode, to_json
from loadtest.measure.result_files import write_whole
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_events import RunEvent
from loadtest.measure.run_outcome import ThresholdOutcome, Verdict
from loadtest.measure.run_totals import (
    ClassTotals,
    CommandTotals,
    DeliveryTotals,
    HopCount,
    LatencySummary,
    OperationTotals,
    TransactionTotals,
)
from loadtest.measure.source_health import SourceHealth
from loadtest.measure.spans import FaultSpan, PhaseSpan
from loadtest.measure.storm import Storm

RECORD_FORMAT = "loadtest-run"
RECORD_VERSION = 1

RUN_JSON = "run.json"
LEDGER_JSON = "ledger.json"
LATENCY_HLOG = "latency.hlog"
CLASSES_HLOG = "latency-classes.hlog"
TIMELINE_CSV = "timeline.csv"

State = Literal["running", "complete", "partial"]


class RunRecord(msgspec.Struct, kw_only=True):
    """The content of ``run.json``.

    Attributes:
        end_s: Length of the run in seconds.
        faults: What the scenario broke on purpose.
        regional_outages: When the networks of whole regions failed, as the link models of the scenario have it.
        registered: Most charge points that were ever registered with the central system.
        registered_after_s: Seconds from the beginning of the ramp until 50, 90, 99 and 100 % of the fleet were
            registered together, by percent; what was never reached is left out.
        registered_at_end: How many were when the drain began, or came back in it; -1 when not every engine could tell.
        away_by_link: How many of the others were kept away by their own links or restarts.
        never_by_link: How many have never been registered because of those.
        commands: What became of the central system's commands; ``None`` when it sent none.
        transactions: What became of transactions; ``None`` when there were none.
        storms: What became of many charge points that connected, or were lost, together.
        counted_by: The same messages, counted hop by hop.
        counters: Every running total of every process, added up by name.
        unbalanced: Equations of the ledgers that do not hold.
        classes: The same of each class of charge points, where the fleet has several.
        clocks: Of workers whose hosts do not share the master's clock.
        locust: Locust's own totals, for comparison.
    """

    format: str = RECORD_FORMAT
    version: int = RECORD_VERSION
    state: State = "running"
    run: RunDescription
    ended_at: dt.datetime | None = None
    end_s: float = 0.0
    verdict: Verdict | None = None
    thresholds: list[ThresholdOutcome] = []
    phases: list[PhaseSpan] = []
    faults: list[FaultSpan] = []
    regional_outages: list[RegionalOutage] = []
    registered: int = 0
    registered_after_s: dict[int, float] = {}
    registered_at_end: int = -1
    away_by_link: int = 0
    never_by_link: int = 0
    operations: OperationTotals = msgspec.field(default_factory=OperationTotals)
    deliveries: DeliveryTotals = msgspec.field(default_factory=DeliveryTotals)
    commands: CommandTotals | None = None
    transactions: TransactionTotals | None = None
    storms: list[Storm] = []
    unbalanced: list[str] = []
    counted_by: list[HopCount] = []
    counters: dict[str, int] = {}
    latency: list[LatencySummary] = []
    classes: list[ClassTotals] = []
    health: list[SourceHealth] = []
    clocks: list[HostClock] = []
    events: list[RunEvent] = []
    locust: dict[str, Any] = {}

    @property
    def one_way_error_us(self) -> float:
        """How wrong times between engines and subscribers may be because their hosts have clocks of their own."""
        return one_way_error_us(self.clocks, {health.source: health.role for health in self.health})


def write(record: RunRecord, run_dir: Path) -> None:
    """Write ``run.json`` in one step.

    Raises:
        OSError: It could not be written; a previous one is still there.
    """
    write_whole(run_dir / RUN_JSON, to_json(record))


def load(run_dir: Path) -> RunRecord:
    """Read the record of a run from its folder.

    Raises:
        ResultError: There is none, or it is damaged, or of a version this one cannot read.
    """
    path = Path(run_dir) / RUN_JSON
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ResultError(
            f"{run_dir} is not the folder of a run: there is no {RUN_JSON} in it",
            hint="a run's folder is results/<run id>",
        ) from None
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}") from error
    return decode(content, RunRecord, path, RECORD_FORMAT, RECORD_VERSION)
