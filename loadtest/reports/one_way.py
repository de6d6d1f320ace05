"""Times between hosts with clocks of their own: how wrong they may be, and which of them are near that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.tags import ONE_WAY_LEGS
from loadtest.reports.figures import count_text, latency_text
from loadtest.reports.table import Table
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord

NEAR = 10
"""A time that is not so many times what it may be wrong by is marked."""


def time_text(value_us: float, leg: str, error_us: float) -> str:
    """A time of a leg, marked ``≈`` when it is near what it may be wrong by."""
    text = latency_text(value_us)
    return f"≈ {text}" if leg in ONE_WAY_LEGS and value_us < NEAR * error_us else text


def error_note(leg: str, error_us: float) -> str:
    """A sentence for under a leg's figures; empty when they need none."""
    if leg not in ONE_WAY_LEGS or not error_us:
        return ""
    return (
        f"Measured between hosts with clocks of their own: give or take {latency_text(error_us)}. "
        f"What is below {latency_text(NEAR * error_us)} is marked ≈."
    )


def clocks(record: RunRecord) -> Table:
    """The clocks that were compared; no rows when all processes shared one."""
    rows = tuple(
        (
            clock.worker,
            clock.host,
            f"{clock.offset_ns / NS_PER_S:,.6f} s",
            latency_text(clock.bound_us),
            latency_text(clock.error_us),
            f"{clock.drift_ppm:g} ppm" if clock.drift_ppm else "none seen",
            count_text(clock.readings),
        )
        for clock in record.clocks
    )
    columns = ("Worker", "Host", "Ahead of the master", "Bound", "Error, most", "Drift", "Readings")
    note = "Monotonic clocks, which count from each host's start. Instants were converted by the offset first measured."
    return Table("Clocks", columns, rows, note, left=2)
