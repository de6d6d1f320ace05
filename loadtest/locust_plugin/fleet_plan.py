"""What Locust is to start of a scenario: so many users of each class, all at once or in steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from loadtest.locust_plugin.dispatcher import PlannedDispatcher
from loadtest.locust_plugin.fleet import fleet_classes, plan_fleet, users_of
from loadtest.locust_plugin.limits import check_descriptors
from loadtest.locust_plugin.scenario_check import check_scenario
from loadtest.locust_plugin.stairs import stairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locust.env import Environment

    from loadtest.scenario.mix import Share
    from loadtest.scenario.settings import RunSettings


class FleetPlan:
    """The plan that Locust's dispatcher follows from now on, made anew for each run.

    Args:
        environment: Locust's.
        workers: How many Locust processes are to run engines.

    Attributes:
        stairs: The scenario's load shape, when the fleet grows in steps.
        subscribers: How many users there are beside the cohorts of charge points.
        cohorts_of_step: How many of these each step adds.
    """

    def __init__(self, environment: Environment, workers: int) -> None:
        self.stairs = stairs_of(environment)
        self.subscribers = 0
        self.cohorts_of_step = 1
        self._environment = environment
        self._workers = workers
        self._groups: Sequence[Mapping[str, int]] = ()
        environment.dispatcher_class = partial(PlannedDispatcher, planned=lambda: self._groups)  # type: ignore[assignment]

    def check(self, settings: RunSettings) -> None:
        """Refuse a scenario that cannot be run with these settings.

        Raises:
            UsageError: With every mistake found.
        """
        user_classes = self._environment.user_classes
        check_scenario(user_classes, settings)
        if self.stairs is not None:
            self.stairs.check(next(each.faults for each in user_classes if hasattr(each, "faults")))

    def make(self, settings: RunSettings, users: int | None) -> tuple[Share, ...]:
        """The fleet, cut into cohorts for so many users, or for as many as suit; Locust is to start just these.

        Raises:
            LoadTestError: What was asked for cannot be run.
        """
        user_classes = self._environment.user_classes
        if self.stairs is not None:
            suitable = plan_fleet(user_classes, settings, self._workers, None)
            cohorts = users_of(suitable, settings) - settings.subscribers
            self.cohorts_of_step = self.stairs.cohorts_of_step(len(suitable), cohorts, settings.charge_points)
            users = settings.subscribers + self.stairs.steps * self.cohorts_of_step
        fleet = plan_fleet(user_classes, settings, self._workers, users)
        check_descriptors(settings, fleet, self._workers, fleet_classes(user_classes))
        (system,) = (each for each in user_classes if hasattr(each, "heartbeat_interval_s"))
        system.fixed_count = self.subscribers = settings.subscribers
        self._groups = ({system.__name__: settings.subscribers}, {share.name: share.cohorts for share in fleet})
        return fleet

    def users_to_ask_for(self, fleet: Sequence[Share], settings: RunSettings) -> int | None:
        """How many users make this fleet again; ``None`` when it is what comes of itself."""
        suitable = fleet == plan_fleet(self._environment.user_classes, settings, self._workers, None)
        return None if suitable or self.stairs is not None else users_of(fleet, settings)
