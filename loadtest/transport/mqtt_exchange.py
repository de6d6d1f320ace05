"""Messages over one client's MQTT connection, each with its QoS, from a state that is next to nothing at rest.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.3 to 3.7 and 4.3 to 4.6.
"""

from __future__ import annotations

from abc import abstractmethod

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt5_codec
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_decoder import properties_at
from loadtest.transport.mqtt5_properties import NO_PROPERTIES
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_flights import AWAITED, KIND, Flights
from loadtest.transport.mqtt_packet_stream import OPEN, PacketStream
from loadtest.transport.mqtt_reasons import FIRST_FAILURE, Reason
from loadtest.transport.mqtt_terms import MQTT_5

MAX_UNACKNOWLEDGED = 200
"""Messages of QoS 1 and 2 a broker may leave unacknowledged before it is given up: it bounds what a client keeps."""

_PACKET_IDS = 250
"""Packet ids go round below this: small enough to cost no memory, and more than may be in use."""


class MessageTooLarge(LocalProtocolError):  # noqa: N818 - reads as the state it reports
    """The broker has said that it takes no packet as large as this one."""


class MqttExchange(PacketStream):
    """The messages of a connection; how it is made and ended is its subclass's business."""

    __slots__ = ("_in_flight", "_last_id")

    def __init__(self) -> None:
        super().__init__()
        self._last_id = 0
        # The one PUBLISH or PUBREL in flight, under the last packet id; more than one is a matter of Flights.
        self._in_flight: bytes | Flights | None = None

    # -- hooks -------------------------------------------------------------------------------------------------------

    def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
        """A message; one of QoS 2 once only.

        Args:
            topic: Where it was published.
            payload: As it was published.
            header: First byte of its packet: bit 0 is RETAIN, bits 1 and 2 are the QoS, bit 3 is DUP.
            properties: Of MQTT 5, not yet decoded (:func:`loadtest.transport.mqtt5_properties.decode`); a
                ``RemoteProtocolError`` raised in decoding them may leave this hook, and ends the connection.
        """

    def on_acknowledged(self, packet_id: int, code: int) -> None:
        """A message that :meth:`publish` has returned the id of is done with.

        Args:
            packet_id: May be that of another message from now on.
            code: Reason code; from 0x80 on the broker has not taken the message over.
        """

    def on_stray(self, kind: int, packet_id: int) -> None:
        """The broker acknowledged what was not in flight, or not in that way; nothing comes of it."""

    # -- sending -----------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Messages can be sent."""
        return self._state == OPEN

    @property
    def unacknowledged(self) -> int:
        """Messages of QoS 1 and 2 that the broker has not yet acknowledged, over all connections of the session."""
        flight = self._in_flight
        return len(flight.packets) if isinstance(flight, Flights) else flight is not None

    @property
    def _speaks_mqtt_5(self) -> bool:
        return self._terms is not None and self._terms.version == MQTT_5

    def publish(
        self, topic: bytes, payload: bytes, qos: int = 0, *, retain: bool = False, properties: bytes = NO_PROPERTIES
    ) -> int:
        """Send a message, or have it wait when the broker takes no more at once.

        Args:
            topic: A topic name.
            payload: Any bytes.
            qos: At most what the options announce.
            retain: Whether the broker keeps it for later subscribers.
            properties: Rendered by :func:`loadtest.transport.mqtt5_properties.encode`; MQTT 3.1.1 has none.

        Returns:
            Its packet id; 0 with QoS 0. :meth:`on_acknowledged` tells what became of it.

        Raises:
            LocalProtocolError: The connection is not open.
            MessageTooLarge: The broker does not take packets of that size; the message is not sent.
        """
        terms = self._terms
        if self._state != OPEN or terms is None:
            raise LocalProtocolError("MQTT message on a connection that is not open")
        flight, packet_id = self._in_flight, 0
        if qos:
            packet_id = self._last_id % _PACKET_IDS + 1 if flight is None else self._further_id(flight)
        if terms.version == MQTT_5:
            packet = mqtt5_codec.publish(topic, payload, qos, packet_id, retain=retain, properties=properties)
        else:
            packet = codec.publish(topic, payload, qos, packet_id, retain=retain)
        if len(packet) > terms.max_packet_bytes:
            raise MessageTooLarge(f"MQTT packet of {len(packet)} bytes; the broker takes {terms.max_packet_bytes}")
        if qos:
            if flight is None:
                self._in_flight = packet
            elif not self._flights().take_off(packet_id, packet, terms.receive_maximum):
                self._last_id = packet_id
                return packet_id
            self._last_id = packet_id
        self.transport.write(packet)  # type: ignore[union-attr]  # an open one has a transport
        return packet_id

    def _further_id(self, flight: bytes | Flights) -> int:
        if isinstance(flight, bytes):
            return self._last_id % _PACKET_IDS + 1
        if len(flight.packets) >= MAX_UNACKNOWLEDGED:
            self._fail(MqttError(Fault.NEVER_ACKNOWLEDGES, f"{MAX_UNACKNOWLEDGED} messages"))
            raise LocalProtocolError("MQTT message on a connection that is not open")
        return flight.free_id(self._last_id, _PACKET_IDS)

    def _flights(self) -> Flights:
        """The general form of what is in flight, from now on."""
        flight = self._in_flight
        if isinstance(flight, Flights):
            return flight
        flights = self._in_flight = Flights()
        if flight is not None:
            flights.packets[self._last_id] = flight
        return flights

    def _resume(self) -> None:
        """The broker has kept the session: send again what it has not acknowledged."""
        if self._in_flight is None:
            return
        assert self._terms is not None
        assert self.transport is not None
        for packet in self._flights().resume(self._terms.receive_maximum):
            self.transport.write(packet)

    # -- receiving ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _opens(self) -> None:
        """A message has arrived before the SUBACK: the subscription stands."""

    def _published(self, first: int, data: bytes, start: int, stop: int) -> None:
        """A PUBLISH (section 3.3)."""
        topic_start = start + 2
        if topic_start > stop:
            raise MqttError(Fault.MALFORMED, "PUBLISH without a topic")
        at = topic_stop = topic_start + (data[start] << 8 | data[start + 1])
        qos = first >> 1 & 0x03
        packet_id = 0
        if qos:
            at += 2
            if at > stop or qos == 3:
                raise MqttError(Fault.MALFORMED, f"PUBLISH of QoS {qos} without a packet id")
            packet_id = data[topic_stop] << 8 | data[topic_stop + 1]
            if not packet_id:
                raise MqttError(Fault.MALFORMED, f"PUBLISH of QoS {qos} with packet id 0")
        if at > stop or topic_stop == topic_start:  # topic aliases are not asked for, so none may stand in for it
            raise MqttError(Fault.MALFORMED, "PUBLISH without a complete topic")
        properties = NO_PROPERTIES
        if self._terms.version == MQTT_5:  # type: ignore[union-attr]  # a connection has terms
            if at < stop and not data[at]:
                at += 1
            else:
                properties, at = properties_at(data, at, stop)
        if self._state != OPEN:
            self._opens()
            if self._state != OPEN:
                return
        if qos == 1:
            self.transport.write(codec.puback(packet_id))  # type: ignore[union-attr]
        elif qos == 2 and not self._first_time(packet_id):
            return
        self.on_publish(data[topic_start:topic_stop], data[at:stop], first, properties)

    def _first_time(self, packet_id: int) -> bool:
        """QoS 2 received (section 4.3.3, method B): whether the message is to be passed on."""
        self.transport.write(codec.pubrec(packet_id))  # type: ignore[union-attr]
        received = self._flights().received
        if packet_id in received:
            return False
        received.add(packet_id)
        if len(received) > self._terms.taken_messages:  # type: ignore[union-attr]
            raise MqttError(Fault.TOO_MANY, f"{len(received)} messages of QoS 2 not released")
        return True

    def _released(self, packet_id: int) -> None:
        """PUBREL: the broker will not repeat the message; its id may carry a new one.

        An id never seen is answered too, else the broker would hold on to its half of the handshake for ever.
        """
        flight, known = self._in_flight, False
        if isinstance(flight, Flights):
            known = packet_id in flight.received
            flight.received.discard(packet_id)
            if flight.empty:
                self._in_flight = None
        self._answer(codec.pubcomp(packet_id), known=known)

    def _answer(self, packet: bytes, *, known: bool) -> None:
        """Send PUBREL or PUBCOMP; MQTT 5 says so when it answers what is not known here."""
        if not known and self._speaks_mqtt_5:
            packet = mqtt5_codec.acknowledgement(packet, Reason.PACKET_IDENTIFIER_NOT_FOUND)
        self.transport.write(packet)  # type: ignore[union-attr]

    def _acknowledged(self, kind: int, packet_id: int, code: int) -> None:
        """PUBACK, PUBREC or PUBCOMP."""
        flight = self._in_flight
        if isinstance(flight, Flights):
            packet = flight.sent(packet_id)
        else:
            packet = flight if packet_id == self._last_id else None
        if packet is None or packet[0] & KIND != AWAITED[kind]:
            if kind == codec.PUBREC:  # else the broker would hold on to its half of the handshake for ever
                self._answer(codec.pubrel(packet_id), known=False)
            self.on_stray(kind, packet_id)
        elif kind == codec.PUBREC and code < FIRST_FAILURE:
            if isinstance(flight, Flights):
                release = flight.hand_over(packet_id)
            else:
                release = self._in_flight = codec.pubrel(packet_id)
            self.transport.write(release)  # type: ignore[union-attr]
        else:
            if isinstance(flight, Flights):
                self._landed(flight, packet_id)
            else:
                self._in_flight = None
            self.on_acknowledged(packet_id, code)

    def _landed(self, flights: Flights, packet_id: int) -> None:
        following = flights.land(packet_id)
        if following is not None:
            self.transport.write(following)  # type: ignore[union-attr]
        elif flights.empty:
            self._in_flight = None
