"""What becomes of a user's interrupts, with a process that only takes down what is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadtest.runner.attending import Attendant
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable


class Process:
    def __init__(self, ends_after: int) -> None:
        self.done: list[str] = []
        self._looks_left = ends_after

    def wait(self, _timeout_s: float) -> int | None:
        self._looks_left -= 1
        return None if self._looks_left >= 0 else 130

    def still_s(self) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.done.append(name)


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        (False, ["terminate", "terminate", "kill"]),
        (True, ["interrupt", "interrupt", "kill"]),
    ],
    ids=["while it is being loaded", "while a run is on"],
)
def test_interrupts_are_passed_on_one_at_a_time_and_the_third_kills(begun: bool, expected: list[str]) -> None:
    said: list[str] = []
    process: Any = Process(ends_after=5)
    attendant = Attendant(process, resolve({}), said.append, lambda: begun)
    assert attendant.wait([2, 2, 2], lambda: None) == 130
    assert process.done[: len(expected)] == expected
    assert bool(said) is begun, "nothing is drained before there is anything"
