"""How many charge points of a fleet are in which state, as reported each second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine import sending
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
    states = dict.fromkeys(connection_states.CONNECTION_STATES, 0)
    resting = backlog = 0
    for charge_point in charge_points:
        # Most of a large fleet rests, and all engines of a machine count at the same instant.
        if charge_point.state == sending.REGISTERED and charge_point.connectors is None and charge_point.outbox is None:
            resting += 1
            continue
        states[_state(charge_point)] += 1
        if charge_point.outbox is not None:
            backlog += len(charge_point.outbox.entries)
    states[connection_states.IDLE] += resting
    registered = states[connection_states.IDLE] + states[connection_states.CHARGING]
    connected = registered + states[connection_states.REGISTERING]
    for charge_point in links.half_open:
        states[_state(charge_point)] -= 1
        states[connection_states.HALF_OPEN] += 1
    return {
        "charge_points": len(charge_points),
        "connected": connected,
        "registered": registered,
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
