"""The fleet of a scenario: its classes as Locust knows them, planned for one run, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError
from loadtest.measure.run_description import FleetPart
from loadtest.scenario.mix import FleetClass, Share, cut, cut_into, share_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtest.locust_plugin.users import ChargePointFleet
    from loadtest.scenario.settings import RunSettings


def fleet_classes(user_classes: Iterable[Any]) -> dict[str, type[ChargePointFleet]]:
    """The classes of charge points among all user classes of a scenario, by name."""
    return {each.__name__: each for each in user_classes if hasattr(each, "profile")}


def plan_fleet(
    user_classes: Iterable[Any], settings: RunSettings, workers: int, users: int | None
) -> tuple[Share, ...]:
    """Share out the fleet among the classes, and cut it into cohorts.

    Args:
        user_classes: The scenario's.
        settings: How many charge points, engines and subscribers there are.
        workers: How many Locust processes run engines.
        users: How many users Locust is to have, subscribers included; ``None``: as many as suit.

    Raises:
        UsageError: There are too few charge points, or too few or too many users.
    """
    declared = [
        FleetClass(name=name, weight=each.weight, fixed_count=each.fixed_count)
        for name, each in fleet_classes(user_classes).items()
    ]
    counts = share_out(declared, settings.charge_points)
    suitable = cut(counts, settings.engines * workers)
    if users is None or users == users_of(suitable, settings):
        return suitable
    cohorts = users - settings.subscribers
    if not len(counts) <= cohorts <= settings.charge_points:
        classes = "1 class" if len(counts) == 1 else f"{len(counts)} classes ({', '.join(counts)})"
        raise UsageError(
            f"--users: {users} users are {max(cohorts, 0)} cohorts and {settings.subscribers} subscribers; "
            f"{settings.charge_points} charge points of {classes} need {len(counts)} to {settings.charge_points} "
            "cohorts",
            hint="--charge-points says how many charge points; leave --users out and the number of cohorts is chosen",
        )
    return cut_into(counts, cohorts)


def users_of(fleet: Sequence[Share], settings: RunSettings) -> int:
    """How many users Locust has for a fleet and its subscribers."""
    return sum(share.cohorts for share in fleet) + settings.subscribers


def path_of(fleet_class: type[ChargePointFleet], settings: RunSettings) -> str:
    """How charge points of a class reach the broker: as the class says, else as the settings do."""
    return fleet_class.path or settings.path


def parts_of(fleet: Sequence[Share], user_classes: Iterable[Any], settings: RunSettings) -> list[FleetPart]:
    """A planned fleet as it is put on record."""
    classes = fleet_classes(user_classes)
    found = []
    for share in fleet:
        profile = classes[share.name].profile
        found.append(
            FleetPart(
                name=share.name,
                charge_points=share.charge_points,
                cohorts=share.cohorts,
                model=profile.model,
                id_prefix=profile.id_prefix,
                path=path_of(classes[share.name], settings),
                first_id=profile.charge_point_id(share.first),
                last_id=profile.charge_point_id(share.first + share.charge_points - 1),
            )
        )
    return found
