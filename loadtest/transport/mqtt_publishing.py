"""The sending half of a client with many messages: what is published, acknowledged, held back. No socket of its own.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.3 to 3.7 and 4.3; of 5.0 also 3.2.2.3 (what a broker takes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.transport import mqtt5_codec
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_properties import NO_PROPERTIES
from loadtest.transport.mqtt_reasons import FIRST_FAILURE
from loadtest.transport.mqtt_session import MAX_IN_FLIGHT, Session
from loadtest.transport.mqtt_terms import MQTT_5, asked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from loadtest.transport.mqtt_connection import Connection
    from loadtest.transport.mqtt_terms import MqttOptions, Terms

_MOST_OVERHEAD_BYTES = 9
"""Of a PUBLISH beside topic and payload: type, length, two lengths of two bytes or less."""


def ignore(*_: object) -> None:
    """The callback of whoever does not want to know."""


class Callbacks(NamedTuple):
    """Whom a client tells what happens.

    Attributes:
        on_lost: Called with the reason when an established connection is gone.
        on_restored: Called when a connection stands again and all subscriptions are answered.
        on_drained: Called when ``congested`` ends.
    """

    on_lost: Callable[[str], None] = ignore
    on_restored: Callable[[], None] = ignore
    on_drained: Callable[[], None] = ignore


class Publishing:
    """Subclass it; whoever has the connection gives it, and takes it away.

    Args:
        options: What is asked of the broker.
        callbacks: Told what happens.
        max_in_flight: Messages of QoS 1 and 2 awaiting acknowledgement at once; a broker may allow fewer.
        high_water: Unacknowledged messages above which the client is congested.

    Attributes:
        congested: More is unacknowledged than ``high_water``, or the broker does not read: publish no more until
            ``on_drained``. Nothing breaks if one does, it only costs memory.
        dropped: QoS 0 messages given up because there was no connection.
        refused: Messages that the broker acknowledged with a reason code of failure (MQTT 5).
        too_large: Messages not sent because the broker takes none of that size (MQTT 5).
        terms: What was asked for, and once there has been a connection what the broker grants of it.
    """

    def __init__(self, options: MqttOptions, callbacks: Callbacks, *, max_in_flight: int, high_water: int) -> None:
        self.congested = False
        self.dropped = 0
        self.refused = 0
        self.too_large = 0
        self.terms: Terms = asked(options)
        self._speaks_mqtt_5 = options.version == MQTT_5
        self._max_in_flight = min(max_in_flight, MAX_IN_FLIGHT)
        self._high_water = high_water
        self._callbacks = callbacks
        self._session = Session(self._max_in_flight)
        self._connection: Connection | None = None
        self._blocked = False
        self._idle: asyncio.Event | None = None

    @property
    def unacknowledged(self) -> int:
        """Messages of QoS 1 and 2 published but not yet acknowledged, in flight or queued."""
        return self._session.unacknowledged

    @property
    def backlog_bytes(self) -> int:
        """What is written but not yet taken by the broker."""
        return 0 if self._connection is None else self._connection.backlog_bytes

    def publish(self, topic: bytes, payload: bytes, qos: int, properties: bytes = NO_PROPERTIES) -> None:
        """Send a message; it leaves with all others of this loop turn.

        Without a connection QoS 1 and 2 wait for the next one, QoS 0 is counted in :attr:`dropped`.

        Args:
            topic: A topic name.
            payload: Any bytes.
            qos: At most what the broker takes.
            properties: Rendered by :func:`loadtest.transport.mqtt5_properties.encode`; MQTT 3.1.1 has none.

        Raises:
            LocalProtocolError: Topic or payload do not fit into an MQTT packet.
        """
        if self._speaks_mqtt_5:
            payload = mqtt5_codec.after_packet_id(payload, properties)
            if self._exceeds(topic, payload, qos):
                self.too_large += 1
                return
        connection = self._connection
        if qos == 0:
            if connection is None:
                self.dropped += 1
            else:
                connection.write(codec.publish(topic, payload))
            return
        if connection is None:
            self._session.enqueue(topic, payload, qos)
        else:
            packet = self._session.send(topic, payload, qos)
            if packet is not None:
                connection.write(packet)
        if self._session.unacknowledged > self._high_water:
            self.congested = True

    def _exceeds(self, topic: bytes, payload: bytes, qos: int) -> bool:
        largest = self.terms.max_packet_bytes
        if len(topic) + len(payload) + _MOST_OVERHEAD_BYTES <= largest:
            return False
        return len(codec.publish(topic, payload, qos)) > largest

    def _acknowledged(self, kind: int, packet_id: int, code: int) -> None:
        """PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK."""
        connection = self._connection
        if connection is None:
            return
        if kind in (codec.PUBACK, codec.PUBCOMP) or (kind == codec.PUBREC and code >= FIRST_FAILURE):
            if code >= FIRST_FAILURE and kind != codec.PUBCOMP:  # there it is a word about the id, not the message
                self.refused += 1
            for packet in self._session.acknowledge(packet_id):
                connection.write(packet)
            if self.congested or self._idle is not None:
                self._check_drained()
        elif kind == codec.PUBREC:
            connection.write(self._session.hand_over(packet_id))
        elif kind == codec.PUBREL:
            self._session.release(packet_id)
            connection.write(codec.pubcomp(packet_id))
        else:  # UNSUBACK
            self._session.free_id(packet_id)

    def _resume(self, connection: Connection, *, session_present: bool) -> None:
        """A connection stands: send what is unacknowledged, as much at once as this broker takes."""
        self.terms = connection.terms
        self._session.window = min(self._max_in_flight, self.terms.receive_maximum)
        for packet in self._session.resume(session_present=session_present):
            connection.write(packet)

    def _check_drained(self) -> None:
        unacknowledged = self._session.unacknowledged
        if self._idle is not None and not unacknowledged:
            self._idle.set()
        if self.congested and not self._blocked and unacknowledged <= self._high_water // 2:
            self.congested = False
            self._callbacks.on_drained()

    def _set_writable(self, writable: bool) -> None:  # noqa: FBT001 - the loop's
        self._blocked = not writable
        if writable:
            self._check_drained()
        else:
            self.congested = True
