"""The virtual clock and the stub's switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.testing.stub_behaviour import StubBehaviour
from loadtest.testing.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from loadtest.clock import Clock


def test_moves_only_when_told_to() -> None:
    clock: Clock = (virtual := VirtualClock(5))
    assert clock() == clock() == 5
    assert virtual.advance_ns(10) == clock() == 15
    assert virtual.advance_s(7200.000_000_001) == clock() == 15 + 7_200_000_000_001


def test_does_not_start_at_zero() -> None:
    """Code that takes an instant for a duration passes at zero and fails anywhere else."""
    assert VirtualClock()() > 0


def test_never_goes_back() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="does not go back by 1 ns"):
        clock.advance_ns(-1)


def test_a_stall_leaves_time_to_serve() -> None:
    with pytest.raises(ValueError, match="no time to serve"):
        StubBehaviour(stall_s=2, stall_every_s=2)


def test_faults_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        StubBehaviour(fault_every=0)
