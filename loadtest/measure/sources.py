"""What each measuring process has said so far: its last totals, its standing gauges, its health over the run.

Counters and ledgers in a report are running totals, so the newest report stands for all before it; what happened in
one interval is the difference to the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.memory_track import MemoryTrack
from loadtest.measure.source_health import CPU_DECIMALS, SourceHealth
from loadtest.measure.timeline import COMMAND_COUNTS, COUNTS
from loadtest.units import NS_PER_S, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.measure.interval import (
        AnswerRow,
        ChargePointWindow,
        ClassReport,
        CommandArrivalRow,
        DeliveryRow,
        Health,
        IntervalReport,
        OperationRow,
        SentCounts,
    )


CPU_COUNTER, RSS_GAUGE = "cpu_ns.", "rss_bytes."
"""Prefixes under which a process reports what others it has started have used: ``cpu_ns.broker``."""


class Usage:
    """CPU and memory of one process, or of several taken together, over the run."""

    def __init__(self, name: str, role: str, host: str = "") -> None:
        self.cpu_percent_now = 0.0
        self.rss_bytes_now = 0
        self.health = SourceHealth(source=name, role=role, host=host)
        self._cpu_ns = self._steady_cpu_ns = 0
        self._intervals = self._steady_intervals = 0.0
        self._memory = MemoryTrack()

    def add(self, second: int, cpu_ns: int, rss_bytes: int, intervals: float, *, steady: bool) -> None:
        """Book what was used in so many seconds up to the end of ``second``."""
        self.cpu_percent_now = _percent(cpu_ns, intervals)
        self.rss_bytes_now = rss_bytes
        self._cpu_ns += cpu_ns
        self._intervals += intervals
        if steady:
            self._steady_cpu_ns += cpu_ns
            self._steady_intervals += intervals
            self._memory.add(second, rss_bytes)
        health = self.health
        health.cpu_percent_max = max(health.cpu_percent_max, self.cpu_percent_now)
        health.rss_bytes_max = max(health.rss_bytes_max, rss_bytes)
        # The mean is of the steady phase as soon as there is one.
        if self._steady_intervals:
            health.cpu_percent = _percent(self._steady_cpu_ns, self._steady_intervals)
        else:
            health.cpu_percent = _percent(self._cpu_ns, self._intervals)

    def judged(self) -> SourceHealth:
        """The health over the run, now with whether memory has grown."""
        self.health.memory_growth = self._memory.growth()
        return self.health


def _percent(cpu_ns: int, intervals: float) -> float:
    return round(100 * cpu_ns / (intervals * NS_PER_S), CPU_DECIMALS)


def total_gauge(sources: Iterable[Source], name: str) -> int:
    """A state now, over all processes."""
    return sum(source.gauges.get(name, 0) for source in sources)


class Source:
    """One process that reports.

    Attributes:
        index: Newest interval it reported; -1 before its first report.
        finished: It has sent its final report, or is known to be gone.
        gauges: Its states now.
        usage: What it uses itself.
        parts: What each part it reports for uses, by the part's name.
    """

    def __init__(self, name: str, role: str, host: str) -> None:
        self.name = name
        self.role = role
        self.host = host
        self.index = -1
        self.finished = False
        self.operations: list[OperationRow] = []
        self.deliveries: list[DeliveryRow] = []
        self.counters: dict[str, int] = {}
        self.gauges: dict[str, int] = {}
        self.sent: list[SentCounts] = []
        self.seen: list[ChargePointWindow] = []
        self.commands: list[OperationRow] = []
        self.command_answers: list[AnswerRow] = []
        self.downlink: list[CommandArrivalRow] = []
        self.replies: list[DeliveryRow] = []
        self.commands_sent: list[SentCounts] = []
        self.commands_seen: list[ChargePointWindow] = []
        self.classes: dict[str, ClassReport] = {}
        self.usage = Usage(name, role, host)
        self.parts: dict[str, Usage] = {}
        self._counts: dict[str, int] = {}

    def take(self, report: IntervalReport, *, steady: bool) -> dict[str, int]:
        """Book a report and return what was counted since the one before, by the names of the timeline.

        Args:
            report: What it sent.
            steady: The interval lies within the steady phase.
        """
        intervals = max(report.index - self.index, 1) if self.index >= 0 else 1
        self._take_health(report.index, report.health, intervals, steady=steady)
        if report.index < self.index and not report.final:
            return {}  # out of turn: its samples count, but its totals are older than what is known
        self._take_parts(report, intervals, steady=steady)
        self.index = max(self.index, report.index)
        self.operations, self.deliveries = report.operations, report.deliveries
        self.commands, self.command_answers = report.commands, report.command_answers
        self.downlink, self.replies = report.downlink, report.replies
        self.counters, self.gauges, self.classes = report.counters, report.gauges, report.classes
        if report.final:
            self.finished = self.usage.health.final = True
            self.sent, self.seen = report.sent, report.seen
            self.commands_sent, self.commands_seen = report.commands_sent, report.commands_seen
        counts = {
            name: sum(getattr(row, name, 0) for row in (*report.operations, *report.deliveries)) for name in COUNTS
        }
        for name in COMMAND_COUNTS:
            counts[f"commands_{name}"] = sum(getattr(row, name) for row in report.commands)
        grown = {name: counts[name] - self._counts.get(name, 0) for name in counts}
        self._counts = counts
        return grown

    def count(self, name: str) -> int:
        """One of the timeline's counts since the start."""
        return self._counts.get(name, 0)

    def silent_until(self, now_s: float) -> None:
        """Nothing has come of it between its newest report and now: unless it is gone, it stood still.

        As with any lag what counts is by how much the next report, which tells of a whole second, is overdue.
        """
        if not self.finished:
            overdue_us = int((now_s - self.index - 2) * US_PER_S)
            self.usage.health.loop_lag_max_us = max(self.usage.health.loop_lag_max_us, overdue_us)

    def gone(self) -> None:
        """The process is no more, and with it whatever its gauges showed."""
        self.finished = True
        self.gauges = {name: value for name, value in self.gauges.items() if name.endswith("_ever")}
        for usage in self.usages():
            usage.cpu_percent_now, usage.rss_bytes_now = 0.0, 0

    def usages(self) -> list[Usage]:
        """Its own, then those of the parts it reports for."""
        return [self.usage, *self.parts.values()]

    def _take_parts(self, report: IntervalReport, intervals: int, *, steady: bool) -> None:
        for name, cpu_ns in report.counters.items():
            if not name.startswith(CPU_COUNTER):
                continue
            part = name.removeprefix(CPU_COUNTER)
            usage = self.parts.setdefault(part, Usage(part, self.role, self.host))
            # What a part used before its first report, to start up, belongs to no interval of the run.
            used_ns = max(cpu_ns - self.counters.get(name, cpu_ns), 0)
            rss_bytes = report.gauges.get(RSS_GAUGE + part, 0)
            usage.add(report.index, used_ns, rss_bytes, intervals, steady=steady)
            usage.health.rss_bytes_first = usage.health.rss_bytes_first or rss_bytes
            usage.health.final = report.final

    def _take_health(self, second: int, now: Health, intervals: int, *, steady: bool) -> None:
        self.usage.add(second, now.cpu_ns, now.rss_bytes, intervals, steady=steady)
        worst = self.usage.health
        worst.rss_bytes_first = now.rss_bytes_first
        worst.reports += 1
        worst.loop_lag_max_us = max(worst.loop_lag_max_us, now.loop_lag_max_us)
        worst.gc_pauses += now.gc_pauses
        worst.gc_pause_max_us = max(worst.gc_pause_max_us, now.gc_pause_max_us)
        worst.backlog_bytes_max = max(worst.backlog_bytes_max, now.backlog_bytes)
        worst.coalesced_intervals += now.coalesced_intervals
