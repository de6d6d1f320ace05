"""How long charge points take to connect, to register and to come back, as samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.tags import INTENDED, SERVICE, Tag
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.operations import PhaseClock
    from loadtest.engine.registration import RegisteringConnection


class ConnectLegs:
    """The samples of a fleet's connections, each from its intended and from its real start.

    Args:
        phases: What they are booked under: the phase of the intended instant.
    """

    def __init__(self, phases: PhaseClock) -> None:
        self._phases = phases

    def record(self, leg: str, action: str, charge_point: RegisteringConnection, intended_ns: int, now_ns: int) -> None:
        """A charge point has got as far as ``leg`` says; its attempt to connect was the real start."""
        phase = self._phases.names[self._phases.at(intended_ns)]
        recorder = charge_point.books.recorder
        started_ns = charge_point.connect_started_ns
        recorder.handle(Tag(phase, leg, action, INTENDED)).append((now_ns - intended_ns) // NS_PER_US)
        recorder.handle(Tag(phase, leg, action, SERVICE)).append((now_ns - started_ns) // NS_PER_US)
