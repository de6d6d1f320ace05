"""The instrument's own floor and truth on one machine: ``calibration.json`` beside the folders of the runs.

Figures as they were found, and the checks they were held against. Every run made later takes a summary of it into its
own record, so that its report can be made anywhere, any time.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from loadtest.errors import ResultError
from loadtest.measure.calibration_note import CalibrationNote
from loadtest.measure.machine import Machine
from loadtest.measure.result_documents import content_if_there, decode, to_json
from loadtest.measure.result_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

CALIBRATION_FORMAT = "loadtest-calibration"
CALIBRATION_VERSION = 1
CALIBRATION_JSON = "calibration.json"
_MOST_ABOVE = 2


class Spread(msgspec.Struct, kw_only=True):
    """A distribution of times in figures."""

    count: int = 0
    p50_us: int = 0
    p99_us: int = 0
    max_us: int = 0


class ClockFigures(msgspec.Struct, kw_only=True):
    """The monotonic clock: the smallest step seen (0: it stood), and what one reading costs (median)."""

    step_ns: int = 0
    read_ns: int = 0


class DelayFigure(msgspec.Struct, kw_only=True):
    """A delay that was known, and what was reported of it.

    Attributes:
        delay_us: What the stub was told to wait.
        stub_p50_us: What it did wait by its own clock, its lateness included.
        reported: Round trips as a run reports them, intended time.
        reported_min_us: The shortest of them.
        error_us: Median reported, less the stub's own, less the floor.
        tolerance_us: How far from 0 the error may be.
    """

    delay_us: int
    stub_p50_us: float
    reported: Spread
    reported_min_us: int
    error_us: float
    tolerance_us: float


class StallFigure(msgspec.Struct, kw_only=True):
    """A percentile of response time (intended) under stalls, and the bounds it was computed to lie in."""

    percent: float
    low_us: float
    high_us: float
    reported_us: int


class Stalls(msgspec.Struct, kw_only=True):
    """A gateway that stands still for a while, again and again.

    Attributes:
        stalls: How many there were in the phase that counts.
        stall_us: How long each lasted.
        intended: Response times against what they had to be.
        service_p99_us: Service time, in which stalls hide.
        service_long: Service times of more than half a stall: one for each, the CALL that was sent into it.
    """

    stalls: int
    stall_us: int
    intended: list[StallFigure]
    service_p99_us: int
    service_long: int


class CountFigure(msgspec.Struct):
    """A number known from where it was made, and as it was reported."""

    what: str
    known: int
    reported: int


class RateStep(msgspec.Struct, kw_only=True):
    """One engine at one rate.

    Attributes:
        wanted_per_s: Operations due.
        round_trip: Response times.
        pacer: How late the engine released them.
        cpu_percent: Of one core, the engine's.
        held: The verdict would have found nothing against the generator, and the stub kept up.
        why: What gave out, if anything, in a sentence.
        stub_limited: That was the stub, not the generator.
    """

    wanted_per_s: int
    round_trip: Spread
    pacer: Spread
    cpu_percent: float
    held: bool
    why: str = ""
    stub_limited: bool = False


class SecondOpinion(msgspec.Struct, kw_only=True):
    """The same messages, timed by our MQTT client and by aiomqtt.

    Attributes:
        ours: Uplink, intended time, by the client that measures runs.
        aiomqtt: The same messages by the other.
        earlier_us: By how much the other's median may be the smaller one.
        later_us: By how much it may be the larger one, for what that client itself takes.
    """

    ours: Spread
    aiomqtt: Spread
    earlier_us: float
    later_us: float


class Check(msgspec.Struct):
    """One thing the instrument has to get right; ``remedy`` where it did not."""

    subject: str
    passed: bool
    found: str
    remedy: str = ""


class Calibration(msgspec.Struct, kw_only=True):
    """The content of ``calibration.json``.

    Attributes:
        quick: It was made in a hurry: fewer samples, a shorter search for the rate.
        broker: What stood behind the gateway.
        wake_up: How late a process with nothing else to do is woken: the event loop's own floor.
        floor_us: Median round trip to a stub that answers at once, less what the stub took.
        holds_per_s: Highest rate of one engine at which everything held; 0: at none.
        stub_limited: It ended there because the stub could not answer faster, not because the generator gave out.
    """

    format: str = CALIBRATION_FORMAT
    version: int = CALIBRATION_VERSION
    made_at: dt.datetime
    machine: Machine
    quick: bool = False
    broker: str = ""
    clock: ClockFigures = msgspec.field(default_factory=ClockFigures)
    wake_up: Spread = msgspec.field(default_factory=Spread)
    floor_us: float = 0.0
    delays: list[DelayFigure] = []
    stalls: Stalls | None = None
    counts: list[CountFigure] = []
    second_opinion: SecondOpinion | None = None
    rates: list[RateStep] = []
    holds_per_s: int = 0
    stub_limited: bool = False
    checks: list[Check] = []

    @property
    def truthful(self) -> bool:
        """Everything that was held against something known was reported as it was."""
        return bool(self.checks) and all(check.passed for check in self.checks)


def write(calibration: Calibration, results: Path) -> Path:
    """Write ``calibration.json``; returns its path.

    Raises:
        ResultError: It could not be written.
    """
    path = results / CALIBRATION_JSON
    try:
        results.mkdir(parents=True, exist_ok=True)
        write_whole(path, to_json(calibration))
    except OSError as error:
        raise ResultError(f"cannot write {path}: {error.strerror}", hint="choose another --results") from error
    return path


def load(results: Path) -> Calibration | None:
    """The calibration kept beside runs; ``None`` when there is none.

    Raises:
        ResultError: It is damaged, or of a version this one cannot read.
    """
    path = results / CALIBRATION_JSON
    content = content_if_there(path)
    if content is None:
        return None
    return decode(content, Calibration, path, CALIBRATION_FORMAT, CALIBRATION_VERSION)


def note_of(results: Path, here: Machine) -> CalibrationNote | None:
    """The calibration kept beside runs as it holds for a machine; ``None`` when there is none that can be read.

    Runs of a set have theirs one folder above, those of an arm of a matrix two.
    """
    above = results.absolute().parents[:_MOST_ABOVE]
    try:
        found = next(filter(None, map(load, (results, *above))), None)
    except ResultError:
        return None  # of no use, like none: what is wrong with it is told by the doctor
    if found is None:
        return None
    return CalibrationNote(
        made_at=found.made_at,
        truthful=found.truthful,
        floor_us=found.floor_us,
        holds_per_s=found.holds_per_s,
        stale=found.machine.differences(here),
    )
