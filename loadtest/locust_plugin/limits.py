"""Whether this machine's limits allow a run, checked before anything connects."""

from __future__ import annotations

import math
import resource
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady
from loadtest.scenario.mix import cut
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.locust_plugin.users import ChargePointFleet
    from loadtest.scenario.mix import Share
    from loadtest.scenario.profile import ChargePointProfile
    from loadtest.scenario.settings import RunSettings

MOST_ENGINES = next(int(setting.high) for setting in SETTINGS if setting.name == "engines")
SPARE_DESCRIPTORS = 100
"""What an engine needs besides its charge points: standard streams, timer, control channel, and some air."""


def sockets_of(profile: ChargePointProfile) -> int:
    """Most sockets that one charge point has at once.

    A link that goes half-open leaves the old connection's socket open while the charge point dials anew, until the
    gateway gives it up; of several such only the last is kept. So two at most, for all of them when a region fails.
    """
    return 2 if profile.link is not None and profile.link.half_open_weight > 0 else 1


def check_descriptors(
    settings: RunSettings,
    fleet: Sequence[Share],
    workers: int,
    classes: Mapping[str, type[ChargePointFleet]],
    limit: int | None = None,
) -> None:
    """Refuse a fleet for whose sockets the engines have too few file descriptors.

    Args:
        settings: The run's settings.
        fleet: How the fleet is cut into cohorts.
        workers: How many Locust processes run engines.
        classes: The classes of the fleet, by name.
        limit: Descriptors one process may have; the hard limit of this one when not given.

    Raises:
        EnvironmentNotReady: Says how many charge points would fit.
    """
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit == resource.RLIM_INFINITY:
            return
    sockets = {name: sockets_of(each.profile) for name, each in classes.items()}
    needed = _needed(fleet, workers, settings.engines, sockets)
    room = max(0, limit - SPARE_DESCRIPTORS)
    if needed > room:
        doubled = ", two for each whose link can be half-open" if 2 in sockets.values() else ""
        raise EnvironmentNotReady(
            f"one process may have {limit:,} file descriptors: an engine has {room:,} for its charge points, "
            f"not {needed:,}{doubled}",
            hint=_remedy(fleet, workers, sockets, room),
        )


def _needed(fleet: Sequence[Share], workers: int, engines: int, sockets: Mapping[str, int]) -> int:
    """Most sockets in one engine: each class is spread evenly, up to one cohort."""
    return sum(
        math.ceil(math.ceil(share.cohorts / workers) / engines) * share.largest_cohort * sockets[share.name]
        for share in fleet
    )


def _remedy(fleet: Sequence[Share], workers: int, sockets: Mapping[str, int], room: int) -> str:
    """The fewest engines that are enough when the harness chooses the cohorts."""
    counts = {share.name: share.charge_points for share in fleet}
    for engines in range(1, MOST_ENGINES + 1):
        if _needed(cut(counts, engines * workers), workers, engines, sockets) <= room:
            return f"use --engines {engines}, or raise the limit (ulimit -Hn)"
    return "raise the limit (ulimit -Hn)"
