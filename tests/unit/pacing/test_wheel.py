"""The timer wheel: everything exactly once, in order, never early."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from loadtest.pacing.wheel import TICK_NS, TimerWheel

LAST = 500
"""Ticks; over several of the wheel's pages."""
INSTANTS = st.integers(0, LAST * TICK_NS)


@given(st.lists(INSTANTS, max_size=60), st.lists(INSTANTS, max_size=20))
def test_released_once_in_order_and_never_early(due: list[int], looks: list[int]) -> None:
    wheel = TimerWheel()
    released: list[tuple[int, int]] = []

    def release(number: int, at_ns: int) -> None:
        released.append((at_ns, number))

    for number, due_ns in enumerate(due):
        grid_ns = wheel.at(due_ns, partial(release, number))
        assert due_ns <= grid_ns < due_ns + TICK_NS
        assert grid_ns % TICK_NS == 0
    for now_ns in [*sorted(looks), (LAST + 1) * TICK_NS]:
        while (slot := wheel.take_due(now_ns)) is not None:
            at_ns, actions = slot
            assert at_ns <= now_ns
            for action in actions:
                action(at_ns)
        for number, due_ns in enumerate(due):
            if -(-due_ns // TICK_NS) * TICK_NS <= now_ns:
                assert number in {each for _, each in released}, "what is due is not held back"
    assert sorted(number for _, number in released) == list(range(len(due)))
    assert [at_ns for at_ns, _ in released] == sorted(at_ns for at_ns, _ in released)
    for at_ns, number in released:
        assert 0 <= at_ns - due[number] < TICK_NS
    assert wheel.next_due_ns is None


@given(st.lists(INSTANTS, min_size=1, max_size=30))
def test_the_next_instant_is_the_earliest(due: list[int]) -> None:
    wheel = TimerWheel()
    grid = [wheel.at(due_ns, lambda _: None) for due_ns in due]
    assert wheel.next_due_ns == min(grid)
    assert wheel.take_due(min(grid) - 1) is None
    slot = wheel.take_due(min(grid))
    assert slot is not None
    assert slot[0] == min(grid)


@given(st.lists(st.tuples(INSTANTS, INSTANTS), max_size=60))
def test_plans_made_between_looks_are_kept_as_well(steps: list[tuple[int, int]]) -> None:
    """As engines do it: whatever is released plans something, mostly for later, sometimes for the past."""
    wheel = TimerWheel()
    waiting: list[int] = []
    now_ns = 0
    for due_ns, pause_ns in steps:
        waiting.append(wheel.at(due_ns, lambda _: None))
        assert wheel.next_due_ns == min(waiting)
        now_ns += pause_ns // 8
        while (slot := wheel.take_due(now_ns)) is not None:
            assert slot[0] == min(waiting)
            for _ in slot[1]:
                waiting.remove(slot[0])
        assert wheel.next_due_ns == min(waiting, default=None)
        assert all(each > now_ns for each in waiting)


def test_of_one_instant_the_first_given_comes_first() -> None:
    wheel = TimerWheel()
    order: list[int] = []
    for number in range(5):
        wheel.at(TICK_NS - number, partial(lambda number, _: order.append(number), number))
    slot = wheel.take_due(TICK_NS)
    assert slot is not None
    for action in slot[1]:
        action(slot[0])
    assert order == [0, 1, 2, 3, 4]


def test_an_instant_given_again_while_its_slot_is_taken_is_a_slot_of_its_own() -> None:
    """Otherwise a callback that plans the present would keep the engine from reading answers."""
    wheel = TimerWheel()
    wheel.at(TICK_NS, lambda _: None)
    assert wheel.take_due(TICK_NS) is not None
    wheel.at(TICK_NS, lambda _: None)
    assert wheel.next_due_ns == TICK_NS
    assert wheel.take_due(TICK_NS) is not None
    assert wheel.take_due(TICK_NS) is None
