"""How long charge points take to connect, to register and to come back, as samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.tags import INTENDED, SERVICE, Tag
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.operations import PhaseClock
    from loadtest.measure.recorder import Recorder


class ConnectLegs:
    """The samples of a class's connections, each from its intended and from its real start.

    Args:
        recorder: Takes the samples.
        phases: What they are booked under: the phase of the intended instant.
    """

    __slots__ = ("_phases", "_recorder", "_samples")

    def __init__(self, recorder: Recorder, phases: PhaseClock) -> None:
        self._recorder = recorder
        self._phases = phases
        self._samples: dict[tuple[int, str, str], tuple[list[int], list[int]]] = {}

    def record(self, leg: str, action: str, intended_ns: int, started_ns: int, now_ns: int) -> None:
        """A charge point has got as far as ``leg`` says; its attempt to connect was the real start."""
        place = self._phases.at(intended_ns), leg, action
        samples = self._samples.get(place)
        if samples is None:
            names, handle = (self._phases.names[place[0]], leg, action), self._recorder.handle
            samples = self._samples[place] = handle(Tag(*names, INTENDED)), handle(Tag(*names, SERVICE))
        intended_us, service_us = samples
        intended_us.append((now_ns - intended_ns) // NS_PER_US)
        service_us.append((now_ns - started_ns) // NS_PER_US)
