"""The result of a run as a table on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.measure.calibration_note import caveat
from loadtest.measure.calibration_note import sentence as instrument
from loadtest.measure.percentiles import row_percentiles_us
from loadtest.measure.redirect_note import redirects
from loadtest.measure.run_totals import ALL_TOGETHER
from loadtest.measure.storm import SHARES
from loadtest.measure.tags import COMMAND_LEGS, INTENDED, LEGS, ROUND_TRIP, SERVICE, parse
from loadtest.measure.validity import Validity
from loadtest.measure.verdict import never_began, unjudged
from loadtest.protocol.phases import PHASES, judged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.run_totals import CommandTotals, LatencySummary
    from loadtest.measure.tags import Tag

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "yellow")}
STYLES = {"passed": "bold green", "failed": "bold red", "void": "bold yellow", "interrupted": "bold yellow"}


def print_summary(record: RunRecord, console: Console | None = None) -> None:
    """Verdict with its reasons, latencies, ledger; of one that was killed or never began, the verdict only."""
    out = console or stdout()
    began = record.ended_at is not None and not never_began(record)
    if began:
        out.print(_latency_table(record))
        out.print(_ledger(record), soft_wrap=True)
        for line in (*_transactions(record), *_classes(record), *_storms(record)):
            out.print(line, markup=False, soft_wrap=True)
    for line in _beside(record):
        out.print(line, markup=False, soft_wrap=True)
    void = record.verdict is not None and record.verdict.result == "void"
    for outcome in record.thresholds if began else ():
        mark, style = _MARKS[None if void else outcome.passed]  # a broken instrument neither convicts nor acquits
        beside = outcome.reason if outcome.passed is None or outcome.no_data else outcome.observed
        out.print(Text.assemble((mark, style), f" {outcome.text}  ", (beside, "dim")), soft_wrap=True)
    verdict = record.verdict
    if verdict is None:
        return
    out.print(Text.assemble("verdict  ", (verdict.result, STYLES[verdict.result])))
    if verdict.result == "passed" and (beside := unjudged(record)):
        out.print(f"  {beside}", markup=False, soft_wrap=True)
    for reason in verdict.reasons:
        out.print(f"  {reason.text}", markup=False, soft_wrap=True)
    for beside in filter(None, (redirects(record), caveat(record))):
        out.print(f"  {beside}", markup=False, soft_wrap=True)


def stdout() -> Console:
    """Where results go, wide enough where nobody says how wide."""
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width; the usual guess of 80 would cut names off
        console.width = 120
    return console


def _beside(record: RunRecord) -> Iterator[str]:
    """What is to be known about the figures and what made them."""
    if checked := str(Validity.of(record.counters)):
        yield f"checked  {checked}"
    if error_us := record.one_way_error_us:
        yield f"clocks   one-way times are measured between hosts: give or take {milliseconds(round(error_us))} ms"
    yield from _memory(record)
    if stand_in := _stand_in(record):
        yield stand_in
    for sentence in record.run.adaptations:
        yield f"adapted  {sentence}"
    if record.run.calibration is not None:
        yield f"instrument {instrument(record.run.calibration)}"


def _latency_table(record: RunRecord) -> Table:
    """Steady phase if there was one, else the last phase with samples; response time, service time beside."""
    series = {parse(row.tag): row for row in record.latency}
    phase = phase_shown({tag.phase for tag in series})
    table = Table(
        title=f"{record.run.run_id}: latency in ms, phase {phase or '-'}, {record.registered:,} charge points",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for heading in ("leg", "action"):
        table.add_column(heading, no_wrap=True)
    for heading in ("count", "p50", "p90", "p99", "max", "service p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for leg in (*LEGS, *COMMAND_LEGS):
        # Connecting belongs to the ramp, wherever the rest is looked at.
        shown = [tag for tag in series if tag.leg == leg and tag.kind == INTENDED]
        rows = [tag for tag in shown if tag.phase == phase] or _latest(shown)
        for tag in sorted(rows, key=lambda tag: -series[tag].count):
            service = series.get(tag._replace(kind=SERVICE))
            table.add_row(leg.replace("_", " "), tag.action, *_figures(series[tag], service))
    return table


def _latest(tags: list[Tag]) -> list[Tag]:
    """Those of the last phase that has any."""
    last = phase_shown({tag.phase for tag in tags})
    return [tag for tag in tags if tag.phase == last]


def phase_shown(present: set[str]) -> str:
    """The phase whose latencies stand for a run: steady, or the last step, else the last one there is."""
    if of_load := judged(present):
        return of_load
    return next((phase for phase in reversed(PHASES) if phase in present), min(present, default=""))


def _figures(row: LatencySummary, service: LatencySummary | None) -> list[str]:
    # A percentile is the upper edge of its histogram bucket, which can lie a little above the exact maximum.
    times = [milliseconds(min(each, row.max_us)) for each in (row.p50_us, row.p90_us, row.p99_us, row.max_us)]
    return [f"{row.count:,}", *times, milliseconds(min(service.p99_us, service.max_us)) if service else "-"]


def _ledger(record: RunRecord) -> Text:
    operations, deliveries = record.operations, record.deliveries
    text = Text.assemble(
        f"\nledger   offered {operations.offered:,} = dropped {operations.dropped:,} + sent {operations.sent:,}\n",
        f"         sent {operations.sent:,} = answered {operations.answered:,} + call error {operations.call_error:,} "
        f"+ timed out {operations.timed_out:,} + cut off {operations.cut_off:,} + link cut {operations.link_cut:,} "
        f"+ unfinished {operations.unfinished:,}",
    )
    beside = f"duplicated {deliveries.duplicated:,}, reordered {deliveries.reordered:,}"
    if deliveries.observed and operations.sent == deliveries.delivered + deliveries.link_cut + deliveries.lost:
        sum_up = f"delivered {deliveries.delivered:,} + link cut {deliveries.link_cut:,} + lost {deliveries.lost:,}"
        text.append(f"\n         sent {operations.sent:,} = {sum_up}; {beside}")
    elif deliveries.observed:  # a process that counted died: there is no sum to show
        text.append(
            f"\n         sent {operations.sent:,}, delivered {deliveries.delivered:,} as far as known; {beside}"
        )
    if record.commands is not None:
        text.append(_commands(record.commands))
    return text


def _commands(commands: CommandTotals) -> str:
    row, lost = commands.operations, commands.downlink.lost + commands.replies.lost
    return (
        f"\ncommands offered {row.offered:,} = dropped {row.dropped:,} + sent {row.sent:,}\n"
        f"         sent {row.sent:,} = answered {row.answered:,} + call error {row.call_error:,} "
        f"+ timed out {row.timed_out:,} + link cut {row.link_cut:,} "
        f"+ expired {row.expired:,} + unfinished {row.unfinished:,}; "
        f"lost on the way {lost:,}"
    )


def _transactions(record: RunRecord) -> Iterator[str]:
    if (flow := record.transactions) is not None:
        yield (
            f"transactions started {flow.started:,}, stopped {flow.stopped:,}: complete {flow.complete:,}, "
            f"flawed {flow.flawed:,}; messages lost {flow.lost:,}, duplicated {flow.duplicated:,}, "
            f"reordered {flow.reordered:,}, late {flow.late:,}, pending {flow.pending:,}"
        )


def _classes(record: RunRecord) -> Iterator[str]:
    """What became of each class of a mixed fleet."""
    width = max((len(part.name) for part in record.classes), default=0)
    for part in record.classes:
        operations, lost = part.operations, f", lost {part.deliveries.lost:,}" if part.deliveries.observed else ""
        series = {row.tag: row for row in part.all_actions}
        phase = phase_shown({parse(tag).phase for tag in series})
        row = series.get(f"{phase}.{ROUND_TRIP}.{ALL_TOGETHER}.{INTENDED}")
        p50_us, _, p99_us, _ = (0, 0, 0, 0) if row is None else row_percentiles_us(row)
        of_planned = f" of {part.charge_points:,}" if part.charge_points else ""
        yield (
            f"class    {part.name:{width}} {part.registered:,}{of_planned} registered; sent "
            f"{operations.sent:,}, answered {operations.answered:,}, link cut {operations.link_cut:,}{lost}"
            + (f"; round trip p50 {milliseconds(p50_us)}, p99 {milliseconds(p99_us)} ms" if row is not None else "")
        )


def _storms(record: RunRecord) -> Iterator[str]:
    """How soon charge points were back, for each time that many were lost together."""
    for storm in record.storms:
        shares = (
            f"{share} % after {storm.back_after_s[share]:.1f} s" if share in storm.back_after_s else f"{share} % never"
            for share in SHARES
        )
        yield f"storm    {storm.phase}: {storm.away:,} away; registered {', '.join(shares)}"


def _memory(record: RunRecord) -> Iterator[str]:
    """Whether the memory of each process has grown, of runs long enough to tell."""
    for row in record.health:
        if row.memory_growth is not None:
            yield f"memory   {row.source} {row.memory_growth}"


def _stand_in(record: RunRecord) -> str:
    """A word on a broker that had to stand in for a better one."""
    broker = record.run.sut.get("broker", {})
    return f"broker   amqtt: {broker.get('why', '')}" if broker.get("kind") == "amqtt" else ""


def milliseconds(value_us: int) -> str:
    """A time in ms, as tables show it."""
    return f"{value_us / 1000:,.2f}"
