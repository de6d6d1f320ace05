"""Phases and faults of a run: when each began and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def phase_at(spans: Iterable[PhaseSpan], second: float) -> str:
    """The phase a second begins in, by phases in their order; empty before the first."""
    name = ""
    for span in spans:
        if span.start_s <= second:
            name = span.name
    return name
