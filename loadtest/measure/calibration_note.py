"""What a run's record keeps of the calibration that was in force, and what has to be said of it beside the verdict."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.tags import INTENDED, ROUND_TRIP, parse
from loadtest.protocol.phases import STEADY

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord


class CalibrationNote(msgspec.Struct, kw_only=True):
    """A calibration in short, as it stood when a run began.

    Attributes:
        made_at: When.
        truthful: Whether everything known was reported as it was.
        floor_us: Median round trip that is the instrument's own.
        holds_per_s: Highest rate of one engine at which everything held.
        stale: In what the machine, or the software, was another one by then.
    """

    made_at: dt.datetime
    truthful: bool
    floor_us: float
    holds_per_s: int
    stale: list[str] = []


def sentence(note: CalibrationNote) -> str:
    """What is known of the instrument, in one line."""
    holds = f"holds to {note.holds_per_s:,} messages/s per engine" if note.holds_per_s else "no rate held"
    text = f"calibrated on {note.made_at:%Y-%m-%d %H:%M} UTC: floor {note.floor_us / 1000:.2f} ms, {holds}"
    if not note.truthful:
        text += "; not truthful then, see calibration.md"
    if note.stale:
        text += f"; stale: {', '.join(note.stale)}"
    return text


def caveat(record: RunRecord) -> str:
    """That the engines were faster, or elsewhere, than where they are known to measure truly; empty when neither."""
    note = record.run.calibration
    if note is None:
        return ""
    if record.clocks:
        return "The master's machine was calibrated; of the machines of other workers that says nothing."
    rate_per_s = rate_per_engine(record)
    if not note.holds_per_s or rate_per_s <= note.holds_per_s:
        return ""
    return (
        f"Beyond what was calibrated: {rate_per_s:,.0f} messages/s per engine in the steady phase, "
        f"known to hold to {note.holds_per_s:,}. Take more --engines, or look at the generator's health."
    )


def rate_per_engine(record: RunRecord) -> float:
    """CALLs with an end in the steady phase, by second and engine; 0 without such a phase."""
    length_s = sum(span.end_s - span.start_s for span in record.phases if span.name == STEADY)
    engines = sum(health.role == "engine" for health in record.health)
    if not engines or length_s <= 0:
        return 0.0
    tags = ((parse(row.tag), row.count) for row in record.latency)
    calls = sum(count for tag, count in tags if (tag.phase, tag.leg, tag.kind) == (STEADY, ROUND_TRIP, INTENDED))
    return calls / length_s / engines
