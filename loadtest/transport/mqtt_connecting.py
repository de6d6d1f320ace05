"""How a client with many messages connects, stays connected, goes away and comes back."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady
from loadtest.transport.mqtt5_properties import decode
from loadtest.transport.mqtt_connection import Connection
from loadtest.transport.mqtt_establish import establish
from loadtest.transport.mqtt_reconnecting import Reconnecting
from loadtest.transport.mqtt_session import Session
from loadtest.transport.mqtt_subscribing import Subscribing
from loadtest.transport.mqtt_terms import ConnectRequest

if TYPE_CHECKING:
    from loadtest.transport.mqtt_decoder import Connack, Packet
    from loadtest.transport.mqtt_publishing import Callbacks
    from loadtest.transport.mqtt_terms import MqttOptions
    from loadtest.transport.mqtt_url import BrokerAddress

CLOSE_TIMEOUT_S = 2.0


class Connecting(Subscribing):
    """Subclass it; what arrives is its business.

    Args:
        address: The broker.
        options: What is asked of it.
        callbacks: Told what happens.
        client_id: Unique at the broker; empty: it may assign one.
        max_in_flight: Messages of QoS 1 and 2 awaiting acknowledgement at once.
        high_water: Unacknowledged messages above which the client is congested.

    Attributes:
        reconnects: Connections lost and restored.
        client_id: Its own, or what the broker has assigned to one that came without.
    """

    def __init__(
        self,
        address: BrokerAddress,
        options: MqttOptions,
        callbacks: Callbacks,
        *,
        client_id: str,
        max_in_flight: int,
        high_water: int,
    ) -> None:
        super().__init__(address, options, callbacks, max_in_flight=max_in_flight, high_water=high_water)
        self.reconnects = 0
        self.client_id = client_id
        self._options = options
        self._candidate: Connection | None = None
        self._reconnecting = Reconnecting(self.establish)
        self._closing = False
        self._connect_packet = self._connect_request()

    @abstractmethod
    def _on_packet(self, packet: Packet) -> None:
        """Take a packet of the broker."""

    @property
    def connected(self) -> bool:
        """Whether a session with the broker stands now."""
        return self._connection is not None

    def leave(self, *, killed: bool) -> None:
        """Be away from the broker until :meth:`come_back`.

        Args:
            killed: The way a process does that is killed: without a word, and with what it had still to send lost.
                Else what was written leaves before DISCONNECT, and what is unacknowledged is sent again afterwards.
        """
        self._closing = True
        self._reconnecting.cancel()
        connection, self._connection = self._connection, None
        self._session.free_all_ids()
        self._blocked = False
        if killed:
            self._session = Session(self._max_in_flight)
        if connection is not None and killed:
            connection.abort("killed")
        elif connection is not None:
            connection.disconnect()

    def come_back(self) -> None:
        """Connect again, and subscribe to what was subscribed to; ``on_restored`` tells when that is done."""
        self._closing = False
        self._reconnecting.begin()

    async def close(self) -> None:
        """Send what is queued, wait shortly for its acknowledgement, disconnect. The client is spent afterwards."""
        self._closing = True
        await self._reconnecting.stop()
        if self._connection is None:
            return
        if self.unacknowledged:
            self._idle = asyncio.Event()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._idle.wait()
            except TimeoutError:
                pass
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    async def establish(self) -> None:
        """Connect once; used by :func:`connect` and after a loss."""
        candidate = Connection(self._on_packet, self._connection_lost, self._set_writable, self._options)
        # CONNACK is handled inside the loop's callback, so that packets that follow it in one read find a session.
        self._candidate = candidate
        try:
            await establish(self._address, candidate, self._connect_packet)
        except BaseException:
            candidate.abort("given up")
            raise

    def _connect_request(self) -> bytes:
        address = self._address
        return ConnectRequest(self._options, self.client_id, address.username, address.password).packet()

    def _begin(self, packet: Connack) -> None:
        """CONNACK has accepted us: subscribe again and send what is unacknowledged."""
        connection = self._connection = self._candidate
        assert connection is not None
        if not self.client_id:
            self.client_id = decode(packet.properties).assigned_client_id or ""
            self._connect_packet = self._connect_request()
        self._subscribe_again(connection)
        self._resume(connection, session_present=packet.session_present)
        if self._reconnecting.begun:
            self.reconnects += 1
            if not self._subscriptions.restoring:
                self._callbacks.on_restored()
            self._check_drained()

    def _connection_lost(self, reason: str) -> None:
        if self._connection is None:
            return  # closed by ourselves
        self._connection = None
        self._blocked = False
        self._session.free_all_ids()
        self._subscriptions.connection_lost(EnvironmentNotReady(f"MQTT broker {self._address}: {reason}"))
        if self._idle is not None:
            self._idle.set()  # no acknowledgement will come any more
        if self._closing:
            return
        self._callbacks.on_lost(reason)
        self._reconnecting.begin()
