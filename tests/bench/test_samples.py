"""What a benchmark quotes and what it holds against its budget."""

from __future__ import annotations

import os
import time

from process_clock import cpu_ns, rss_bytes
from rich.console import Console
from samples import Budget, Samples

from loadtest.measure.health import resident_bytes
from loadtest.units import NS_PER_MS


def measured(*rounds: float) -> Samples:
    samples = Samples()
    for value in rounds:
        samples.add("ratio", "x", value)
    return samples


def test_the_median_is_quoted_and_judged() -> None:
    samples = measured(2.0, 9.0, 2.4)
    assert samples["ratio"].median == 2.4
    assert Budget("ratio", 2.5).met(samples)
    assert not Budget("ratio", 2.3).met(samples)
    assert Budget("ratio", 2.3, at_least=True).met(samples)
    assert not Budget("ratio", 2.5, at_least=True).met(samples)


def test_the_table_names_what_is_missed_and_what_has_changed() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(measured(2.0, 3.0, 4.0).table("title", [Budget("ratio", 2.5)], {"ratio": 2.0}))
    text = captured.get()
    assert "≤ 2.5 MISSED" in text
    assert "2 … 4" in text
    assert "2 (+50%)" in text


def test_the_clock_of_a_process_is_its_own_cpu_time() -> None:
    spent_ns, own_ns = cpu_ns(os.getpid()), time.process_time_ns()
    while time.process_time_ns() < own_ns + 20 * NS_PER_MS:
        pass
    assert abs((cpu_ns(os.getpid()) - spent_ns) - (time.process_time_ns() - own_ns)) < 5 * NS_PER_MS


def test_memory_is_what_the_process_says_of_itself() -> None:
    assert abs(rss_bytes(os.getpid()) - resident_bytes()) < 1 << 20
