from __future__ import annotations

import gc

import psutil
import pytest

from loadtest.measure.health import HealthMonitor, resident_bytes


def test_figures_cover_one_interval_and_start_again() -> None:
    now_ns, cpu_ns = [1_000], [0]
    monitor = HealthMonitor(clock=lambda: now_ns[0], cpu_clock=lambda: cpu_ns[0])
    try:
        gc.disable()
        monitor.take_interval()
        monitor.note_loop_lag(300)
        monitor.note_loop_lag(200)
        cpu_ns[0] = 5_000_000
        for listener in gc.callbacks:
            if listener == monitor._on_collection:
                listener("start", {})
                now_ns[0] += 7_000
                listener("stop", {})
        health = monitor.take_interval(backlog_bytes=12, coalesced_intervals=2)
        assert (health.cpu_ns, health.loop_lag_max_us) == (5_000_000, 300)
        assert (health.gc_pauses, health.gc_pause_max_us) == (1, 7)
        assert (health.backlog_bytes, health.coalesced_intervals) == (12, 2)
        quiet = monitor.take_interval()
        assert (quiet.cpu_ns, quiet.loop_lag_max_us, quiet.gc_pauses, quiet.gc_pause_max_us) == (0, 0, 0, 0)
    finally:
        gc.enable()
        monitor.close()


def test_a_real_collection_is_noticed_until_closed() -> None:
    monitor = HealthMonitor()
    gc.collect()
    assert monitor.take_interval().gc_pauses >= 1
    monitor.close()
    monitor.close()
    gc.collect()
    assert monitor.take_interval().gc_pauses == 0


def test_memory_is_what_the_kernel_says_by_another_way() -> None:
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
