"""The picture of a run on a terminal: made anew each second, readable without colour and in 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from loadtest.protocol import phases

if TYPE_CHECKING:
    from loadtest.cli.timeline_tail import TimelineTail
    from loadtest.measure.timeline import TimelineRow
    from loadtest.scenario.settings import RunSettings

_BAR_WIDTH = 30
_LABEL_WIDTH = 15


def picture(tail: TimelineTail, settings: RunSettings, *, over: bool = False) -> Group:
    """The state of a run in a few lines, none of which needs more than 80 columns at ordinary sizes.

    Args:
        tail: What has been read of it.
        settings: Of the run.
        over: Nothing more will come: what stays is what was counted, no longer what was the case last.
    """
    row = tail.row
    if row is None or not row.phase:
        return Group(_line(Text("starting the system under test …", style="dim")))
    heading = [_progress(row, settings), _way(tail, settings)]
    if over:
        sent, delivered = tail.counted["sent"], tail.counted["delivered"]
        return Group(
            *map(_line, [*heading, _labelled("messages", f"{sent:,} sent  {delivered:,} delivered"), *_trouble(tail)])
        )
    rows = [
        *heading,
        _charge_points(row, settings),
        _labelled("messages", f"{row.sent:,}/s sent  {row.delivered:,}/s delivered  {tail.counted['sent']:,} so far"),
        _latency("round trip", row.round_trip_intended_p50_us, row.round_trip_intended_p99_us),
        _latency("uplink", row.uplink_p50_us, row.uplink_p99_us),
    ]
    if tail.counted["commands_sent"]:
        rows.append(_latency("command", row.command_p50_us, row.command_p99_us))
    return Group(*map(_line, [*rows, *_trouble(tail)]))


def share_done(row: TimelineRow, settings: RunSettings) -> float:
    """How much of the planned time is over; the drain counts as the end."""
    if row.phase == phases.DRAIN:
        return 1.0
    return min(1.0, row.second / (settings.ramp_s + settings.warmup_s + settings.duration_s))


def milliseconds(value_us: int) -> str:
    """A latency as it is shown; a dash when there was none."""
    return f"{value_us / 1000:.1f}" if value_us else "-"


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"  # a line too long for a narrow window must not become two
    return text


def _progress(row: TimelineRow, settings: RunSettings) -> Text:
    filled = round(_BAR_WIDTH * share_done(row, settings))
    planned_s = settings.ramp_s + settings.warmup_s + settings.duration_s
    return Text.assemble(
        ("━" * filled, "green"),
        ("╌" * (_BAR_WIDTH - filled), "bright_black"),
        f"  {row.second + 1:,} s of {planned_s:,.0f} s and the drain",
    )


def _way(tail: TimelineTail, settings: RunSettings) -> Text:
    """The phases gone through, the one that is on in brackets, and those that are known to come."""
    known = [phases.RAMP, *([phases.WARMUP] if settings.warmup_s else []), phases.STEADY, phases.DRAIN]
    to_come = [phase for phase in known if phase not in tail.phases] if tail.phases[-1] != phases.DRAIN else []
    *gone, now = tail.phases
    text = Text()
    for phase in gone[-4:]:  # a scenario may have many faults
        text.append(f"{phase} › ", "dim")
    text.append(f"[{now}]", "bold red" if now.startswith(phases.FAULT) else "bold")
    for phase in to_come:
        text.append(f" › {phase}", "dim")
    return _labelled("phase", text)


def _charge_points(row: TimelineRow, settings: RunSettings) -> Text:
    if row.phase == phases.DRAIN:  # they leave: how many are there says nothing any more
        return _labelled("charge points", "waiting for what is under way")
    wanted = f"{settings.charge_points:,}"
    return _labelled("charge points", f"{row.registered:,} of {wanted} registered  {row.connected:,} connected")


def _latency(leg: str, p50_us: int, p99_us: int) -> Text:
    return _labelled(leg, f"p50 {milliseconds(p50_us):>8}  p99 {milliseconds(p99_us):>8} ms")


def _trouble(tail: TimelineTail) -> list[Text]:
    counted = tail.counted
    failed = counted["call_error"] + counted["timed_out"] + counted["cut_off"] + counted["dropped"]
    way = max(counted["sent"] - counted["delivered"], 0)
    return [
        _labelled("not arrived", f"{way:,} under way, cut with their links, or lost"),
        _labelled(
            "failed",
            Text(
                f"{counted['timed_out']:,} timed out  {counted['call_error']:,} errors  "
                f"{counted['cut_off']:,} cut off  {counted['dropped']:,} dropped",
                "red" if failed else "",
            ),
        ),
        _labelled("link cut", f"{counted['link_cut']:,}"),
    ]


def _labelled(label: str, content: str | Text) -> Text:
    return Text.assemble((f"{label:<{_LABEL_WIDTH}}", "dim"), content)
