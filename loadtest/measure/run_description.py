"""What is being run, as far as it is known at the start: scenario, fleet, settings, system under test, machine."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from loadtest.measure.calibration_note import CalibrationNote
from loadtest.measure.limits import Limits
from loadtest.protocol.phases import PHASES
from loadtest.scenario.fleet_classes import FleetClasses, told_apart


class FleetPart(msgspec.Struct, kw_only=True):
    """The charge points of one class: how many, in how many cohorts, and which; ids are in one row."""

    name: str
    charge_points: int
    cohorts: int
    model: str = ""
    id_prefix: str = ""
    first_id: str = ""
    last_id: str = ""
    path: str = "gateway"

    def __str__(self) -> str:
        """In words: ``1,800 Kerb in 2 cohorts``."""
        return f"{self.charge_points:,} {self.name} in {self.cohorts:,} cohort{'s' if self.cohorts > 1 else ''}"

    def id_of(self, number: int) -> str:
        """The id of a charge point by its number in the fleet; empty when it is of another class."""
        first = self.first_id.removeprefix(self.id_prefix)
        if first.isdecimal() and 0 <= number - int(first) < self.charge_points:
            return f"{self.id_prefix}{number:0{len(first)}d}"
        return ""


class RunDescription(msgspec.Struct, kw_only=True):
    """What was run, known at its start.

    Attributes:
        epoch_ns: Monotonic instant from which seconds are counted; ``started_at`` is the same in wall time.
        scenario_sha256: Of the scenario's file; what it imports is not in it.
        charge_points: How many there are to be.
        fleet: Of which classes.
        sut: The system under test: gateway, broker, central system, each with version and settings.
        adaptations: What had to be otherwise than the settings ask, because this system under test cannot do it.
        command: What to type to run it again.
        limits: What the verdict holds it against.
        thresholds: What else it holds it against, in their text form.
        phases: All phases there may be; a number in a stamp is a position in it.
        calibration: What was known of the instrument on this machine; ``None``: it had not been calibrated.
    """

    run_id: str
    scenario: str
    started_at: dt.datetime
    epoch_ns: int = 0
    scenario_sha256: str = ""
    charge_points: int = 0
    fleet: list[FleetPart] = []
    settings: dict[str, Any] = {}
    seed: int = 0
    run_tag: int = 0
    versions: dict[str, str] = {}
    host: dict[str, Any] = {}
    sut: dict[str, Any] = {}
    adaptations: list[str] = []
    command: list[str] = []
    limits: Limits = msgspec.field(default_factory=Limits)
    thresholds: tuple[str, ...] = ()
    phases: tuple[str, ...] = PHASES
    calibration: CalibrationNote | None = None

    @property
    def fleet_classes(self) -> FleetClasses:
        """The classes by the numbers of their charge points; nothing where there is only one."""
        return told_apart((part.name, part.charge_points) for part in self.fleet)

    @property
    def paths(self) -> frozenset[str]:
        """How charge points reach the broker: ``gateway``, ``direct``."""
        return frozenset(part.path for part in self.fleet)

    def charge_point(self, number: int) -> str:
        """A charge point by its id; by its number in the fleet when the record does not tell ids."""
        return next((name for part in self.fleet if (name := part.id_of(number))), f"number {number}")
