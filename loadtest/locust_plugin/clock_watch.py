"""Asks the master for its time, again and again, from a worker whose host has a clock of its own.

The messages are Locust's own, so that nothing else has to be let through a firewall. The first series decides by how
much instants are converted for the whole run; later ones watch whether that stays true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady
from loadtest.measure.host_clock import ClockComparison, Reading, best, reading
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_EXCHANGES, FIRST_PAUSE_S = 24, 0.02
LATER_EXCHANGES, LATER_PAUSE_S = 10, 0.4
ANSWER_TIMEOUT_S = 10.0


class ClockWatch:
    """Compares this host's monotonic clock with the master's.

    Args:
        ask: Sends the master a question with the instant it leaves at; the answer comes to :meth:`take`.
        first: Exchanges before a run begins, and the pause between them in seconds.
        later: The same for each reading during the run.
    """

    def __init__(
        self,
        ask: Callable[[int], None],
        *,
        first: tuple[int, float] = (FIRST_EXCHANGES, FIRST_PAUSE_S),
        later: tuple[int, float] = (LATER_EXCHANGES, LATER_PAUSE_S),
    ) -> None:
        self._ask = ask
        self._first = first
        self._later = later
        self._answers: list[Reading] = []

    def take(self, asked_ns: int, theirs_ns: int) -> None:
        """The master's answer is here."""
        self._answers.append(reading(asked_ns, theirs_ns, monotonic_ns()))

    def compare(self, timeout_s: float = ANSWER_TIMEOUT_S) -> ClockComparison:
        """Measure for the first time.

        Raises:
            EnvironmentNotReady: The master does not answer.
        """
        self._exchange(*self._first)
        give_up_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
        while not self._answers:
            if monotonic_ns() >= give_up_ns:
                raise EnvironmentNotReady(
                    f"the master has not told its time within {timeout_s:g} s, so clocks cannot be compared",
                    hint="see that the master and all workers run the same version of loadtest",
                )
            gevent.sleep(self._first[1])
        return ClockComparison(self._take_best())

    def follow(self, comparison: ClockComparison, tell: Callable[[ClockComparison], None]) -> None:
        """Go on measuring, for ever; ``tell`` is called now and after each reading."""
        tell(comparison)
        while True:
            self._exchange(*self._later)
            if self._answers:
                comparison.add(self._take_best())
                tell(comparison)

    def _exchange(self, count: int, pause_s: float) -> None:
        for _ in range(count):
            self._ask(monotonic_ns())
            gevent.sleep(pause_s)

    def _take_best(self) -> Reading:
        found = best(self._answers)
        self._answers.clear()
        return found
