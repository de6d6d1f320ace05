"""What a broker counts itself and publishes below ``$SYS/broker``, as Mosquitto does, and others after it.

No standard says so (MQTT 3.1.1 section 4.7.2 only sets ``$`` topics apart): a broker without these topics, or that
shows them to nobody, has no figures.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from loadtest.brokers.readiness import probe_client_id
from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.transport.mqtt_client import MqttClient

_TIMEOUT_S = 10.0
_RETAINED_WITHIN_S = 0.3
"""How long after the SUBACK the retained values of a broker may take to arrive."""

_COUNTERS = {
    b"$SYS/broker/messages/received": "packets_received",
    b"$SYS/broker/messages/sent": "packets_sent",
    b"$SYS/broker/publish/messages/dropped": "messages_dropped",
    b"$SYS/broker/bytes/received": "bytes_received",
    b"$SYS/broker/bytes/sent": "bytes_sent",
}
"""Not ``publish/messages/received``: Mosquitto 2.0 leaves messages of QoS 2 out of it."""
_GAUGES = {b"$SYS/broker/clients/maximum": "clients_most"}
_TOPICS = _COUNTERS | _GAUGES


class SysTopics:
    """Listens to a broker's figures from :meth:`open` on; what it cannot have is absent, never an error.

    Args:
        url: Of the broker.
        before: Its figures when the run began; empty for one that began with it.

    Attributes:
        latest: The newest figures, as the broker publishes them.
    """

    def __init__(self, url: str, before: Mapping[str, int]) -> None:
        self._url = url
        self._before = before
        self.latest: dict[str, int] = {}
        self._client: MqttClient | None = None

    async def open(self) -> None:
        """Connect, subscribe and let retained values arrive; new ones follow as often as the broker publishes them."""
        with contextlib.suppress(EnvironmentNotReady, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                self._client = await mqtt_client.connect(
                    self._url, client_id=probe_client_id(), on_message=self._on_message
                )
                await self._client.subscribed([(topic, 0) for topic in _TOPICS])
                await asyncio.sleep(_RETAINED_WITHIN_S)

    async def close(self) -> dict[str, int]:
        """Leave; the figures as last published, of what is counted the growth since the run began."""
        if self._client is not None:
            await self._client.close()
        figures = dict(self.latest)
        for name in _COUNTERS.values() & figures.keys():
            figures[name] -= self._before.get(name, 0)
        begun_anew = min(figures.values(), default=0) < 0  # and what it had counted until then is gone
        return {} if begun_anew else figures

    def _on_message(self, topic: bytes, payload: bytes) -> None:
        if topic in _TOPICS and payload.isdigit():
            self.latest[_TOPICS[topic]] = int(payload)


async def figures_now(url: str) -> dict[str, int]:
    """A broker's figures at this moment; empty when it has none to show."""
    reader = SysTopics(url, {})
    await reader.open()
    return await reader.close()
