"""The record of a run: everything but the samples, in ``run.json``, of a versioned format.

Written when the run starts (state ``running``) and again when it ends, so that a run that was killed is still
recognised for what it is. Reports and comparisons read nothing but a run's folder.
"""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from loadtest.errors import DamagedResultError, ResultError, UsageError
from loadtest.measure.calibration_note import CalibrationNote
from loadtest.measure.host_clock import HostClock, one_way_error_us
from loadtest.measure.interval import RegionalOutage
from loadtest.measure.result_files import write_whole
from loadtest.measure.storm import Storm
from loadtest.protocol.phases import PHASES

RECORD_FORMAT = "loadtest-run"
RECORD_VERSION = 1

RUN_JSON = "run.json"
LEDGER_JSON = "ledger.json"
LATENCY_HLOG = "latency.hlog"
TIMELINE_CSV = "timeline.csv"

State = Literal["running", "complete", "partial"]
Role = Literal["engine", "subscriber", "stand", "master"]
Result = Literal["passed", "failed", "void", "interrupted"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdict holds a run against; ``None`` judges nothing.

    The first group belongs to the system under test (a miss fails the run), the second to the generator (a miss
    makes the run void).
    """

    lost: int | None = 0
    unanswered: int | None = 0
    absent_at_end: int | None = 0
    call_errors: int | None = 0
    invalid_answers: int | None = 0
    dropped_share: float | None = 0.01
    commands_lost: int | None = 0
    commands_unanswered: int | None = 0
    command_errors: int | None = 0
    command_answers_invalid: int | None = 0
    pacer_p99_us: int | None = 20_000
    generator_cpu_percent: float | None = 90.0
    coalesced_intervals: int | None = 0
    standstill_us: int | None = 3_000_000

    def check(self) -> None:
        """Refuse what no run can be held against.

        Raises:
            UsageError: With one sentence for each mistake found.
        """
        mistakes: list[str] = []
        for field in msgspec.structs.fields(Limits):
            value = getattr(self, field.name)
            try:
                msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                mistakes.append(f"limits.{field.name}: {value!r} does not fit: {error}")
            else:
                if value is not None and not 0 <= value < math.inf:
                    mistakes.append(f"limits.{field.name}: {value:g} is not 0 or more; None judges nothing")
        if mistakes:
            raise UsageError(mistakes)


class FleetPart(msgspec.Struct, kw_only=True):
    """The charge points of one class: how many, in how many cohorts, and which; ids are in one row."""

    name: str
    charge_points: int
    cohorts: int
    model: str = ""
    id_prefix: str = ""
    first_id: str = ""
    last_id: str = ""
    path: str = "gateway"

    def __str__(self) -> str:
        """In words: ``1,800 Kerb in 2 cohorts``."""
        return f"{self.charge_points:,} {self.name} in {self.cohorts:,} cohort{'s' if self.cohorts > 1 else ''}"

    def id_of(self, number: int) -> str:
        """The id of a charge point by its number in the fleet; empty when it is of another class."""
        first = self.first_id.removeprefix(self.id_prefix)
        if first.isdecimal() and 0 <= number - int(first) < self.charge_points:
            return f"{self.id_prefix}{number:0{len(first)}d}"
        return ""


class RunDescription(msgspec.Struct, kw_only=True):
    """What was run, known at its start.

    Attributes:
        epoch_ns: Monotonic instant from which seconds are counted; ``started_at`` is the same in wall time.
        scenario_sha256: Of the scenario's file; what it imports is not in it.
        charge_points: How many there are to be.
        fleet: Of which classes.
        sut: The system under test: gateway, broker, central system, each with version and settings.
        adaptations: What had to be otherwise than the settings ask, because this system under test cannot do it.
        command: What to type to run it again.
        limits: What the verdict holds it against.
        thresholds: What else it holds it against, in their text form.
        phases: All phases there may be; a number in a stamp is a position in it.
        calibration: What was known of the instrument on this machine; ``None``: it had not been calibrated.
    """

    run_id: str
    scenario: str
    started_at: dt.datetime
    epoch_ns: int = 0
    scenario_sha256: str = ""
    charge_points: int = 0
    fleet: list[FleetPart] = []
    settings: dict[str, Any] = {}
    seed: int = 0
    run_tag: int = 0
    versions: dict[str, str] = {}
    host: dict[str, Any] = {}
    sut: dict[str, Any] = {}
    adaptations: list[str] = []
    command: list[str] = []
    limits: Limits = msgspec.field(default_factory=Limits)
    thresholds: tuple[str, ...] = ()
    phases: tuple[str, ...] = PHASES
    calibration: CalibrationNote | None = None

    @property
    def paths(self) -> frozenset[str]:
        """How charge points reach the broker: ``gateway``, ``direct``."""
        return frozenset(part.path for part in self.fleet)

    def charge_point(self, number: int) -> str:
        """A charge point by its id; by its number in the fleet when the record does not tell ids."""
        return next((name for part in self.fleet if (name := part.id_of(number))), f"number {number}")


class PhaseSpan(msgspec.Struct):
    """One phase, in seconds after the start."""

    name: str
    start_s: float
    end_s: float


class FaultSpan(msgspec.Struct, kw_only=True):
    """A fault of the system under test, in seconds after the start.

    Attributes:
        what: What it did, in words.
        part: What it did it to, when that is a part the harness has started.
        planned_begin_s: When it was to begin.
        planned_end_s: When it was to end.
        begin_s: When it began; ``None``: it never did.
        back_s: When everything it had taken away was back; ``None``: it was not.
    """

    name: str
    what: str
    part: str = ""
    planned_begin_s: float
    planned_end_s: float
    begin_s: float | None = None
    back_s: float | None = None


class OperationTotals(msgspec.Struct, kw_only=True):
    """The operation ledger in one row; the fates are those of :class:`loadtest.measure.interval.OperationRow`."""

    offered: int = 0
    dropped: int = 0
    sent: int = 0
    answered: int = 0
    call_error: int = 0
    timed_out: int = 0
    cut_off: int = 0
    link_cut: int = 0
    unfinished: int = 0


class DeliveryTotals(msgspec.Struct, kw_only=True):
    """The leg ledger in one row; all but ``observed`` mean nothing when no subscriber took part.

    ``link_cut`` vanished with charge points' own links; ``lost`` is what the system under test lost.
    """

    observed: bool = False
    delivered: int = 0
    link_cut: int = 0
    lost: int = 0
    lost_charge_points: int = 0
    duplicated: int = 0
    reordered: int = 0


class CommandSummary(msgspec.Struct, kw_only=True):
    """The commands of one action: their fates, and how often charge points gave which answer.

    ``answers`` is by the names of :class:`loadtest.measure.interval.AnswerRow`, the commonest first.
    """

    action: str
    operations: OperationTotals
    answers: dict[str, int] = {}


class CommandTotals(msgspec.Struct, kw_only=True):
    """The books of the central system's commands in short; in full they stand in ``ledger.json``."""

    operations: OperationTotals
    by_action: list[CommandSummary]
    downlink: DeliveryTotals
    replies: DeliveryTotals


class TransactionTotals(msgspec.Struct, kw_only=True):
    """The ledger of transactions in one row, as in :class:`loadtest.measure.transaction_ledger.TransactionLedger`."""

    started: int = 0
    stopped: int = 0
    complete: int = 0
    flawed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    late: int = 0
    pending: int = 0
    energy_checked: int = 0
    energy_backwards: int = 0


class HopCount(msgspec.Struct):
    """One place on the way that counted the same messages.

    ``way`` is ``up`` (CALLs of charge points) or ``back`` (their answers), ``down`` (commands) or ``reply`` (their
    answers).
    """

    way: str
    counted_by: str
    count: int


class LatencySummary(msgspec.Struct, kw_only=True):
    """One series in figures; percentiles are HdrHistogram's, extremes exact."""

    tag: str
    count: int
    min_us: int
    p50_us: int
    p90_us: int
    p99_us: int
    p999_us: int
    max_us: int
    mean_us: float
    overflow: int
    non_positive: int


class MemoryGrowth(msgspec.Struct, kw_only=True):
    """How the memory of a process changed in the second half of the steady phase.

    Attributes:
        mb_per_h: Growth in MB (10^6 bytes) per hour; negative when it shrank.
        error_mb_per_h: Half the width of its 95 % interval.
        mean_bytes: Memory in that time.
        judged_s: How long that was.
    """

    mb_per_h: float
    error_mb_per_h: float
    mean_bytes: int
    judged_s: int

    @property
    def flat(self) -> bool:
        """Whether no change lies within the error."""
        return abs(self.mb_per_h) <= self.error_mb_per_h

    def __str__(self) -> str:
        """For people."""
        trend = "flat" if self.flat else "grew" if self.mb_per_h > 0 else "shrank"
        return f"{trend}, {self.mb_per_h:+,.1f} ± {self.error_mb_per_h:,.1f} MB/h"


class SourceHealth(msgspec.Struct, kw_only=True):
    """One process over the run: the worst of each figure, CPU as a mean over the steady phase.

    ``memory_growth`` is known of a steady phase of ten minutes and more.
    ``rss_bytes_first`` is its memory before charge points connected; 0 when nobody has looked.
    """

    source: str
    role: str
    host: str = ""
    reports: int = 0
    final: bool = False
    cpu_percent: float = 0.0
    cpu_percent_max: float = 0.0
    rss_bytes_first: int = 0
    rss_bytes_max: int = 0
    loop_lag_max_us: int = 0
    gc_pauses: int = 0
    gc_pause_max_us: int = 0
    backlog_bytes_max: int = 0
    coalesced_intervals: int = 0
    memory_growth: MemoryGrowth | None = None


class RunEvent(msgspec.Struct):
    """Something that happened; ``part`` names the process or server it happened to."""

    at_s: float
    kind: str
    text: str
    part: str = ""


class ThresholdOutcome(msgspec.Struct):
    """One threshold and what came of it.

    Attributes:
        text: The threshold in its text form.
        observed: What was observed, with its unit.
        passed: Whether it holds; ``None``: not judged, because the run was cut short before that could be known.
        kind: ``latency``, ``messages``, ``registered``, ``rate`` or ``transactions``.
        metric: What was looked at: ``text`` without the bound.
        leg: Of a latency; otherwise empty.
        action: Empty for all of them together.
        phase: Empty for the whole run.
        relation: ``<``, ``<=``, ``>`` or ``>=``.
        bound: In ``unit``.
        unit: ``us``, ``ms``, ``s``, ``min``, ``%``, ``/s``, or empty for a count.
        value: ``observed`` as a number of ``unit``; ``None``: there was no data, or it was never reached.
        samples: Messages, transactions or charge points it was found from.
        no_data: It is not held to because there was nothing to hold it against.
        reason: Why it does not hold, or is not judged.
    """

    text: str
    observed: str
    passed: bool | None
    kind: str = ""
    metric: str = ""
    leg: str = ""
    action: str = ""
    phase: str = ""
    relation: str = ""
    bound: float = 0.0
    unit: str = ""
    value: float | None = None
    samples: int = 0
    no_data: bool = False
    reason: str = ""


class Reason(msgspec.Struct):
    """One reason for a verdict: a stable code for programs, a sentence for people."""

    code: str
    text: str


class Verdict(msgspec.Struct):
    """The result, all reasons for it, and the status a command ends with."""

    result: Result = "void"
    reasons: list[Reason] = []
    exit_code: int = 4


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
    health: list[SourceHealth] = []
    clocks: list[HostClock] = []
    events: list[RunEvent] = []
    locust: dict[str, Any] = {}

    @property
    def one_way_error_us(self) -> float:
        """How wrong times between engines and subscribers may be because their hosts have clocks of their own."""
        return one_way_error_us(self.clocks, {health.source: health.role for health in self.health})


_Document = TypeVar("_Document", bound=msgspec.Struct)


class _Heading(msgspec.Struct):
    format: str = ""
    version: int = 0


def to_json(document: msgspec.Struct) -> bytes:
    """A result document as people can read it."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


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


def decode(content: bytes, kind: type[_Document], path: Path, expected_format: str, newest_version: int) -> _Document:
    """Read a result document, checking what it is before what is in it.

    Raises:
        ResultError: It is damaged, something else, or of a newer version; names the file.
    """
    try:
        heading = msgspec.json.decode(content, type=_Heading)
        if heading.format != expected_format:
            raise ResultError(f"{path} is not a {expected_format} document")
        if not 1 <= heading.version <= newest_version:
            raise ResultError(
                f"{path} is of format version {heading.version}; this loadtest reads up to {newest_version}",
                hint="read it with the version of loadtest that wrote it, or a newer one",
            )
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise DamagedResultError(f"{path} is damaged or cut off: {error}") from error
