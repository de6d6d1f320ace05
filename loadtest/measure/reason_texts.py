"""What several reasons say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_events import FIRST_CONNECT_FAULT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.measure.run_record import RunRecord


def first_connect_fault(record: RunRecord) -> str:
    """Why the first charge point could not connect that could not, to be put behind a sentence."""
    return next((f" First: {event.text}." for event in record.events if event.kind == FIRST_CONNECT_FAULT), "")


def first(record: RunRecord, kind: str) -> str:
    """The first event of a kind, to be put behind a sentence."""
    return next((f": {event.text}" for event in record.events if event.kind == kind), "")


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in a row, so many of them at most."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
