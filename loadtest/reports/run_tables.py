"""What was run, on what, against what; what happened, and how the generator fared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.reports.figures import bytes_text, count_text, latency_text, share_text, span_text
from loadtest.reports.one_way import clocks
from loadtest.reports.table import Table
from loadtest.scenario.direct_path import OF_DIRECT, OF_GATEWAY
from loadtest.scenario.settings import DIRECT

if TYPE_CHECKING:
    from loadtest.measure.run_description import RunDescription
    from loadtest.measure.run_record import RunRecord

MOST_EVENTS = 100


def thresholds(record: RunRecord) -> Table:
    """The scenario's own thresholds."""
    words = {True: "holds", False: "missed", None: "not judged"}
    if record.verdict is not None and record.verdict.result == "void":  # such a run neither convicts nor acquits
        words = dict.fromkeys(words, "void")
    rows = tuple(
        (
            words[row.passed],
            row.text,
            row.observed or "–",
            row.reason if row.reason != f"observed {row.observed}" else "",
        )
        for row in record.thresholds
    )
    if not any(reason for *_, reason in rows):
        return Table("Thresholds", ("Result", "Threshold", "Observed"), tuple(row[:-1] for row in rows), left=2)
    return Table("Thresholds", ("Result", "Threshold", "Observed", "Why"), rows, left=4)


def health(record: RunRecord) -> Table:
    """Every process of the run."""
    rows = tuple(
        (
            row.source,
            row.role,
            f"{row.cpu_percent:.0f} %",
            f"{row.cpu_percent_max:.0f} %",
            bytes_text(row.rss_bytes_max),
            "–" if row.memory_growth is None else str(row.memory_growth),
            latency_text(row.loop_lag_max_us) if row.reports or row.role == "master" else "–",
            latency_text(row.gc_pause_max_us) if row.reports else "–",
            count_text(row.coalesced_intervals) if row.reports else "–",
        )
        for row in record.health
    )
    return Table(
        "Processes",
        (
            *("Process", "Role", "CPU, mean", "CPU, most", "Memory, most", "Memory, trend"),
            *("Loop lag, most", "GC pause, most", "Late intervals"),
        ),
        rows,
        "CPU in percent of one core; the mean is over the steady phase. The trend, with its 95 % interval, is that of "
        "the second half of a steady phase of ten minutes and more.",
        left=2,
    )


def events(record: RunRecord) -> Table:
    """What happened during the run."""
    rows = tuple(
        (f"{event.at_s:.1f} s", event.kind.replace("_", " "), event.part, event.text)
        for event in record.events[:MOST_EVENTS]
    )
    more = len(record.events) - len(rows)
    note = f"{count_text(more)} more in run.json." if more > 0 else ""
    return Table("Events", ("At", "Kind", "Part", "What"), rows, note, left=4)


def tested(record: RunRecord) -> tuple[Table, ...]:
    """What was run, on what, against what."""
    run = record.run
    spans = tuple(
        (span.name, f"{span.start_s:.1f} s", f"{span.end_s:.1f} s", span_text(max(span.end_s - span.start_s, 0)))
        for span in record.phases
    )
    found = [
        Table("Phases", ("Phase", "From", "To", "Length"), spans),
        _fleet(record),
        _faults(record),
        _facts("Settings", _of_use(run) | {"seed": run.seed}),
        _facts("System under test", run.sut),
        _facts("Host", run.host),
        clocks(record),
        _facts("Versions", run.versions),
    ]
    return tuple(table for table in found if table.rows)


def _of_use(run: RunDescription) -> dict[str, Any]:
    """The settings, but for those of a path that no charge point took."""
    useless = OF_GATEWAY if run.paths == {DIRECT} else () if DIRECT in run.paths else OF_DIRECT
    return {name: value for name, value in run.settings.items() if name not in useless}


def _fleet(record: RunRecord) -> Table:
    """Which charge points there were to be."""
    around = DIRECT in record.run.paths  # else there is but one path, and no word to be said about it
    rows = tuple(
        (
            part.name,
            part.model,
            *((part.path,) if around else ()),
            part.first_id if part.first_id == part.last_id else f"{part.first_id} to {part.last_id}",
            count_text(part.charge_points),
            share_text(part.charge_points, record.run.charge_points),
            count_text(part.cohorts),
        )
        for part in record.run.fleet
    )
    headings = ("Class", "Model", *(("Path",) if around else ()), "Ids", "Charge points", "Share", "Cohorts")
    return Table("Fleet", headings, rows, _carried(record.counters), left=headings.index("Ids") + 1)


def _carried(counters: dict[str, int]) -> str:
    """What connections of charge points have carried, in a sentence."""
    connections = counters.get("engine.tcp_connections", 0)
    if not connections:
        return ""
    sent, received = counters.get("engine.tcp_bytes_sent", 0), counters.get("engine.tcp_bytes_received", 0)
    uncounted = counters.get("engine.tcp_uncounted", 0)
    return (
        f"{count_text(connections)} TCP connections carried {bytes_text((sent + received) / connections)} each: "
        f"{bytes_text(sent)} sent and {bytes_text(received)} received, TLS included, headers of TCP and IP not."
        + (f" {count_text(uncounted)} more could not be counted." if uncounted else "")
    )


def _faults(record: RunRecord) -> Table:
    """What was broken on purpose."""
    rows = tuple(
        (
            fault.name,
            fault.what,
            f"{fault.planned_begin_s:.1f} s to {fault.planned_end_s:.1f} s",
            "never" if fault.begin_s is None else f"{fault.begin_s:.3f} s",
            "not" if fault.back_s is None else f"{fault.back_s:.3f} s",
        )
        for fault in record.faults
    )
    note = "What a fault takes away is given back at its planned end; what has to start first is back later."
    return Table("Faults", ("Fault", "What", "Planned", "Began", "All back"), rows, note, left=5)


def _facts(title: str, facts: dict[str, Any]) -> Table:
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows += [_fact(key, inner, f"{_words(name)}: ") for key, inner in value.items()]
        else:
            rows.append(_fact(name, value))
    return Table(title, ("", ""), tuple(rows), left=2)


def _fact(name: str, value: Any, owner: str = "") -> tuple[str, str]:
    """A fact in words; the unit in its name goes to its value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if name.endswith("_s"):
            return owner + _words(name.removesuffix("_s")), f"{value:g} s"
        if name.endswith("_bytes"):
            return owner + _words(name.removesuffix("_bytes")), bytes_text(value)
    return owner + _words(name), _value(value)


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _value(value: Any) -> str:
    match value:
        case None:
            return "not known"
        case True | False:
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_value, value)) or "none"
        case dict():
            return ", ".join(f"{_words(key)} {_value(inner)}" for key, inner in value.items()) or "none"
    return str(value)
