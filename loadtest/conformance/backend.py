"""The MQTT end: a backend that hears one charge point and speaks to it. Stands on aiomqtt, as other people's do."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.conformance import json_value
from loadtest.conformance.findings import Nonconformity
from loadtest.transport import mqtt_aiomqtt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from loadtest.transport.mqtt_aiomqtt import AiomqttClient, Delivery

MAX_WAITING = 10_000
"""Publications kept for a rule to look at; a gateway that floods us costs no more memory than these."""

CLOSE_TIMEOUT_S = 3.0
REFUSED = 0x80


class Publication(NamedTuple):
    """What a gateway published.

    Attributes:
        topic: Where.
        payload: The envelope as it came.
        delivery: QoS, retain flag and properties it came with.
    """

    topic: str
    payload: bytes
    delivery: Delivery

    @property
    def envelope(self) -> Any:
        """The payload's JSON value.

        Raises:
            Nonconformity: It is not JSON.
        """
        return json_value.decode(self.payload, f"what was published on {self.topic}")


class Backend:
    """A connection to the broker, subscribed or not. Made by :func:`backend`.

    Attributes:
        granted_qos: The quality of service the broker granted for the first filter.
    """

    def __init__(self) -> None:
        self.granted_qos = 0
        self._arrived: asyncio.Queue[Publication] = asyncio.Queue(MAX_WAITING)
        self._client: AiomqttClient

    async def open(self, url: str, filters: Iterable[str], qos: int, *, mqtt5: bool) -> None:
        """Connect and subscribe.

        Raises:
            EnvironmentNotReady: The broker is not there, or does not let us.
            Nonconformity: The broker refuses the filters.
        """
        self._client = await mqtt_aiomqtt.connect(
            url,
            client_id=f"loadtest-conformance-{secrets.token_hex(6)}",
            on_message=self._on_message,
            on_lost=_ignore,
            on_restored=_ignore,
            mqtt5=mqtt5,
        )
        wanted = [(topic_filter.encode(), qos) for topic_filter in filters]
        if wanted:
            granted = await self._client.subscribed(wanted)
            if max(granted) >= REFUSED:
                raise Nonconformity("the broker refused our subscription")
            self.granted_qos = granted[0]

    async def next(self, patience_s: float) -> Publication:
        """The next publication.

        Raises:
            Nonconformity: None has come.
        """
        try:
            async with asyncio.timeout(patience_s):
                return await self._arrived.get()
        except TimeoutError:
            raise Nonconformity(f"what had to be published was not, within {patience_s:g} s") from None

    def publish(self, topic: str, payload: str | bytes, qos: int = 1) -> None:
        """Send without waiting."""
        self._client.publish(topic.encode(), payload.encode() if isinstance(payload, str) else payload, qos)

    async def taken(self) -> None:
        """Wait until the broker has acknowledged everything published."""
        while self._client.unacknowledged:  # noqa: ASYNC110 - the client tells by number only
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Leave, within a bounded time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._client.close()

    def _on_message(self, topic: bytes, payload: bytes) -> None:
        publication = Publication(topic.decode(errors="replace"), payload, self._client.delivery)
        with contextlib.suppress(asyncio.QueueFull):
            self._arrived.put_nowait(publication)


@contextlib.asynccontextmanager
async def backend(
    url: str, filters: Iterable[str] = (), qos: int = 2, *, mqtt5: bool = False
) -> AsyncIterator[Backend]:
    """A backend that is subscribed when the block begins, and gone when it ends.

    Raises:
        EnvironmentNotReady: See :meth:`Backend.open`.
        Nonconformity: The broker refuses the filters.
    """
    opened = Backend()
    try:
        await opened.open(url, filters, qos, mqtt5=mqtt5)
        yield opened
    finally:
        if hasattr(opened, "_client"):
            await opened.close()


def _ignore(*_: object) -> None:
    """A lost connection shows in the rule that waits for something."""
