"""The pacer on a real loop: never early, and honest about how late."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.pacing import pacer as pacing
from loadtest.pacing.pacer import Pacer
from loadtest.pacing.wheel import TICK_NS
from loadtest.transport.loop import run
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DESCRIPTORS = Path("/proc/self/fd")


def paced(scenario: Callable[[Pacer, list[int]], None], until_s: float) -> list[int]:
    """Run a schedule for a while; returns the latenesses reported."""
    gc.collect()  # all that the tests have imported: not in the middle of it
    late_us: list[int] = []

    async def main() -> None:
        pacer = Pacer(late_us.append)
        scenario(pacer, late_us)
        await asyncio.sleep(until_s)
        pacer.close()

    run(main())
    return late_us


def test_nothing_is_released_early_and_everything_once() -> None:
    released: list[tuple[int, int, int]] = []

    def release(due_ns: int, at_ns: int) -> None:
        released.append((due_ns, at_ns, monotonic_ns()))

    def scenario(pacer: Pacer, _: list[int]) -> None:
        start_ns = monotonic_ns()
        for number in range(400):
            due_ns = start_ns + (number * 7919 % 100) * NS_PER_MS + number
            pacer.at(due_ns, partial(release, due_ns))

    late_us = paced(scenario, 0.3)
    assert len(released) == 400
    assert [at_ns for _, at_ns, _ in released] == sorted(at_ns for _, at_ns, _ in released)
    for due_ns, at_ns, now_ns in released:
        assert due_ns <= at_ns < due_ns + TICK_NS
        assert now_ns >= at_ns
    assert min(late_us) >= 0
    assert sorted(late_us)[len(late_us) // 2] < 5_000, "the median slot is late by 5 ms: no pacer at all"


def test_what_is_already_past_is_released_at_once_with_its_own_instant() -> None:
    released: list[int] = []
    past_ns = (monotonic_ns() - NS_PER_S) // TICK_NS * TICK_NS

    def scenario(pacer: Pacer, _: list[int]) -> None:
        pacer.at(past_ns, released.append)
        pacer.at(0, released.append)

    late_us = paced(scenario, 0.05)
    assert released == [0, past_ns]
    assert late_us[1] >= NS_PER_S // NS_PER_US


def test_a_blocked_loop_is_reported_as_lateness() -> None:
    def scenario(pacer: Pacer, _: list[int]) -> None:
        start_ns = monotonic_ns()
        pacer.at(start_ns + 5 * NS_PER_MS, lambda _: time.sleep(0.05))
        pacer.at(start_ns + 10 * NS_PER_MS, lambda _: None)

    late_us = paced(scenario, 0.15)
    assert len(late_us) == 2
    assert late_us[0] >= 50_000, "the slot's last action was released after the sleep"
    assert late_us[1] >= 44_000


def test_an_earlier_instant_given_later_is_not_late() -> None:
    order: list[str] = []

    def scenario(pacer: Pacer, _: list[int]) -> None:
        start_ns = monotonic_ns()
        pacer.at(start_ns + 60 * NS_PER_MS, lambda _: order.append("later"))
        pacer.at(start_ns + 20 * NS_PER_MS, lambda _: order.append("sooner"))

    assert len(paced(scenario, 0.15)) == 2
    assert order == ["sooner", "later"]


def test_a_turn_longer_than_a_tick_loses_nothing_that_came_due_in_it() -> None:
    order: list[int] = []

    def scenario(pacer: Pacer, _: list[int]) -> None:
        def slow(number: int, _: int) -> None:
            order.append(number)
            time.sleep(0.003)

        start_ns = monotonic_ns()
        for number in range(30):
            pacer.at(start_ns + number * NS_PER_MS, partial(slow, number))

    assert len(paced(scenario, 0.3)) == 30
    assert order == list(range(30))


def test_the_timer_ticks_while_instants_are_near_and_not_while_they_are_far(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[bytes] = []

    def read(descriptor: int, size: int) -> bytes:
        ticks.append(os.read(descriptor, size))
        return ticks[-1]

    monkeypatch.setattr(pacing, "os", SimpleNamespace(**vars(os) | {"read": read}))

    def scenario(pacer: Pacer, _: list[int]) -> None:
        start_ns = monotonic_ns()
        for number in (*range(1, 21), 150):
            pacer.at(start_ns + number * NS_PER_MS, lambda _: None)

    assert len(paced(scenario, 0.3)) == 21
    assert 2 <= len(ticks) < 60, "130 more in between, or 150 after, would be ticks for nothing"


def test_a_call_for_a_timer_that_has_not_fired_releases_nothing() -> None:
    released: list[int] = []

    def scenario(pacer: Pacer, _: list[int]) -> None:
        pacer.at(monotonic_ns() + NS_PER_S, released.append)
        pacer._turn()

    assert paced(scenario, 0) == released == []


def test_a_callback_that_plans_the_present_does_not_starve_the_loop() -> None:
    turns = 0

    def scenario(pacer: Pacer, _: list[int]) -> None:
        def again(due_ns: int) -> None:
            nonlocal turns
            turns += 1
            pacer.at(due_ns, again)

        pacer.at(monotonic_ns(), again)

    paced(scenario, 0.05)  # the sleep in it would never end
    assert turns > 1


def test_a_callback_that_fails_is_told_to_the_loop_and_stops_no_other() -> None:
    released: list[int] = []
    faults: list[object] = []

    def fail(_: int) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
        pacer = Pacer(lambda _: None)
        start_ns = monotonic_ns()
        pacer.at(start_ns, fail)
        pacer.at(start_ns, released.append)
        pacer.at(start_ns + 20 * NS_PER_MS, released.append)
        await asyncio.sleep(0.06)
        pacer.close()

    run(main())
    assert len(released) == 2
    assert [type(fault) for fault in faults] == [ZeroDivisionError]


def test_closing_gives_the_descriptor_back() -> None:
    paced(lambda pacer, _: None, 0)  # the first loop of a process keeps some of its own
    before = len(list(DESCRIPTORS.iterdir()))
    paced(lambda pacer, _: None, 0)
    assert len(list(DESCRIPTORS.iterdir())) <= before
