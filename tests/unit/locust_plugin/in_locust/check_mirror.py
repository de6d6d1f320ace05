"""Locust's table shows what the histograms hold: same counts, same percentiles within its own rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.stats import RequestStats

from loadtest.locust_plugin.mirror import Mirror
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import OperationRow
from loadtest.measure.tags import CONNECT, INTENDED, PACER, REGISTER, ROUND_TRIP, SERVICE, UPLINK, Tag

SAMPLES = st.lists(st.integers(1, 5_000_000), min_size=1, max_size=40)
TAGS = st.builds(
    Tag,
    st.sampled_from(["ramp", "steady"]),
    st.sampled_from([ROUND_TRIP, UPLINK, CONNECT, REGISTER, PACER]),
    st.sampled_from(["Heartbeat", "MeterValues"]),
    st.sampled_from([INTENDED, SERVICE]),
)


def histogram_of(values_us: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values_us)
    return histogram


@settings(max_examples=40)
@given(st.lists(st.tuples(TAGS, SAMPLES), max_size=8))
def test_every_intended_sample_is_in_its_row_once(recorded: list[tuple[Tag, list[int]]]) -> None:
    mirror = Mirror(RequestStats())
    for tag, values in recorded:  # second by second
        mirror.add_samples([(tag, histogram_of(values))])
    expected: dict[str, list[int]] = {}
    for tag, values in recorded:
        if tag.kind == INTENDED and tag.leg != PACER:
            expected.setdefault(f"{tag.leg}.{tag.action}", []).extend(values)
    assert {name: row["requests"] for name, row in mirror.totals().items()} == {
        name: len(values) for name, values in expected.items()
    }
    stats = mirror._stats
    round_trips = [value for name, values in expected.items() if name.startswith(ROUND_TRIP) for value in values]
    assert stats.total.num_requests == len(round_trips)
    for name, values in expected.items():
        leg, action = name.split(".")
        entry = stats.get(action, leg)
        assert sum(entry.response_times.values()) == len(values)
        assert sum(entry.num_reqs_per_sec.values()) == len(values)
        assert entry.min_response_time == pytest.approx(min(values) / 1000)
        assert entry.max_response_time == pytest.approx(max(values) / 1000)
        assert entry.avg_response_time == pytest.approx(np.mean(values) / 1000, rel=0.002)


def test_locusts_counts_by_second_are_kept_as_long_as_it_looks_at_them(monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, tag = Mirror(RequestStats()), Tag("steady", ROUND_TRIP, "Heartbeat", INTENDED)
    for second in range(1000):
        monkeypatch.setattr("loadtest.locust_plugin.mirror.time.time", lambda second=second: 1e9 + second)
        mirror.add_samples([(tag, histogram_of([5]))])
    for row in (mirror._stats.get("Heartbeat", ROUND_TRIP), mirror._stats.total):
        assert row.num_requests == 1000
        assert len(row.num_reqs_per_sec) == 61
    caches = [row.response_times_cache for row in (mirror._stats.get("Heartbeat", ROUND_TRIP), mirror._stats.total)]
    assert [len(cache or ()) for cache in caches] == [1, 20], "copies of distributions are kept of one row"


def test_percentiles_survive_the_rounding() -> None:
    values = sorted((np.random.default_rng(5).lognormal(3, 1.5, 20_000) * 1000).astype(int).tolist())
    mirror = Mirror(RequestStats())
    mirror.add_samples([(Tag("steady", ROUND_TRIP, "Heartbeat", INTENDED), histogram_of(values))])
    entry = mirror._stats.get("Heartbeat", ROUND_TRIP)
    for share in (0.5, 0.95, 0.99):
        exact_ms = values[round(share * len(values))] / 1000
        assert entry.get_response_time_percentile(share) == pytest.approx(exact_ms, rel=0.006)
    assert len(entry.response_times) <= 100 + 4 * 900, "at most so many rows, however long the run"


def test_failures_are_booked_once_though_the_rows_are_running_totals() -> None:
    mirror = Mirror(RequestStats())
    row = OperationRow("steady", "Heartbeat", call_error=1, timed_out=2, cut_off=3, link_cut=5, dropped=9, unfinished=9)
    for _ in range(3):
        mirror.add_failures("worker-0/engine-0", [row])
    mirror.add_failures("worker-1/engine-0", [row])
    row.timed_out = 4
    mirror.add_failures("worker-0/engine-0", [row])
    assert mirror.totals()["round_trip.Heartbeat"]["failures"] == 14
    occurrences = {error.error: error.occurrences for error in mirror._stats.errors.values()}
    assert occurrences == {"call error": 2, "timed out": 6, "cut off": 6, "link cut": 10}


def test_nothing_recorded_is_no_row() -> None:
    mirror = Mirror(RequestStats())
    mirror.add_samples([(Tag("steady", ROUND_TRIP, "Heartbeat", INTENDED), Histogram())])
    mirror.add_failures("engine", [OperationRow("steady", "Heartbeat", offered=5, answered=5)])
    assert mirror.totals() == {}
