"""Open-file limits: every charge point is a socket in a gateway process, or in the broker."""

from __future__ import annotations

import math
import resource

from loadtest.errors import EnvironmentNotReady

RESERVE = 200
"""Descriptors a process needs beside its charge points: libraries, logs, channels, the broker."""


def raise_limit() -> int:
    """Lift this process's soft limit, which its children inherit, to the hard limit; returns that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 1 << 20
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard


def gateway_fault(charge_points: int, processes: int, limit: int) -> tuple[str, str] | None:
    """What is wrong with holding so many connections, and what to do; ``None`` when they fit.

    Args:
        charge_points: Connections in all.
        processes: Gateway processes that share them.
        limit: Open files allowed to each.
    """
    fitting = max(0, limit - RESERVE) * processes
    if charge_points <= fitting:
        return None
    names = "the gateway process" if processes == 1 else f"the {processes} gateway processes"
    fault = (
        f"{charge_points:,} charge points do not fit: with at most {limit:,} open files per process "
        f"{names} can hold {fitting:,}"
    )
    if limit <= RESERVE:
        return fault, "raise the limit (ulimit -n, as root also its hard limit)"
    needed = math.ceil(charge_points / (limit - RESERVE))
    return fault, f"take --gateway-processes {needed}, or raise the limit (ulimit -Hn)"


def refuse_connections(charge_points: int, limit: int) -> None:
    """Refuse more charge points on the direct path than the broker may have open files.

    Raises:
        EnvironmentNotReady: Says how many would fit.
    """
    fitting = max(0, limit - RESERVE)
    if charge_points > fitting:
        raise EnvironmentNotReady(
            f"{charge_points:,} charge points on the direct path do not fit: with at most {limit:,} open files the "
            f"broker can hold {fitting:,}",
            hint="raise the limit (ulimit -Hn), or take a broker given by its URL",
        )
