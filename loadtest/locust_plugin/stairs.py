"""A load shape that grows the fleet in steps within one run, and judges each step by itself.

Under Locust's web UI a scenario with such a shape climbs until a step misses a threshold. That is less than a search by
``loadtest capacity``: each step inherits what the one before has left, none is repeated, and the answer is one step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from locust import LoadTestShape

from loadtest.errors import LoadTestError, UsageError
from loadtest.protocol.phases import MAX_STEPS, STEADY, with_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locust.env import Environment

    from loadtest.scenario.threshold import Threshold

SPAWN_RATE_PER_S = 100
"""Locust's spawn rate counts cohorts; the ramp of the charge points is ours."""
LEAST_S = 1.0
"""What happens is counted by the second."""


class CapacitySearch(LoadTestShape):
    """Grows the fleet to ``--charge-points`` in equal steps; a scenario subclasses it.

    The first step that misses a threshold of the steady phase ends the run. ``--ramp`` is that of each step,
    ``--duration`` and ``--warmup`` have no effect.

    Attributes:
        steps: How many, 12 at most: each has a phase of its own, ``step:01`` and so on.
        step_s: How long the load of a step is held and judged.
        settle_s: How long it is held before.
    """

    abstract = True
    steps: ClassVar[int] = 10
    step_s: ClassVar[float] = 30.0
    settle_s: ClassVar[float] = 5.0

    def __init__(self) -> None:
        super().__init__()
        self.step = 1
        self.users: Callable[[], tuple[int, int]] = lambda: (0, 1)

    def reset_time(self) -> None:
        """Begin anew; called by Locust before the first tick of each run."""
        super().reset_time()
        self.step = 1

    def tick(self) -> tuple[int, float]:
        """How many users there are to be now; called by Locust once a second."""
        try:
            beside, of_step = self.users()
        except LoadTestError:
            return 1, SPAWN_RATE_PER_S  # the start of the run says what is wrong
        return beside + self.step * of_step, SPAWN_RATE_PER_S

    def check(self, faults: Sequence[object]) -> None:
        """Refuse what cannot be climbed.

        Args:
            faults: Of the scenario.

        Raises:
            UsageError: With every mistake found.
        """
        name = type(self).__name__
        mistakes = []
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 1 <= self.steps <= MAX_STEPS:
            mistakes.append(f"{name}.steps: {self.steps!r} is no whole number from 1 to {MAX_STEPS}")
        for field in ("step_s", "settle_s"):
            value = getattr(self, field)
            if not isinstance(value, (int, float)) or not LEAST_S <= value < math.inf:
                mistakes.append(f"{name}.{field}: {value!r} is not {LEAST_S:g} s or more")
        if faults:
            mistakes.append(f"{name}: a fleet that grows in steps has no steady phase for faults; leave one out")
        if mistakes:
            raise UsageError(mistakes)

    @property
    def phases(self) -> tuple[str, ...]:
        """All phases there may be."""
        return with_steps(self.steps)

    def phase(self, step: int) -> str:
        """That of a step, counted from 1."""
        return self.phases[step - self.steps - 1]

    def cohorts_of_step(self, classes: int, suitable: int, charge_points: int) -> int:
        """How many cohorts each step adds.

        Args:
            classes: Of the fleet; each step has some of each.
            suitable: Cohorts that the whole fleet would best be cut into.
            charge_points: Of the whole fleet.

        Raises:
            UsageError: There are too few charge points.
        """
        wanted = max(classes, math.ceil(suitable / self.steps))
        if wanted * self.steps > charge_points:
            raise UsageError(
                f"--charge-points: {charge_points:,} are too few for {self.steps} steps of {wanted} cohorts",
                hint=f"use {wanted * self.steps:,} or more, or fewer steps",
            )
        return wanted

    def of_steps(self, thresholds: Sequence[Threshold]) -> tuple[Threshold, ...]:
        """What the run is held against: for each step what the scenario demands of the steady phase."""
        return tuple(
            each
            for threshold in thresholds
            for each in (self._of_each(threshold) if threshold.watched_phase == STEADY else (threshold,))
        )

    def _of_each(self, threshold: Threshold) -> Iterator[Threshold]:
        """Judged when the step is over, and then the run is given up where that can be known."""
        plain: Any = msgspec.structs.replace(threshold, abort_on_fail=False, after_s=0.0)
        for number in range(1, self.steps + 1):
            of_step: Threshold = msgspec.structs.replace(plain, phase=self.phase(number))
            ending: Threshold = msgspec.structs.replace(of_step, abort_on_fail=True, after_s=self.step_s)
            try:
                ending.check(self.phases)
            except UsageError:
                yield of_step
            else:
                yield ending


def stairs_of(environment: Environment) -> CapacitySearch | None:
    """The shape of a scenario, when it is one of ours."""
    shape = environment.shape_class
    return shape if isinstance(shape, CapacitySearch) else None
