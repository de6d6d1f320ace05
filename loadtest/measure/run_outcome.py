"""What came of a run: its thresholds one by one, the verdict, and the reasons for it."""

from __future__ import annotations

from typing import Literal

import msgspec

Result = Literal["passed", "failed", "void", "interrupted"]


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
        fleet_class: Empty for the whole fleet.
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
    fleet_class: str = ""


class Reason(msgspec.Struct):
    """One reason for a verdict: a stable code for programs, a sentence for people."""

    code: str
    text: str


class Verdict(msgspec.Struct):
    """The result, all reasons for it, and the status a command ends with."""

    result: Result = "void"
    reasons: list[Reason] = []
    exit_code: int = 4
