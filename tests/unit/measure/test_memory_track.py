"""Whether memory grows: leaks are found with their size, noise and single steps are not taken for leaks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure.memory_track import SHORTEST_S, MemoryTrack, growth

MB = 1_000_000


def test_a_steady_leak_is_told_with_its_size() -> None:
    seconds = range(100, 1300)
    found = growth(seconds, [50 * MB + second * MB // 100 for second in seconds])  # 10 kB/s: 36 MB/h
    assert found is not None
    assert found.mb_per_h == pytest.approx(36, rel=0.01)
    assert not found.flat
    assert found.judged_s == 600
    assert str(found).startswith("grew, +36.0 ± ")


def test_what_a_process_takes_until_it_has_warmed_up_is_no_growth() -> None:
    seconds = range(1200)
    found = growth(seconds, [min(second, 550) * MB for second in seconds])
    assert found is not None
    assert (found.mb_per_h, found.flat, found.mean_bytes) == (0, True, 550 * MB)


@given(at=st.integers(0, 1199), size=st.integers(-40 * MB, 40 * MB))
def test_a_single_step_is_no_trend(at: int, size: int) -> None:
    found = growth(range(1200), [100 * MB + (size if second >= at else 0) for second in range(1200)])
    assert found is not None
    assert found.flat


def test_noise_is_within_the_error_about_as_often_as_it_says() -> None:
    chance = random.Random(7)
    verdicts = []
    for _ in range(200):
        size, sizes = 100 * MB, []
        for _ in range(SHORTEST_S):
            size += chance.randrange(-4096, 4097)
            sizes.append(size)
        found = growth(range(SHORTEST_S), sizes)
        assert found is not None
        verdicts.append(found.flat)
    assert verdicts.count(False) < 0.1 * len(verdicts)


def test_too_short_or_too_full_of_holes_is_not_judged() -> None:
    assert growth([], []) is None
    assert growth(range(SHORTEST_S - 1), [MB] * (SHORTEST_S - 1)) is None
    assert growth([0, 100, SHORTEST_S], [MB] * 3) is None


def test_a_track_gives_back_what_it_was_given() -> None:
    track = MemoryTrack()
    for second in range(5, 5 + SHORTEST_S):
        track.add(second, 12_345 * 1024)
    found = track.growth()
    assert found is not None
    assert (found.mean_bytes, found.mb_per_h) == (12_345 * 1024, 0)
