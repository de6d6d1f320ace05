"""The kinds of brokers that can be started.

A new one is a module of its own, a line here, and its name in ``BROKERS`` of :mod:`loadtest.scenario.settings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.brokers.activemq import ActiveMq
from loadtest.brokers.aedes import Aedes
from loadtest.brokers.amqtt import Amqtt
from loadtest.brokers.ejabberd import Ejabberd
from loadtest.brokers.mosquitto import Mosquitto
from loadtest.brokers.nats import Nats
from loadtest.brokers.rabbitmq import RabbitMq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.kind import BrokerKind

KINDS: Mapping[str, BrokerKind] = {
    kind.name: kind
    for kind in (
        Mosquitto(),
        Nats(),
        RabbitMq(),
        Ejabberd(),
        ActiveMq(),
        Aedes(),
        Amqtt(),
    )
}
"""By name."""
