"""Answers to commands: when they were written and when they arrived, told by two processes in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure import reply_join
from loadtest.measure.reply_join import ReplyInstants, ReplyJoin, ReplySample

STEADY = 2


def records(*entries: tuple[int, int, int]) -> bytes:
    instants = ReplyInstants()
    for charge_point, sequence, at_us in entries:
        instants.add(charge_point, sequence, at_us, STEADY, "ClearCache")
    return instants.take()


@given(st.permutations(range(8)), st.integers(0, 8))
def test_halves_meet_whichever_comes_first(order: list[int], arrived_first: int) -> None:
    join = ReplyJoin()
    samples = join.add_arrived(records(*((k, k, 1000 + k) for k in order[:arrived_first])))
    assert samples == []
    samples += join.add_written(records(*((k, k, 1000) for k in reversed(order))))
    samples += join.add_arrived(records(*((k, k, 1000 + k) for k in order[arrived_first:])))
    assert sorted(samples) == [ReplySample("steady", "ClearCache", k) for k in range(8)]
    assert (join.on_their_way, join.unexplained) == (0, 0)


def test_what_has_only_one_half_is_known() -> None:
    join = ReplyJoin()
    join.add_written(records((1, 0, 5), (1, 1, 6)))
    join.add_arrived(records((1, 1, 9), (2, 0, 9)))
    assert (join.on_their_way, join.unexplained) == (1, 1)


def test_memory_is_bounded_and_what_is_given_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_join, "MAX_UNMATCHED", 3)
    join = ReplyJoin()
    join.add_written(records(*((1, k, 0) for k in range(5))))
    assert (join.on_their_way, join.given_up) == (3, 2)
    assert join.add_arrived(records((1, 4, 7))) == [ReplySample("steady", "ClearCache", 7)]


def test_bytes_that_are_no_records_are_refused() -> None:
    join = ReplyJoin()
    with pytest.raises(ValueError, match="no whole number of records"):
        join.add_written(b"junk")
    with pytest.raises(ValueError, match="does not exist"):
        join.add_arrived(b"\xff" * 18)


def test_what_was_taken_is_not_reported_again() -> None:
    instants = ReplyInstants()
    instants.add(1, 2, 3, STEADY, "Reset")
    assert len(instants.take()) == 18
    assert instants.take() == b""
