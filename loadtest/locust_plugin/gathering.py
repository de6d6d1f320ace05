"""Waiting for Locust's workers before a headless run: said aloud, and given up with a reason.

Locust waits as well, but without a word for who started it, and gives up with the exit code of a missed threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 0.2
_PATIENCE_S = 5.0
"""Workers that are started with the master are there sooner."""


def await_workers(
    ready: Callable[[], int],
    expected: int,
    most_s: float,
    say: Callable[[str], None],
    *,
    now_ns: Callable[[], int] = monotonic_ns,
    sleep: Callable[[float], None] = gevent.sleep,
) -> None:
    """Wait until so many workers are ready; tell how many there are when it takes longer, and whenever that changes.

    Args:
        ready: How many are.
        expected: As ``--expect-workers`` has it.
        most_s: As ``--expect-workers-max-wait`` has it; 0 for as long as it takes.
        say: Tells the user.
        now_ns: The clock.
        sleep: Lets time pass.

    Raises:
        EnvironmentNotReady: They have not come in time.
    """
    begun_ns, told = now_ns(), -1
    while (there := ready()) < expected:
        waited_s = (now_ns() - begun_ns) / NS_PER_S
        if most_s and waited_s >= most_s:
            raise EnvironmentNotReady(
                f"--expect-workers: {there} of {expected} workers have come within {most_s:g} s",
                hint="start them with locust -f SCENARIO --worker --master-host HOST; they need TCP to the master's "
                "port 5557, or --master-bind-port",
            )
        if waited_s >= _PATIENCE_S and there != told:
            say(f"waiting for workers: {there} of {expected} are there")
            told = there
        sleep(_EVERY_S)
