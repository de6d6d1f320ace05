"""Attending to Locust while it runs: passing on what it says, and ending it when the user asks."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from loadtest.runner.locust_process import LocustProcess
    from loadtest.scenario.settings import RunSettings

TICK_S = 0.25
AFTER_DRAIN_S = 60.0
"""How long an interrupted run may take beside its drain, to stop its parts and to write its results."""
HURRIED_END_S = 25.0
"""How long one that is to end at once may take."""

STANDSTILL_S = 60.0
"""For how long it may do nothing at all, before it is given up. Its children measure on meanwhile."""


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list while inside."""
    received: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)

    before = {which: signal.signal(which, note) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


class Attendant:
    """Waits for one Locust process.

    Args:
        process: Just started.
        settings: Of its runs.
        say: Takes lines for the user.
        begun: Whether it has anything to end in good order. Until then it is only being loaded, and an interrupt could
            be swallowed by what it imports; afterwards it has a handler for it.
    """

    def __init__(
        self, process: LocustProcess, settings: RunSettings, say: Callable[[str], None], begun: Callable[[], bool]
    ) -> None:
        self._process = process
        self._begun = begun
        self._drain_s = settings.drain_most_s
        self._say = say
        self._passed_on = 0
        self._deadline = float("inf")

    def wait(self, received: list[int], on_tick: Callable[[], None]) -> int:
        """Its exit status.

        Args:
            received: Grows by each interrupt: the first asks for an orderly end, the second for one at once, the
                third forces it, as does too long a wait.
            on_tick: Called a few times a second.
        """
        try:
            while (status := self._process.wait(TICK_S)) is None:
                if len(received) > self._passed_on:  # one at a time: two signals in a row would arrive as one
                    self._passed_on += 1
                    self._pass_on()
                if time.monotonic() > self._deadline:
                    self._process.kill()
                elif self._process.still_s() > STANDSTILL_S:
                    self._say(f"Locust has stood still for {STANDSTILL_S:g} s: it is killed")
                    self._process.kill(f"stood still for {STANDSTILL_S:g} s and was killed")
                else:
                    on_tick()
        except BaseException:  # on our side, such as a terminal that is gone: what was measured is kept all the same
            self._process.interrupt()
            if self._process.wait(self._drain_s + AFTER_DRAIN_S) is None:
                self._process.kill()
            self._process.clear_leftovers()
            raise
        return status

    def _pass_on(self) -> None:
        now = time.monotonic()
        if self._passed_on > 2:
            self._deadline = now
        elif not self._begun():
            self._process.terminate()
            self._deadline = now + HURRIED_END_S
        elif self._passed_on == 1:
            self._say(f"Stopping: draining, up to {self._drain_s:g} s; Ctrl-C again to stop at once")
            self._process.interrupt()
            self._deadline = now + self._drain_s + AFTER_DRAIN_S
        else:
            self._say("Stopping at once: what is under way counts as unfinished; Ctrl-C again to kill")
            self._process.interrupt()
            self._deadline = now + HURRIED_END_S
