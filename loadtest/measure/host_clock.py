"""The clock of a worker's host held against the master's, over the network between them.

A question leaves the worker at ``asked_ns``, the master reads its clock when it comes, the answer is back at
``answered_ns``. Whatever the two ways took, the offset lies within half the round trip of the middle (RFC 5905, 8):
a bound that does not depend on the ways being alike. Of several exchanges the shortest tells most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TELLING = 4
"""A reading whose bound is so many times the best one says nothing against the offset unless it contradicts it."""


class Reading(NamedTuple):
    """What one exchange shows: at ``at_ns`` of the worker's clock it was ``offset_ns`` ahead, give or take."""

    at_ns: int
    offset_ns: int
    bound_ns: int


class HostClock(msgspec.Struct, kw_only=True):
    """How the instants of a worker on a host with a clock of its own were converted, and how wrong that may be.

    Attributes:
        worker: Such as ``worker-0``; its processes are ``worker-0/engine-0`` and so on.
        host: The host's name.
        clock: Identifies the clock, as in :attr:`loadtest.measure.run_record.SourceHealth.host`.
        offset_ns: The worker's monotonic clock minus the master's, as it was taken for the whole run.
        bound_us: How wrong that may have been when it was measured: half the shortest round trip.
        error_us: How wrong it may have been at worst during the run, with what the clocks have drifted apart.
        drift_ppm: How fast they did; 0 when less than the bounds can tell.
        readings: How many times it was measured.
    """

    worker: str
    host: str
    clock: str
    offset_ns: int
    bound_us: float
    error_us: float
    drift_ppm: float = 0.0
    readings: int = 1


def reading(asked_ns: int, theirs_ns: int, answered_ns: int) -> Reading:
    """What an exchange shows; ``asked_ns`` and ``answered_ns`` are of one clock, ``theirs_ns`` of the other."""
    # Rounded up: a bound must hold.
    return Reading(answered_ns, (asked_ns + answered_ns) // 2 - theirs_ns, (answered_ns - asked_ns + 1) // 2 + 1)


def best(readings: Iterable[Reading]) -> Reading:
    """The one with the closest bound.

    Raises:
        ValueError: There is none.
    """
    return min(readings, key=lambda each: each.bound_ns)


class ClockComparison:
    """A run's conversion between two clocks: fixed by its first reading, watched by the later ones.

    Args:
        first: Its offset is what the run goes by.

    Attributes:
        offset_ns: This clock minus the other.
        error_ns: How wrong that has been at worst.
    """

    def __init__(self, first: Reading) -> None:
        self.offset_ns = first.offset_ns
        self.error_ns = first.bound_ns
        self._first = self._last = first
        self._best_bound_ns = first.bound_ns
        self._readings = 1

    def add(self, later: Reading) -> None:
        """Take a later reading; one made in a busy moment worsens nothing that it cannot contradict."""
        moved_ns = abs(later.offset_ns - self.offset_ns)
        self._readings += 1
        if later.bound_ns > _TELLING * self._best_bound_ns:
            self.error_ns = max(self.error_ns, moved_ns - later.bound_ns)
            return
        self.error_ns = max(self.error_ns, moved_ns + later.bound_ns)
        self._best_bound_ns = min(self._best_bound_ns, later.bound_ns)
        self._last = later

    @property
    def drift_ppm(self) -> float:
        """How fast this clock gains on the other, in millionths; 0 when less than the bounds can tell."""
        moved_ns = self._last.offset_ns - self._first.offset_ns
        if abs(moved_ns) <= self._first.bound_ns + self._last.bound_ns:
            return 0.0
        return round(1e6 * moved_ns / (self._last.at_ns - self._first.at_ns), 3)

    def describe(self, *, worker: str, host: str, clock: str) -> HostClock:
        """For the record."""
        return HostClock(
            worker=worker,
            host=host,
            clock=clock,
            offset_ns=self.offset_ns,
            bound_us=self._first.bound_ns / NS_PER_US,
            error_us=self.error_ns / NS_PER_US,
            drift_ppm=self.drift_ppm,
            readings=self._readings,
        )


def one_way_error_us(clocks: Iterable[HostClock], roles: Mapping[str, str]) -> float:
    """How wrong a time between an engine and a subscriber may be at worst because they run on different hosts.

    Args:
        clocks: Those that were compared with the master's; all other processes share the master's clock.
        roles: ``engine`` or ``subscriber`` by the name of the process, such as ``worker-0/engine-1``.
    """
    error_us = {clock.worker: clock.error_us for clock in clocks}
    of_role = {
        role: {name.partition("/")[0] for name, known in roles.items() if known == role}
        for role in ("engine", "subscriber")
    }
    errors_us = [
        error_us.get(engine, 0.0) + error_us.get(subscriber, 0.0)
        for engine in of_role["engine"]
        for subscriber in of_role["subscriber"]
        if engine != subscriber  # of one worker: whatever its clock shows, it shows it at both ends
    ]
    return max(errors_us, default=0.0)
