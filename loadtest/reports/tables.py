"""The tables of a report, as text: columns, rows, and a sentence on how to read them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from loadtest.measure.hops import BACK, DOWN, REPLIES, UP
from loadtest.measure.storm import SHARES
from loadtest.measure.tags import INTENDED, SERVICE
from loadtest.measure.validity import SHARE, Validity
from loadtest.protocol import phases
from loadtest.reports.figures import bytes_text, count_text, latency_text, span_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.command_ledger import CommandLedger
    from loadtest.measure.run_record import CommandTotals, LatencySummary, RunRecord
    from loadtest.measure.transaction_ledger import TransactionLedger
    from loadtest.reports.run_folder import RunFolder

MOST_LOSERS = 20
MOST_EVENTS = 100
_PERCENTS = (50, 90, 99, 99.9)


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of text. The first ``left`` columns are words, the others numbers."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    left: int = 1


def thresholds(record: RunRecord) -> Table:
    """The scenario's own thresholds."""
    rows = tuple((row.text, row.observed, "holds" if row.passed else "missed") for row in record.thresholds)
    return Table("Thresholds", ("Threshold", "Observed", "Result"), rows, left=3)


def latency(run: RunFolder, leg: str, title: str) -> Table:
    """One leg by phase and action: response time in full, service time beside."""
    recorded = {row.tag: row for row in run.record.latency}
    rows: list[tuple[str, ...]] = []
    tags = [tag for tag in run.totals if tag.leg == leg and tag.kind == INTENDED]
    for tag in sorted(tags, key=lambda tag: (phases.order(tag.phase), tag.action)):
        histogram = run.totals[tag]
        summary = recorded.get(str(tag))
        longest_us = summary.max_us if summary else histogram.max_us
        service = run.totals.get(tag._replace(kind=SERVICE))
        rows.append(
            (
                tag.phase,
                tag.action,
                count_text(histogram.total),
                # A percentile is the upper edge of a slot 0.1 % wide; the largest sample is known exactly.
                *(latency_text(min(value_us, longest_us)) for value_us in histogram.percentiles(_PERCENTS)),
                latency_text(longest_us),
                latency_text(service.percentile(99)) if service else "–",
                _out_of_range(summary),
            )
        )
    columns: tuple[str, ...] = ("Phase", "Action", "Count", "p50", "p90", "p99", "p99.9", "Max", "Service p99")
    if any(row[-1] for row in rows):
        columns = (*columns, "Out of range")
    return Table(title, columns, tuple(row[: len(columns)] for row in rows), left=2)


def _out_of_range(summary: LatencySummary | None) -> str:
    """Samples no histogram can hold as they are: counted in its outermost slots, and here."""
    if summary is None or not (summary.overflow or summary.non_positive):
        return ""
    counts = (f"{summary.overflow:,} over 60 s", f"{summary.non_positive:,} not positive")
    return ", ".join(
        text for text, count in zip(counts, (summary.overflow, summary.non_positive), strict=True) if count
    )


def ledgers(run: RunFolder) -> tuple[Table, ...]:
    """Operations, legs, hops, and what was lost by name."""
    ledger, record = run.ledger, run.record
    found = []
    if ledger is not None:
        fates = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "unfinished")
        rows = [
            (row.phase, row.action, *(count_text(getattr(row, fate)) for fate in fates)) for row in ledger.operations
        ]
        rows.append(("all", "", *(count_text(getattr(ledger.total, fate)) for fate in fates)))
        found.append(
            Table(
                "Operations, at the charge points",
                ("Phase", "Action", *(fate.replace("_", " ").capitalize() for fate in fates)),
                tuple(rows),
                "offered = dropped + sent; sent = answered + call error + timed out + cut off + unfinished.",
                left=2,
            )
        )
    if ledger is not None and ledger.observed:
        parts = ("sent", "delivered", "lost", "duplicated", "reordered")
        found.append(
            Table(
                "Uplink, at the subscriber",
                ("Phase", "Action", *(part.capitalize() for part in parts)),
                tuple(
                    (row.phase, row.action, *(count_text(getattr(row, part)) for part in parts)) for row in ledger.legs
                ),
                "sent = delivered + lost; further arrivals of a message count as duplicated.",
                left=2,
            )
        )
    if ledger is not None and ledger.commands is not None and record.commands is not None:
        found += _commands(ledger.commands, record.commands)
    if ledger is not None and ledger.transactions is not None:
        found += _transactions(ledger.transactions)
    if record.counted_by:
        ways = {UP: "CALLs up", BACK: "answers back", DOWN: "commands down", REPLIES: "their answers"}
        found.append(
            Table(
                "The same messages, counted hop by hop",
                ("Way", "Counted by", "Messages"),
                tuple((ways.get(hop.way, hop.way), hop.counted_by, count_text(hop.count)) for hop in record.counted_by),
                "The lines of one way agree, but for what stands between them, and what the ledgers name as repeated.",
                left=2,
            )
        )
    found += _validity(record)
    if ledger is not None and ledger.lost_messages:
        shown = ledger.lost_messages[:MOST_LOSERS]
        more = ledger.lost_charge_points - len(shown)
        found.append(
            Table(
                "Lost messages by charge point",
                ("Charge point", "First sequence numbers", "Lost"),
                tuple(
                    (f"number {row.charge_point}", _sequences(row.sequences, row.count), count_text(row.count))
                    for row in shown
                ),
                f"The worst first; {count_text(more)} more in ledger.json." if more else "The worst first.",
                left=2,
            )
        )
    if record.unbalanced:
        rows = [(sentence,) for sentence in record.unbalanced[:MOST_EVENTS]]
        found.append(Table("Equations that do not hold", ("Equation",), tuple(rows)))
    return tuple(found)


