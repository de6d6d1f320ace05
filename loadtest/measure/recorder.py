"""Recording in the hot path: a sample is one ``list.append``, everything else happens once per interval.

Usage::

    samples = recorder.handle(Tag("steady", "uplink", "Heartbeat", "intended"))   # once, kept
    samples.append(latency_us)                                                    # per message, 0.03 µs
    report.series = recorder.take_interval()                                      # each second
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.histogram import Histogram

if TYPE_CHECKING:
    from loadtest.measure.interval import Series
    from loadtest.measure.tags import Tag

FOLD_AT = 8_192
"""Samples in one list from which :meth:`Recorder.fold_if_large` folds it: 64 kB of references."""


class Recorder:
    """The samples of one process, by tag. One thread only, as is everything that records."""

    def __init__(self) -> None:
        self._samples: dict[str, list[int]] = {}
        self._folded: dict[str, Histogram] = {}
        self._scratch = Histogram()

    def handle(self, tag: Tag) -> list[int]:
        """The list to append a tag's samples to, in whole µs; the same object for ever, so callers keep it."""
        return self._samples.setdefault(str(tag), [])

    def fold_if_large(self) -> None:
        """Fold lists that grew beyond :data:`FOLD_AT`; called a few times a second it bounds the memory."""
        for name, samples in self._samples.items():
            if len(samples) >= FOLD_AT:
                self._folded.setdefault(name, Histogram()).record_many(samples)
                samples.clear()

    def take_interval(self) -> list[Series]:
        """Everything recorded since the last call, one series for each tag that has samples."""
        taken: list[Series] = []
        for name, samples in self._samples.items():
            histogram = self._folded.pop(name, None)
            if histogram is None:
                if not samples:
                    continue
                histogram = self._scratch
                histogram.reset()
            histogram.record_many(samples)
            samples.clear()
            taken.append(histogram.to_series(name))
        return taken
