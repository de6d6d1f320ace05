"""Locust's own table, fed from our histograms: a mirror for its web UI and its CSV files, not a second truth.

One entry per leg and action, times from the intended start, in ms as Locust has it. Only round trips enter
"Aggregated": mixing kinds of latency would make its percentiles mean nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from locust.stats import RequestStats, StatsEntry, StatsError

from loadtest.measure.tags import COMMAND_LEGS, INTENDED, LEGS, ROUND_TRIP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.tags import Tag

_US_PER_MS = 1000
_MIRRORED = frozenset(LEGS + COMMAND_LEGS)
_FAILURES = ("call_error", "timed_out", "cut_off")
_KEPT_S = 60
"""Locust keeps a count for each row and second for ever, and looks at those of the last twelve seconds."""
_LINK_CUT = "link_cut"
"""Listed among Locust's failures, but counted as nobody's: the system under test did not fail."""


class Mirror:
    """Feeds one run into Locust's statistics.

    Args:
        stats: Locust's statistics, cleared by Locust when a test starts.
        full_history: Locust is to write percentiles of the last seconds for each row (``--csv-full-history``), not
            for "Aggregated" alone. It keeps twenty copies of a row's distribution for them.
    """

    def __init__(self, stats: RequestStats, *, full_history: bool = False) -> None:
        self._stats = stats
        self._full_history = full_history
        self._failures: dict[tuple[str, str, str], int] = {}

    def add_samples(self, samples: Iterable[tuple[Tag, Histogram]]) -> None:
        """Add what was measured in an interval."""
        for tag, histogram in samples:
            if tag.kind != INTENDED or tag.leg not in _MIRRORED or not histogram.total:
                continue
            entry = _entry(tag, histogram)
            row = self._stats.get(tag.action, tag.leg)
            row.use_response_times_cache = self._full_history
            self._extend(row, entry)
            if tag.leg == ROUND_TRIP:
                self._extend(self._stats.total, entry)

    @staticmethod
    def _extend(row: StatsEntry, entry: Any) -> None:
        row.extend(entry)
        for by_second in (row.num_reqs_per_sec, row.num_fail_per_sec):
            while by_second and (oldest := next(iter(by_second))) < entry.last_request_timestamp - _KEPT_S:
                del by_second[oldest]

    def add_failures(self, source: str, rows: Iterable[OperationRow]) -> None:
        """Book the failures among a source's operations; ``rows`` are running totals."""
        for row in rows:
            for fate in (*_FAILURES, _LINK_CUT):
                key = (source, f"{row.phase}.{row.action}", fate)
                count = getattr(row, fate)
                for _ in range(count - self._failures.get(key, 0)):
                    self._add_failure(row.action, fate)
                self._failures[key] = count

    def _add_failure(self, action: str, fate: str) -> None:
        text = fate.replace("_", " ")
        if fate != _LINK_CUT:
            self._stats.log_error(ROUND_TRIP, action, text)
            return
        key = StatsError.create_key(ROUND_TRIP, action, text)
        self._stats.errors.setdefault(key, StatsError(ROUND_TRIP, action, text)).occurred()

    def totals(self) -> dict[str, dict[str, int]]:
        """Requests and failures by leg and action, for the cross-check in the run record."""
        return {
            f"{entry.method}.{entry.name}": {"requests": entry.num_requests, "failures": entry.num_failures}
            for entry in self._stats.entries.values()
        }


def _entry(tag: Tag, histogram: Histogram) -> Any:
    """A detached entry with the content of a histogram."""
    now_s = time.time()  # noqa: TID251 - Locust keys its rates by wall-clock second
    # Locust declares whole milliseconds and takes fractions; a detached entry belongs to no statistics.
    detached: Any = None
    entry: Any = StatsEntry(detached, tag.action, tag.leg)
    entry.num_requests = histogram.total
    entry.total_response_time = histogram.mean_us * histogram.total / _US_PER_MS
    entry.min_response_time = histogram.min_us / _US_PER_MS
    entry.max_response_time = histogram.max_us / _US_PER_MS
    for value_us, count in zip(*(column.tolist() for column in histogram.recorded()), strict=True):
        rounded_ms = _rounded_ms(value_us)
        entry.response_times[rounded_ms] = entry.response_times.get(rounded_ms, 0) + count
    entry.last_request_timestamp = now_s
    entry.num_reqs_per_sec = {int(now_s): histogram.total}
    return entry


def _rounded_ms(value_us: int) -> float:
    """Coarse enough to keep Locust's table small: 0.1 ms below 10 ms, then three digits."""
    value_ms = value_us / _US_PER_MS
    return round(value_ms, 1) if value_ms < 10 else float(f"{value_ms:.3g}")
