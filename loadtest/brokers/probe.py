"""What a broker can do that is known by its URL alone, found by trying it.

Done before a run, with clients and topics of its own below ``loadtest/probe/``.
"""

from __future__ import annotations

import asyncio

from loadtest.brokers import shared_subscription
from loadtest.brokers.kind import Features
from loadtest.brokers.readiness import PROBE_TIMEOUT_S, ignore_message, probe_client_id
from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_client
from loadtest.transport.mqtt_codec import REFUSED
from loadtest.transport.mqtt_establish import BrokerRefuses
from loadtest.transport.mqtt_reasons import Reason

QOS_OF_MQTT = 2
"""What a server has to take where it does not say otherwise (MQTT 3.1.1 section 4.3)."""


async def features(url: str) -> Features:
    """What the broker can do; whether it keeps anything over a restart cannot be tried.

    Raises:
        EnvironmentNotReady: It cannot be reached.
    """
    return Features(
        mqtt5=await speaks_mqtt5(url),
        shared_subscriptions=await shared_subscription.supported(url),
        persistent=None,
        highest_qos=await _highest_qos(url),
    )


async def speaks_mqtt5(url: str) -> bool:
    """Whether it answers a CONNECT in MQTT 5; one that does not may refuse, hang up, or say nothing.

    Whoever sends clients on to another server, or lets this one in only later, speaks it as well: a reason code from
    0x80 on is MQTT 5's (section 3.2.2.2).
    """
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            client = await mqtt_client.connect(url, client_id=probe_client_id(), on_message=ignore_message, mqtt5=True)
    except BrokerRefuses as refusal:
        return refusal.code >= Reason.UNSPECIFIED_ERROR and refusal.code != Reason.UNSUPPORTED_PROTOCOL_VERSION
    except (TimeoutError, EnvironmentNotReady):
        return False
    await client.close()
    return True


async def _highest_qos(url: str) -> int:
    """What it grants when QoS 2 is asked for; what MQTT asks of it when these topics are not for us."""
    name = probe_client_id()
    client = await mqtt_client.connect(url, client_id=name, on_message=ignore_message)
    try:
        (granted,) = await client.subscribed([(f"loadtest/probe/{name}/qos".encode(), QOS_OF_MQTT)])
    except EnvironmentNotReady:
        return QOS_OF_MQTT
    finally:
        await client.close()
    return QOS_OF_MQTT if granted == REFUSED else granted