def storms(record: RunRecord) -> Table:
    """Charge points that came up, or were lost, together: one column for each storm."""
    found = record.storms
    lines: list[tuple[str, list[str]]] = [
        ("Phase", [storm.phase for storm in found]),
        ("From", [f"{storm.start_s:.1f} s" for storm in found]),
        ("Charge points away", [count_text(storm.away) for storm in found]),
    ]
    for share in SHARES:
        times = [storm.back_after_s.get(share) for storm in found]
        lines.append((f"{share} % registered after", [_after(time_s) for time_s in times]))
    lines += [
        ("Connects per second, most", [count_text(storm.most_connects_per_s) for storm in found]),
        ("Connects per second, mean", [f"{storm.mean_connects_per_s:,.1f}" for storm in found]),
        ("Connections attempted", [count_text(storm.attempts) for storm in found]),
        ("Handshakes refused", [count_text(storm.refused) for storm in found]),
        ("Connections failed", [count_text(storm.failed) for storm in found]),
        ("Connections timed out", [count_text(storm.timed_out) for storm in found]),
        ("CALLs per second, most", [count_text(storm.most_messages_per_s) for storm in found]),
        ("Received by the gateway per second, most", [_bytes(storm.most_bytes_per_s) for storm in found]),
        ("Transaction messages waiting, most", [count_text(storm.backlog_most) for storm in found]),
        ("No more of them than before after", [_after(storm.backlog_drained_after_s) for storm in found]),
        ("Register p99", [_latency(storm.register_p99_us) for storm in found]),
        ("Transaction messages p99", [_latency(storm.transaction_p99_us) for storm in found]),
    ]
    kinds = {"boot": "Boot storm", "reconnect": "Storm"}
    return Table(
        "Storms",
        ("", *(f"{kinds.get(storm.kind, storm.kind)} {number}" for number, storm in enumerate(found, 1))),
        tuple((name, *values) for name, values in lines) if found else (),
        "Times and counts run from the first loss, or from the first connection due in a boot storm; counts until 99 % "
        "were registered. Percentiles are those of the phases it happened in.",
    )


def _after(time_s: float | None) -> str:
    return "not reached" if time_s is None else f"{time_s:.3f} s"


def _bytes(count: int) -> str:
    return bytes_text(count) if count else "not counted"


def _latency(value_us: int) -> str:
    return latency_text(value_us) if value_us else "–"


def _validity(record: RunRecord) -> Iterator[Table]:
    """The share of messages that was held against the official schemas."""
    sampled = Validity.of(record.counters)
    rows = (
        ("charge points: CALLs and answers", count_text(sampled.checked), count_text(sampled.invalid)),
        ("central system: answers", count_text(sampled.answers_checked), count_text(sampled.answers_invalid)),
    )
    more = f" {count_text(sampled.unchecked)} more came too fast to be checked." if sampled.unchecked else ""
    if sampled.checked + sampled.answers_checked:
        note = f"1 of {SHARE} messages, held against the official schemas.{more}"
        yield Table("Validity of messages", ("Sent by", "Checked", "Invalid"), rows, note)


