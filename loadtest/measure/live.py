"""A run as it stands, for a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.histogram import Histogram
from loadtest.measure.sources import total_gauge
from loadtest.measure.timeline import COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.sources import Source
    from loadtest.measure.timeline import SecondLatency, TimelineRow

LIVE_SECONDS = 5
"""Written seconds over which a :class:`LiveView` takes rates and percentiles."""


class LiveView(msgspec.Struct, kw_only=True):
    """What is going on now. Rates and percentiles cover the last :data:`LIVE_SECONDS` seconds."""

    phase: str
    elapsed_s: float
    connected: int
    registered: int
    transactions: int
    offered_per_s: float
    answered_per_s: float
    delivered_per_s: float
    round_trip_p50_us: int
    round_trip_p99_us: int
    uplink_p50_us: int
    uplink_p99_us: int
    totals: dict[str, int]


def live_view(
    phase: str, elapsed_s: float, sources: Sequence[Source], latest: Sequence[tuple[TimelineRow, SecondLatency]]
) -> LiveView:
    """Sum up what the processes last said and the seconds last written."""
    rows = [row for row, _ in latest]
    span_s = rows[-1].second - rows[0].second + 1 if rows else 1
    round_trip, uplink = Histogram(), Histogram()
    for _, latency in latest:
        round_trip.merge(latency.round_trip_intended)
        uplink.merge(latency.uplink)
    round_trip_p50_us, round_trip_p99_us = round_trip.percentiles((50, 99))
    uplink_p50_us, uplink_p99_us = uplink.percentiles((50, 99))
    return LiveView(
        phase=phase,
        elapsed_s=elapsed_s,
        connected=total_gauge(sources, "connected"),
        registered=total_gauge(sources, "registered"),
        transactions=total_gauge(sources, "transactions"),
        offered_per_s=sum(row.offered for row in rows) / span_s,
        answered_per_s=sum(row.answered for row in rows) / span_s,
        delivered_per_s=sum(row.delivered for row in rows) / span_s,
        round_trip_p50_us=round_trip_p50_us,
        round_trip_p99_us=round_trip_p99_us,
        uplink_p50_us=uplink_p50_us,
        uplink_p99_us=uplink_p99_us,
        totals={name: sum(source.count(name) for source in sources) for name in COUNTS},
    )
