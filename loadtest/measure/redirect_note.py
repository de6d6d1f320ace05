"""What is to be said beside the verdict when a part of the load went to other servers than the one it was meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_events import REDIRECTED

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord


def redirects(record: RunRecord) -> str:
    """That brokers sent charge points on the direct path to other servers; empty when none did."""
    count = record.counters.get("engine.mqtt_redirected", 0)
    if not count:
        return ""
    first = next((f" First: {event.text}." for event in record.events if event.kind == REDIRECTED), "")
    times = "once" if count == 1 else f"{count:,} times"
    return f"Not all load went to the broker that was named: charge points were sent to other servers {times}.{first}"
