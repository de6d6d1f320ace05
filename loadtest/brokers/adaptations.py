"""What a run has to do otherwise with a broker than it was asked to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.brokers.kind import Demand, Features


def for_features(title: str, features: Features, demand: Demand) -> Iterator[str]:
    """What the broker cannot do.

    Args:
        title: What people call it, with its version if that is known.
        features: What it can do.
        demand: Of the run.
    """
    qos = max(demand.qos, demand.highest_qos)
    if features.highest_qos < qos:
        yield f"{title} has no QoS {qos}: QoS {features.highest_qos} instead"
    if demand.mqtt5 and not features.mqtt5:
        yield f"{title} has no MQTT 5: MQTT 3.1.1 instead"
    if demand.subscribers > 1 and not features.shared_subscriptions:
        yield f"{title} has no shared subscriptions: 1 subscriber instead of {demand.subscribers}"


def for_login(title: str, user: str) -> str:
    """Nobody gets in without a password."""
    return f"{title} lets nobody in without a password: clients log in as {user}"
