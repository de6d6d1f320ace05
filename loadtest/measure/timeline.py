"""The run second by second, as a table for people's own tools and for the report's charts: ``timeline.csv``.

Counts are those of the second, gauges stand at its end, percentiles are those of the samples that were reported in it.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

from loadtest.errors import ResultError
from loadtest.measure.connection_states import CONNECTION_STATES
from loadtest.measure.histogram import Histogram
from loadtest.measure.source_health import CPU_DECIMALS
from loadtest.measure.tags import COMMAND, INTENDED, PACER, ROUND_TRIP, SERVICE, UPLINK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadtest.measure.result_files import AppendFile
    from loadtest.measure.tags import Tag

COUNTS = (
    *("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "link_cut"),
    *("delivered", "duplicated"),
)
"""What is counted in each second."""

COMMAND_COUNTS = ("sent", "answered", "call_error", "timed_out")
"""What is counted of the central system's commands, in columns named ``commands_sent`` and so on."""

GAUGES = ("connected", "registered", "transactions", "backlog", *CONNECTION_STATES)
"""What stands at the end of each second; ``backlog``: transaction messages that wait in charge points."""

PARTS = ("engine", "subscriber", "gateway", "broker")
"""Whose CPU and memory is shown."""


class TimelineRow(msgspec.Struct, kw_only=True):
    """One second. A percentile without samples is 0.

    CPU of engines and subscribers is that of the busiest process; gateway and broker are all their processes together,
    when embedded. The connection states from ``offline`` to ``charging`` exclude each other and add up to the charge
    points that engines have on their books.
    """

    second: int
    phase: str = ""
    connected: int = 0
    registered: int = 0
    transactions: int = 0
    backlog: int = 0
    offline: int = 0
    backing_off: int = 0
    connecting: int = 0
    half_open: int = 0
    registering: int = 0
    idle: int = 0
    charging: int = 0
    offered: int = 0
    dropped: int = 0
    sent: int = 0
    answered: int = 0
    call_error: int = 0
    timed_out: int = 0
    cut_off: int = 0
    link_cut: int = 0
    delivered: int = 0
    duplicated: int = 0
    commands_sent: int = 0
    commands_answered: int = 0
    commands_call_error: int = 0
    commands_timed_out: int = 0
    round_trip_intended_p50_us: int = 0
    round_trip_intended_p99_us: int = 0
    round_trip_service_p50_us: int = 0
    round_trip_service_p99_us: int = 0
    uplink_p50_us: int = 0
    uplink_p99_us: int = 0
    command_p50_us: int = 0
    command_p99_us: int = 0
    pacer_p99_us: int = 0
    engine_cpu_percent: float = 0.0
    subscriber_cpu_percent: float = 0.0
    gateway_cpu_percent: float = 0.0
    broker_cpu_percent: float = 0.0
    engine_rss_bytes: int = 0
    subscriber_rss_bytes: int = 0
    gateway_rss_bytes: int = 0
    broker_rss_bytes: int = 0


class SecondLatency:
    """The latencies of one second over all actions and phases, by what a timeline shows of them."""

    def __init__(self, histograms: Mapping[Tag, Histogram]) -> None:
        self.round_trip_intended = Histogram()
        self.round_trip_service = Histogram()
        self.uplink = Histogram()
        self.command = Histogram()
        self.pacer = Histogram()
        for tag, histogram in histograms.items():
            match tag.leg, tag.kind:
                case (leg, kind) if leg == ROUND_TRIP and kind == INTENDED:
                    self.round_trip_intended.merge(histogram)
                case (leg, kind) if leg == ROUND_TRIP and kind == SERVICE:
                    self.round_trip_service.merge(histogram)
                case (leg, kind) if leg == UPLINK and kind == INTENDED:
                    self.uplink.merge(histogram)
                case (leg, kind) if leg == COMMAND and kind == INTENDED:
                    self.command.merge(histogram)
                case (leg, _) if leg == PACER:
                    self.pacer.merge(histogram)

    def fill(self, row: TimelineRow) -> None:
        """Write the percentiles into a row."""
        intended = self.round_trip_intended.percentiles((50, 99))
        service = self.round_trip_service.percentiles((50, 99))
        uplink = self.uplink.percentiles((50, 99))
        row.round_trip_intended_p50_us, row.round_trip_intended_p99_us = intended
        row.round_trip_service_p50_us, row.round_trip_service_p99_us = service
        row.uplink_p50_us, row.uplink_p99_us = uplink
        row.command_p50_us, row.command_p99_us = self.command.percentiles((50, 99))
        row.pacer_p99_us = self.pacer.percentile(99)


class TimelineWriter:
    """Writes the table row by row; each is in the file when :meth:`write` returns."""

    def __init__(self, file: AppendFile) -> None:
        self._file = file
        file.append(",".join(TimelineRow.__struct_fields__) + "\n")

    def write(self, row: TimelineRow) -> None:
        """Append a second."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(
            f"{value:.{CPU_DECIMALS}f}" if isinstance(value, float) else value for value in msgspec.structs.astuple(row)
        )
        self._file.append(text.getvalue())


def read(path: Path, damage: list[str] | None = None) -> list[TimelineRow]:
    """The rows of a table, in order; columns it lacks stay at their defaults, a last line cut off is left out.

    Args:
        path: The table.
        damage: Takes a sentence for every row that cannot be read, for a last line cut off and for columns there are
            none of; without it the first damaged row is an error.

    Raises:
        ResultError: The file cannot be read, or a row is not what its heading says and nobody takes the damage; names
            the line.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}") from error
    whole = text[: text.rfind("\n") + 1]
    rows = []
    reader = csv.DictReader(io.StringIO(whole))
    for fields in reader:
        try:
            rows.append(msgspec.convert(fields, TimelineRow, strict=False))
        except msgspec.ValidationError as error:
            if damage is None:
                raise ResultError(f"{path}: line {reader.line_num} is damaged: {error}") from error
            damage.append(f"line {reader.line_num} is damaged: {error}")
    if damage is not None:
        if whole != text:
            damage.append(f"line {reader.line_num + 1} was cut off")
        missing = [name for name in TimelineRow.__struct_fields__ if name not in (reader.fieldnames or ())]
        if missing:
            damage.append(f"it comes from another version: there are no columns {', '.join(missing)}")
    return rows
