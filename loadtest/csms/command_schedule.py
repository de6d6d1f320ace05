"""When commands are due: an open model, seeded, the same whatever becomes of those before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from loadtest.scenario.schedule import exponential_s
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtest.pacing.pacer import Pacer


class CommandSchedule:
    """The instants of one subscriber's share of the commands.

    Each action has a stream of its own, of exponential gaps; those of all subscribers together have its rate.

    Args:
        rates: Commands per second over the whole fleet, by action.
        pacer: Releases them.
        on_due: Called with the action and its due instant.
        seed: Seed of the run.
        index: The subscriber's number.
        count: How many subscribers there are.

    Attributes:
        over: No more commands will be due.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        pacer: Pacer,
        on_due: Callable[[str, int], None],
        *,
        seed: int,
        index: int,
        count: int,
    ) -> None:
        self.over = False
        self._pacer = pacer
        self._on_due = on_due
        self._mean_s = {action: count / rate for action, rate in rates.items() if rate}
        self._gaps = {action: random.Random(f"{seed} {index} gaps {action}") for action in self._mean_s}
        self._next_ns: dict[str, int] = {}

    def begin(self, start_ns: int) -> None:
        """Commands are due from ``start_ns`` on; a second beginning is none."""
        if self._next_ns:
            return
        for action in self._mean_s:
            self._next_ns[action] = start_ns
            self._plan(action)

    def end(self) -> None:
        """No more commands."""
        self.over = True

    def _plan(self, action: str) -> None:
        # Gaps are added up exactly; only what the pacer is given is moved to its grid.
        self._next_ns[action] += int(exponential_s(self._mean_s[action], self._gaps[action].random()) * NS_PER_S)
        self._pacer.at(self._next_ns[action], lambda due_ns: self._release(action, due_ns))

    def _release(self, action: str, due_ns: int) -> None:
        if not self.over:
            self._plan(action)
            self._on_due(action, due_ns)
