"""The classes of a mixed fleet, side by side: what became of each, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.percentiles import row_percentiles_us
from loadtest.measure.tags import INTENDED, SERVICE, parse
from loadtest.protocol import phases
from loadtest.reports.figures import bytes_text, count_text
from loadtest.reports.legs import LEG_NAMES
from loadtest.reports.one_way import error_note, time_text
from loadtest.reports.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import ClassTotals

_FATES = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "link_cut", "unfinished")
_ARRIVALS = ("delivered", "link_cut", "lost", "duplicated", "reordered")
_FLOW = ("started", "stopped", "complete", "flawed", "lost", "duplicated", "reordered", "late", "pending")
_CONNECTING = {
    "Attempts": "connect_attempts",
    "Opened": "connects",
    "Refused": "connect_refused",
    "Failed": "connect_failed",
    "Timed out": "connect_timed_out",
    "Registrations": "registrations",
    "Ended": "disconnects",
}


def classes(record: RunRecord) -> tuple[Table, ...]:
    """One row for each class, the run in the last; nothing where there is only one class."""
    if not record.classes:
        return ()
    return (
        _connections(record),
        Table(
            "Operations by class",
            ("Class", *map(_heading, _FATES)),
            (
                *((part.name, *_counts(part.operations, _FATES)) for part in record.classes),
                ("all", *_counts(record.operations, _FATES)),
            ),
        ),
        *_messages(record),
        *_transactions(record),
        *(_latency(record, leg) for leg in LEG_NAMES if _tags(record.classes, leg)),
    )


def _connections(record: RunRecord) -> Table:
    rows = []
    for part in record.classes:
        carried = sum(part.counters.get(f"engine.tcp_bytes_{way}", 0) for way in ("sent", "received"))
        whole = part.registered and not part.counters.get("engine.tcp_uncounted", 0)
        rows.append(
            (
                part.name,
                count_text(part.charge_points) if part.charge_points else "–",
                count_text(part.registered),
                *(count_text(part.counters.get(f"engine.{name}", 0)) for name in _CONNECTING.values()),
                bytes_text(carried / part.registered) if whole else "–",
            )
        )
    return Table(
        "Charge points and connections by class",
        ("Class", "Charge points", "Registered", *_CONNECTING, "Bytes each"),
        tuple(rows),
        "Bytes on the wire, both ways, for each charge point that was ever registered.",
    )


def _messages(record: RunRecord) -> Iterator[Table]:
    if record.deliveries.observed:
        yield Table(
            "Arrivals by class, at the subscriber",
            ("Class", "Sent", *map(_heading, _ARRIVALS)),
            (
                *(
                    (part.name, count_text(part.operations.sent), *_counts(part.deliveries, _ARRIVALS))
                    for part in record.classes
                ),
                ("all", count_text(record.operations.sent), *_counts(record.deliveries, _ARRIVALS)),
            ),
            "sent = delivered + link cut + lost.",
        )


def _transactions(record: RunRecord) -> Iterator[Table]:
    flows = [(part.name, part.transactions) for part in record.classes] + [("all", record.transactions)]
    if record.transactions is not None:
        yield Table(
            "Transactions by class",
            ("Class", *map(_heading, _FLOW)),
            tuple((name, *_counts(flow, _FLOW)) for name, flow in flows if flow is not None),
            "The first four count transactions, the others messages.",
        )


def _latency(record: RunRecord, leg: str) -> Table:
    error_us = record.one_way_error_us
    rows = []
    for phase, action in _tags(record.classes, leg):
        for part in record.classes:
            series = {row.tag: row for row in part.all_actions}
            row, service = (series.get(f"{phase}.{leg}.{action}.{kind}") for kind in (INTENDED, SERVICE))
            if row is not None:
                service_us = row_percentiles_us(service)[2] if service is not None else 0
                times_us = (*row_percentiles_us(row), row.max_us, service_us)
                rows.append(
                    (
                        phase,
                        part.name,
                        count_text(row.count),
                        *(time_text(value_us, leg, error_us) for value_us in times_us),
                    )
                )
    columns = ("Phase", "Class", "Count", "p50", "p90", "p99", "p99.9", "Max", "Service p99")
    title = f"{LEG_NAMES[leg]} by class, all actions"
    return Table(title, columns, tuple(rows), error_note(leg, error_us), left=2)


def _tags(parts: Sequence[ClassTotals], leg: str) -> list[tuple[str, str]]:
    """Phases with samples of a leg, each with what stands there in place of an action."""
    tags = {parse(row.tag) for part in parts for row in part.all_actions}
    found = {(tag.phase, tag.action) for tag in tags if tag.leg == leg and tag.kind == INTENDED}
    return sorted(found, key=lambda pair: phases.order(pair[0]))


def _counts(totals: object, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(count_text(getattr(totals, name)) for name in names)


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()
