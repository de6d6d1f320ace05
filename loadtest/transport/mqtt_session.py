"""What an MQTT client must remember beyond one connection: unacknowledged messages and packet ids. No I/O.

Packets are those of MQTT 3.1.1; a PUBLISH of MQTT 5 is one whose payload begins with its properties.
Sources: OASIS MQTT 3.1.1, sections 2.3.1 (packet ids), 4.3 (QoS), 4.4 (redelivery), 4.6 (order); of 5.0 section 4.9.
"""

from __future__ import annotations

from collections import deque

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt_codec as codec

MAX_PACKET_ID = 0xFFFF
MAX_IN_FLIGHT = MAX_PACKET_ID - 1024
"""Packet ids are shared with SUBSCRIBE and UNSUBSCRIBE, which must always find a free one."""


class Session:
    """The client's session state, sending and receiving.

    Attributes:
        window: How many messages of QoS 1 and 2 may await acknowledgement; what exceeds it is queued here.
    """

    __slots__ = ("_again", "_in_flight", "_last_id", "_queue", "_received", "_reserved", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self._in_flight: dict[int, bytes] = {}  # packet id -> PUBLISH, or PUBREL once the peer has the message
        self._again: deque[bytes] = deque()  # of those, what is to be sent again as soon as the window allows
        self._queue: deque[tuple[bytes, bytes, int]] = deque()
        self._received: set[int] = set()  # packet ids of QoS 2 messages delivered but not yet released
        self._reserved: set[int] = set()
        self._last_id = 0

    @property
    def unacknowledged(self) -> int:
        """Messages of QoS 1 and 2 taken over but not yet acknowledged, in flight or queued."""
        return len(self._in_flight) + len(self._queue)

    def reserve_id(self) -> int:
        """A packet id for a SUBSCRIBE or UNSUBSCRIBE, in use until :meth:`free_id`."""
        packet_id = self._next_id()
        self._reserved.add(packet_id)
        return packet_id

    def free_id(self, packet_id: int) -> None:
        """The SUBACK or UNSUBACK has come."""
        self._reserved.discard(packet_id)

    def free_all_ids(self) -> None:
        """The connection is gone: no SUBACK or UNSUBACK will come."""
        self._reserved.clear()

    def enqueue(self, topic: bytes, payload: bytes, qos: int) -> None:
        """Take over a message of QoS 1 or 2 that cannot leave now."""
        self._queue.append((topic, payload, qos))

    def send(self, topic: bytes, payload: bytes, qos: int) -> bytes | None:
        """Take over a message of QoS 1 or 2: the packet to write now, or ``None`` when it has to wait its turn."""
        if self._queue or len(self._in_flight) >= self.window:
            self._queue.append((topic, payload, qos))
            return None
        packet_id = self._next_id()
        packet = self._in_flight[packet_id] = codec.publish(topic, payload, qos, packet_id)
        return packet

    def acknowledge(self, packet_id: int) -> list[bytes]:
        """PUBACK, PUBCOMP, or a PUBREC that refuses: the message is done. Returns the packets that may follow.

        An id that is not in flight is ignored: a repeated acknowledgement does no harm.
        """
        self._in_flight.pop(packet_id, None)
        if self._again:
            return [self._again.popleft()]
        return self._fill_window() if self._queue else []

    def hand_over(self, packet_id: int) -> bytes:
        """PUBREC: the peer owns the message now, ours shrinks to its PUBREL. Returns the PUBREL.

        Unknown ids are answered too, else the peer would hold on to its half of the handshake for ever.
        """
        release = codec.pubrel(packet_id)
        if self._in_flight.pop(packet_id, None) is not None:
            # Moved to the end: PUBRELs are repeated in the order of the PUBRECs [MQTT-4.6.0-4].
            self._in_flight[packet_id] = release
        return release

    def deliver_once(self, packet_id: int) -> bool:
        """QoS 2 received: whether this is the first time (section 4.3.3, method B)."""
        if packet_id in self._received:
            return False
        self._received.add(packet_id)
        return True

    def release(self, packet_id: int) -> None:
        """PUBREL: the peer will not repeat the message; its id may carry a new one."""
        self._received.discard(packet_id)

    def resume(self, *, session_present: bool) -> list[bytes]:
        """What to send on a new connection, in order: everything unacknowledged, then what was queued.

        What exceeds the window, which may be smaller than it was, waits for acknowledgements.

        When the broker has forgotten the session its packet ids mean nothing any more, so ids seen are forgotten.
        A PUBREL is repeated all the same, not its message: the broker had taken the message over with its PUBREC,
        and sending it again could only turn exactly once into twice.
        """
        if not session_present:
            self._received.clear()
        again = [
            codec.duplicate(packet) if packet[0] & 0xF0 == codec.PUBLISH else packet
            for packet in self._in_flight.values()
        ]
        self._again = deque(again[self.window :])
        return again[: self.window] + self._fill_window()

    def _fill_window(self) -> list[bytes]:
        packets: list[bytes] = []
        while self._queue and len(self._in_flight) < self.window:
            topic, payload, qos = self._queue.popleft()
            packet_id = self._next_id()
            packet = self._in_flight[packet_id] = codec.publish(topic, payload, qos, packet_id)
            packets.append(packet)
        return packets

    def _next_id(self) -> int:
        if len(self._in_flight) + len(self._reserved) >= MAX_PACKET_ID:
            raise LocalProtocolError("all 65,535 MQTT packet ids are in use")
        packet_id = self._last_id
        while True:
            packet_id = packet_id + 1 if packet_id < MAX_PACKET_ID else 1
            if packet_id not in self._in_flight and packet_id not in self._reserved:
                self._last_id = packet_id
                return packet_id
