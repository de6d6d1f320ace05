"""Whether a broker really shares a subscription out, found by doing it.

Many brokers grant ``$share/…`` like any other filter and then deliver nothing, or everything to everyone; the
SUBACK alone proves nothing (MQTT 5 section 4.8.2; several brokers have it for MQTT 3.1.1 as well).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from loadtest.brokers.readiness import ignore_message, probe_client_id
from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_client
from loadtest.transport.mqtt_codec import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.transport.mqtt_client import MqttClient

MESSAGES = 20
_TIMEOUT_S = 10.0
_STRAGGLERS_S = 0.2
"""For what took another way than the last message: a second copy, or a part of a cluster."""
_END = b"end"


class _Member:
    """One member of the group: counts what it is given, and sees an ordinary message end the trial.

    Args:
        arrivals: How often each message has reached the group.
        complete: Set once each has.
    """

    def __init__(self, arrivals: Counter[bytes], complete: asyncio.Event) -> None:
        self._arrivals = arrivals
        self._complete = complete
        self.ended = asyncio.Event()

    def on_message(self, topic: bytes, payload: bytes) -> None:
        """Called for each message."""
        if topic.endswith(_END):
            self.ended.set()
        else:
            self._arrivals[payload] += 1
            if len(self._arrivals) == MESSAGES:
                self._complete.set()


async def supported(url: str) -> bool:
    """Whether each of :data:`MESSAGES` messages reaches exactly one of two members of a group.

    Raises:
        EnvironmentNotReady: The broker cannot be reached.
    """
    name = probe_client_id()
    group, topic = name.encode(), f"loadtest/probe/{name}/".encode()
    arrivals: Counter[bytes] = Counter()
    complete = asyncio.Event()
    members = (_Member(arrivals, complete), _Member(arrivals, complete))
    async with contextlib.AsyncExitStack() as open_clients:
        publisher = await _connect(url, open_clients, ignore_message)
        for member in members:
            client = await _connect(url, open_clients, member.on_message)
            wanted = [(b"$share/" + group + b"/" + topic + b"message", 1), (topic + _END, 1)]
            if not await _granted(client, wanted):
                return False
        for number in range(MESSAGES):
            publisher.publish(topic + b"message", str(number).encode(), 1)
        publisher.publish(topic + _END, b"", 1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                for member in members:
                    await member.ended.wait()
                await asyncio.sleep(_STRAGGLERS_S)
                if arrivals:  # it does share; on a busy machine some may still be on their way
                    await complete.wait()
    return len(arrivals) == MESSAGES and set(arrivals.values()) == {1}


async def _connect(
    url: str, open_clients: contextlib.AsyncExitStack, on_message: Callable[[bytes, bytes], None]
) -> MqttClient:
    client = await mqtt_client.connect(url, client_id=probe_client_id(), on_message=on_message)
    open_clients.push_async_callback(client.close)
    return client


async def _granted(client: MqttClient, wanted: list[tuple[bytes, int]]) -> bool:
    """Whether every filter is granted; a broker that hangs up on ``$share`` does not grant it either."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return all(code != REFUSED for code in await client.subscribed(wanted))
    except (TimeoutError, EnvironmentNotReady):
        return False