def _commands(ledger: CommandLedger, totals: CommandTotals) -> list[Table]:
    """What the central system asked for, what it was told, and the two legs."""
    fates = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "unfinished")
    rows = [
        (
            row.action,
            ", ".join(f"{answer} {count_text(count)}" for answer, count in row.answers.items()),
            *(count_text(getattr(row.operations, fate)) for fate in fates),
        )
        for row in totals.by_action
    ]
    rows.append(("all", "", *(count_text(getattr(totals.operations, fate)) for fate in fates)))
    parts = ("sent", "delivered", "lost", "duplicated", "reordered")
    legs = [
        (leg, row.phase, row.action, *(count_text(getattr(row, part)) for part in parts))
        for leg, rows_of_leg in (("downlink", ledger.downlink), ("reply", ledger.replies))
        for row in rows_of_leg
    ]
    return [
        Table(
            "Commands, at the central system",
            ("Action", "Answers", *(fate.replace("_", " ").capitalize() for fate in fates)),
            tuple(rows),
            "offered = dropped + sent; sent = answered + call error + timed out + unfinished. "
            "Every answer was held against the official schema.",
            left=2,
        ),
        Table(
            "Commands and their answers, on their way",
            ("Leg", "Phase", "Action", *(part.capitalize() for part in parts)),
            tuple(legs),
            "sent = delivered + lost; an answer is sent once for each command answered.",
            left=3,
        ),
    ]


def _transactions(ledger: TransactionLedger) -> list[Table]:
    """How transactions fared, why messages of them were lost, and which."""
    counts = ("started", "stopped", "complete", "flawed", "lost", "duplicated", "reordered", "late")
    found = [
        Table(
            "Transactions",
            tuple(count.capitalize() for count in counts),
            (tuple(count_text(getattr(ledger, count)) for count in counts),),
            "Complete: stopped, and every message arrived exactly once and in order. The first four count "
            "transactions, the others messages; late are those of which only a repeated sending arrived. Energy "
            f"registers ran backwards in {count_text(ledger.energy_backwards)} of "
            f"{count_text(ledger.energy_checked)} messages looked into.",
            left=0,
        )
    ]
    if ledger.rows:
        rows = tuple((row.phase, row.message, row.what, row.cause, count_text(row.count)) for row in ledger.rows)
        columns = ("Phase", "Message", "What", "Cause", "Count")
        note = "A sending that was lost or cut off may have been followed by another that arrived."
        found.append(Table("Messages of transactions, by cause", columns, rows, note, left=4))
    if ledger.flaws:
        shown = ledger.flaws[:MOST_LOSERS]
        found.append(
            Table(
                "Messages of transactions with a flaw",
                ("Charge point", "Transaction", "Message", "Phase", "What", "Cause"),
                tuple(
                    (
                        f"number {flaw.charge_point}",
                        f"its {flaw.transaction}.",
                        f"{flaw.place}: {flaw.message}",
                        flaw.phase,
                        flaw.what,
                        flaw.cause,
                    )
                    for flaw in shown
                ),
                "More in ledger.json." if len(ledger.flaws) > len(shown) else "",
                left=6,
            )
        )
    return found


def _sequences(numbers: list[int], count: int) -> str:
    return ", ".join(map(str, numbers[:10])) + (", …" if count > 10 else "")


def health(record: RunRecord) -> Table:
    """Every process of the run."""
    rows = tuple(
        (
            row.source,
            row.role,
            f"{row.cpu_percent:.0f} %",
            f"{row.cpu_percent_max:.0f} %",
            bytes_text(row.rss_bytes_max),
            latency_text(row.loop_lag_max_us) if row.reports else "–",
            latency_text(row.gc_pause_max_us) if row.reports else "–",
            count_text(row.coalesced_intervals) if row.reports else "–",
        )
        for row in record.health
    )
    return Table(
        "Processes",
        ("Process", "Role", "CPU, mean", "CPU, most", "Memory", "Loop lag, most", "GC pause, most", "Late intervals"),
        rows,
        "CPU in percent of one core; the mean is over the steady phase.",
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
        _faults(record),
        _facts("Settings", run.settings | {"seed": run.seed}),
        _facts("System under test", run.sut),
        _facts("Host", run.host),
        _facts("Versions", run.versions),
    ]
    return tuple(table for table in found if table.rows)


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
