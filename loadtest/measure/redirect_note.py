"""What is to be said beside the verdict when a part of the load went to other servers than the one it was meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_events import REDIRECTED

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord

TIMES_REDIRECTED = "engine.mqtt_redirected"
"""The counter of times that brokers sent charge points to other servers."""


def redirects(*records: RunRecord) -> str:
    """That brokers sent charge points on the direct path to other servers, in runs of one kind; empty when none did."""
    count = sum(record.counters.get(TIMES_REDIRECTED, 0) for record in records)
    if not count:
        return ""
    events = (event for record in records for event in record.events)
    first = next((f" First: {event.text}." for event in events if event.kind == REDIRECTED), "")
    times = "once" if count == 1 else f"{count:,} times"
    return f"Not all load went to the broker that was named: charge points were sent to other servers {times}.{first}"
