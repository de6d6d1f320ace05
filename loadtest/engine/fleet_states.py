"""How many charge points of a fleet are in which state, as reported each second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine import sending
from loadtest.engine.sending import OPEN, REGISTERED, REJECTED, RETIRED
from loadtest.measure import connection_states

if TYPE_CHECKING:
    from collections.abc import Collection

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.links import Links


def count(charge_points: Collection[ChargePoint], links: Links) -> dict[str, int]:
    """The gauges of these charge points.

    Args:
        charge_points: All of a process.
        links: Those that they have.
    """
    raw, backlog = [0] * (RETIRED + 1), 0
    states = dict.fromkeys(connection_states.CONNECTION_STATES, 0)
    # Most of a large fleet rests, and all engines of a machine count at the same instant: what rests is only passed by.
    restless = [each for each in charge_points if not each.rests]
    raw[REGISTERED] = states[connection_states.IDLE] = len(charge_points) - len(restless)
    for charge_point in restless:
        raw[charge_point.state] += 1
        states[_state(charge_point)] += 1
        if charge_point.outbox is not None:
            backlog += len(charge_point.outbox.entries)
    for charge_point in links.half_open:
        states[_state(charge_point)] -= 1
        states[connection_states.HALF_OPEN] += 1
    return {
        "charge_points": len(charge_points),
        "connected": raw[OPEN] + raw[REJECTED] + raw[REGISTERED],
        "registered": raw[REGISTERED],
        "backlog": backlog,
        "links_down": links.down,
        **states,
    }


def _state(charge_point: ChargePoint) -> str:
    """What its connection is like, as far as it knows."""
    match charge_point.state:
        case sending.REGISTERED:
            return connection_states.CHARGING if charge_point.is_charging else connection_states.IDLE
        case sending.OPEN | sending.REJECTED:
            return connection_states.REGISTERING
        case sending.CONNECTING:
            return connection_states.CONNECTING
        case sending.OFFLINE if charge_point.failures:
            return connection_states.BACKING_OFF
    return connection_states.OFFLINE
