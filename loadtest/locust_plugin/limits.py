"""Whether this machine's limits allow a run, checked before anything connects."""

from __future__ import annotations

import math
import resource
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from loadtest.scenario.settings import RunSettings

SPARE_DESCRIPTORS = 100
"""What an engine needs besides its charge points: standard streams, timer, control channel, and some air."""


def check_descriptors(settings: RunSettings, cohorts: int, workers: int, limit: int | None = None) -> None:
    """Refuse a fleet for whose sockets the engines have too few file descriptors.

    Args:
        settings: The run's settings.
        cohorts: Among how many cohorts the fleet is shared out.
        workers: How many Locust processes run engines.
        limit: Descriptors one process may have; the hard limit of this one when not given.

    Raises:
        EnvironmentNotReady: Says how many charge points would fit.
    """
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit == resource.RLIM_INFINITY:
            return
    cohorts_per_engine = math.ceil(math.ceil(cohorts / workers) / settings.engines)
    per_engine = cohorts_per_engine * math.ceil(settings.charge_points / cohorts)
    room = max(0, limit - SPARE_DESCRIPTORS)
    if per_engine > room:
        engines = math.ceil(settings.charge_points / room / workers) if room else 0
        raise EnvironmentNotReady(
            f"one process may have {limit:,} file descriptors: {room:,} charge points fit into an engine, "
            f"not {per_engine:,}",
            hint=f"use --engines {engines}, or raise the limit (ulimit -Hn)"
            if room
            else "raise the limit (ulimit -Hn)",
        )
