"""The subscribing half of a client with many messages: asking for filters, again after each reconnect.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.8 to 3.11.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt5_codec
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_publishing import Publishing
from loadtest.transport.mqtt_subscriptions import Subscriptions

if TYPE_CHECKING:
    from loadtest.transport.mqtt_connection import Connection
    from loadtest.transport.mqtt_decoder import Suback
    from loadtest.transport.mqtt_publishing import Callbacks
    from loadtest.transport.mqtt_subscriptions import Filters
    from loadtest.transport.mqtt_terms import MqttOptions
    from loadtest.transport.mqtt_url import BrokerAddress

SUBACK_TIMEOUT_S = 10.0


class Subscribing(Publishing):
    """Subclass it; its packet ids are those of messages too.

    Args:
        address: The broker, for messages.
        options: As :class:`Publishing` takes them, with the rest.
        callbacks: Told what happens.
        max_in_flight: Messages of QoS 1 and 2 awaiting acknowledgement at once.
        high_water: Unacknowledged messages above which the client is congested.
    """

    def __init__(
        self,
        address: BrokerAddress,
        options: MqttOptions,
        callbacks: Callbacks,
        *,
        max_in_flight: int,
        high_water: int,
    ) -> None:
        super().__init__(options, callbacks, max_in_flight=max_in_flight, high_water=high_water)
        self._address = address
        self._subscriptions = Subscriptions()

    @property
    def subscriptions_refused(self) -> int:
        """Filters the broker did not grant; they are not asked for again."""
        return self._subscriptions.refused

    def subscribe(self, filters: Filters) -> None:
        """Ask for filters, each with its highest QoS, without waiting; repeated after each reconnect."""
        self._subscriptions.want(filters)
        if self._connection is not None:
            self._send_subscribe(self._connection, filters)

    async def subscribed(self, filters: Filters) -> list[int]:
        """Ask for filters and wait for the broker's word on each: the QoS granted, from 0x80 on a refusal.

        Raises:
            EnvironmentNotReady: There is no connection, it is lost meanwhile, or the broker does not answer.
        """
        if self._connection is None:
            raise EnvironmentNotReady(f"MQTT broker {self._address}: there is no connection to subscribe on")
        self._subscriptions.want(filters)
        granted: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._send_subscribe(self._connection, filters, granted=granted)
        try:
            async with asyncio.timeout(SUBACK_TIMEOUT_S):
                return await granted
        except TimeoutError:
            raise EnvironmentNotReady(
                f"MQTT broker {self._address} did not answer a SUBSCRIBE within {SUBACK_TIMEOUT_S:g} s"
            ) from None

    def unsubscribe(self, filters: list[bytes]) -> None:
        """Give filters up, without waiting. Without a connection they are only not asked for again."""
        self._subscriptions.forget(filters)
        if self._connection is not None:
            write = mqtt5_codec.unsubscribe if self._speaks_mqtt_5 else codec.unsubscribe
            self._connection.write(write(self._session.reserve_id(), filters))

    def _send_subscribe(
        self,
        connection: Connection,
        filters: Filters,
        *,
        granted: asyncio.Future[list[int]] | None = None,
        restoring: bool = False,
    ) -> None:
        packet_id = self._session.reserve_id()
        self._subscriptions.asked(packet_id, filters, granted=granted, restoring=restoring)
        write = mqtt5_codec.subscribe if self._speaks_mqtt_5 else codec.subscribe
        connection.write(write(packet_id, filters))

    def _granted(self, packet: Suback) -> None:
        self._session.free_id(packet.packet_id)
        if self._subscriptions.answered(packet):
            self._callbacks.on_restored()

    def _subscribe_again(self, connection: Connection) -> None:
        for filters in self._subscriptions.wanted():
            self._send_subscribe(connection, filters, restoring=True)
