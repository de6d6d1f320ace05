"""A central system that takes no more than so many messages a second.

What it does not take waits before it: what one read of the socket has brought, in the process; the rest in the socket,
and then in the broker. A message is stamped when it is taken, so that all of that is a part of its uplink latency.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.csms.central_system import CentralSystem
    from loadtest.transport.mqtt_client import MqttClient


class SlowTaking:
    """Stands between a client and a central system from now on, until :meth:`stop`.

    Args:
        client: Brings the messages.
        central_system: Takes them.
        rate_per_s: How many a second.
    """

    def __init__(self, client: MqttClient, central_system: CentralSystem, rate_per_s: float) -> None:
        self._client = client
        self._central_system = central_system
        self._ns_each = round(NS_PER_S / rate_per_s)
        self._free_ns = monotonic_ns()
        self._inbox: deque[tuple[bytes, bytes, bytes]] = deque()
        self._waiting: asyncio.TimerHandle | None = None
        client.on_message = self._read
        central_system.received_ns = monotonic_ns

    def stop(self) -> None:
        """Take everything, and from now on whatever comes."""
        if self._waiting is not None:
            self._waiting.cancel()
        while self._inbox:
            self._pass_on()
        self._client.on_message = self._central_system.on_message
        self._central_system.received_ns = self._client.received_ns
        self._client.resume_reading()

    def _read(self, topic: bytes, payload: bytes) -> None:
        self._inbox.append((topic, payload, self._client.properties))
        if self._waiting is None:
            self._free_ns = max(self._free_ns, monotonic_ns())
            self._client.pause_reading()
            self._wait()

    def _pass_on(self) -> None:
        topic, payload, self._client.properties = self._inbox.popleft()
        self._central_system.on_message(topic, payload)

    def _wait(self) -> None:
        wait_s = max(0, self._free_ns - monotonic_ns()) / NS_PER_S
        self._waiting = asyncio.get_running_loop().call_later(wait_s, self._take)

    def _take(self) -> None:
        now_ns = monotonic_ns()
        while self._inbox and self._free_ns <= now_ns:
            self._pass_on()
            self._free_ns += self._ns_each
        if self._inbox:
            self._wait()
        else:
            self._waiting = None
            self._client.resume_reading()
