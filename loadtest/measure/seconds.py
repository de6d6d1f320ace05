"""Seconds of a run from several processes: merged before they are written, each as soon as it is complete.

A second is complete when every process that is still alive has reported it, or when another is :data:`PATIENCE`
seconds ahead. What is reported of it later still counts in full; its samples get a line of their own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadtest.measure.histogram import Histogram
from loadtest.measure.sources import total_gauge
from loadtest.measure.tags import INTENDED, REPLY, SERVICE, Tag, parse
from loadtest.measure.timeline import GAUGES, PARTS, SecondLatency, TimelineRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from loadtest.measure.interval import Series
    from loadtest.measure.sources import Source

PATIENCE = 3
"""Seconds by which the fastest process may be ahead before a second is written without the others."""


class Second:
    """What has been reported for one second that is not written yet."""

    __slots__ = ("counts", "histograms", "of_class")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.histograms: dict[Tag, Histogram] = {}
        self.of_class: dict[str, dict[Tag, Histogram]] = {}

    def add(self, tag: Tag, series: Series, fleet_class: str = "") -> None:
        """Merge samples, those of a class into its own series as well.

        Raises:
            ResultError: They are damaged; none of them counts.
        """
        if not fleet_class:
            histogram = self.histograms.get(tag) or Histogram()
            histogram.add_series(series)
            self.histograms[tag] = histogram
            return
        samples = Histogram()
        samples.add_series(series)
        _merge(self.histograms, tag, samples)
        _merge(self.of_class.setdefault(fleet_class, {}), tag, samples)

    def add_replies(self, samples: Iterable[tuple[str, str, int]]) -> None:
        """Book joined answers to commands: phase, action and time on the way in µs of each."""
        latencies_us: dict[tuple[str, str], list[int]] = {}
        for phase, action, latency_us in samples:
            latencies_us.setdefault((phase, action), []).append(latency_us)
        for (phase, action), values_us in latencies_us.items():
            for kind in (INTENDED, SERVICE):
                histogram = self.histograms.setdefault(Tag(phase, REPLY, action, kind), Histogram())
                histogram.record_many(values_us)

    def row(self, index: int, phase: str, sources: Collection[Source]) -> TimelineRow:
        """Its row of the timeline; gauges and usage are what the processes have said last."""
        row = TimelineRow(second=index, phase=phase, **self.counts)
        for name in GAUGES:
            setattr(row, name, total_gauge(sources, name))
        for part in PARTS:
            usages = [source.usage for source in sources if source.role == part]
            usages += [source.parts[part] for source in sources if part in source.parts]
            setattr(row, f"{part}_cpu_percent", max((usage.cpu_percent_now for usage in usages), default=0.0))
            setattr(row, f"{part}_rss_bytes", sum(usage.rss_bytes_now for usage in usages))
        SecondLatency(self.histograms).fill(row)
        return row


class Seconds:
    """All seconds of a run.

    Attributes:
        written: The newest that is written; -1 before the first.
        totals: The samples of all seconds that are written, by series.
        of_class: The same by class, where the fleet has several.
    """

    def __init__(self) -> None:
        self.written = -1
        self.totals: dict[Tag, Histogram] = {}
        self.of_class: dict[str, dict[Tag, Histogram]] = {}
        self._open: dict[int, Second] = {}
        self._tags: dict[str, Tag] = {}

    def at(self, index: int) -> Second:
        """One that is open, again if it was written already."""
        return self._open.setdefault(index, Second())

    def tag(self, text: str) -> Tag:
        """A series by its name; parsed once.

        Raises:
            ValueError: It is none.
        """
        return self._tags.get(text) or self._tags.setdefault(text, parse(text))

    def complete(self, sources: Collection[Source]) -> list[int]:
        """Those for which nobody needs to be waited for any more, in order."""
        fastest = max(source.index for source in sources)
        waited_for = [source.index for source in sources if not source.finished]
        ready = max(min(waited_for, default=fastest), fastest - PATIENCE)
        return sorted(index for index in self._open if index <= ready)

    def first(self) -> int | None:
        """The first that is open; ``None``: all are written."""
        return min(self._open, default=None)

    def close(self, index: int) -> Second:
        """Take one out to write it: its samples are in the totals now.

        Rows are written once: counts of a late report go to the next second, so that columns add up.
        """
        second = self._open.pop(index)
        for tag, histogram in second.histograms.items():
            _merge(self.totals, tag, histogram)
        for name, histograms in second.of_class.items():
            for tag, histogram in histograms.items():
                _merge(self.of_class.setdefault(name, {}), tag, histogram)
        if index <= self.written and any(second.counts.values()):
            self.at(self.written + 1).counts.update(second.counts)
        return second


def _merge(into: dict[Tag, Histogram], tag: Tag, samples: Histogram) -> None:
    if tag not in into:
        into[tag] = Histogram()
    into[tag].merge(samples)
