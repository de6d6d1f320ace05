"""Messages of QoS 1 and 2 under way when there is more than one of them, either way. No I/O.

A charge point mostly has one message in flight: its connection keeps that packet itself, and needs this only for more.
Sources: OASIS MQTT 3.1.1 and 5.0, sections 4.3 (QoS), 4.4 (redelivery), 4.6 (order), 4.9 of 5.0 (flow control).
"""

from __future__ import annotations

from collections import deque

from loadtest.transport import mqtt_codec as codec

KIND = 0xF6
"""What is left of a first byte without DUP and RETAIN."""

AWAITED = {codec.PUBACK: 0x32, codec.PUBREC: 0x34, codec.PUBCOMP: 0x62}
"""By kind of acknowledgement, the kind of packet that waits for it: PUBLISH of QoS 1, of QoS 2, PUBREL."""


class Flights:
    """What a client must remember beyond one connection.

    Attributes:
        packets: By packet id, what awaits acknowledgement, in the order it is to be sent again: PUBLISH, or PUBREL once
            the broker has the message.
        received: Packet ids of QoS 2 messages passed on and not yet released by the broker.
    """

    __slots__ = ("_unsent", "packets", "received")

    def __init__(self) -> None:
        self.packets: dict[int, bytes] = {}
        self.received: set[int] = set()
        self._unsent: deque[int] = deque()

    @property
    def empty(self) -> bool:
        """Nothing is left to remember."""
        return not self.packets and not self.received

    def free_id(self, after: int, ids: int) -> int:
        """The next packet id of ``1..ids`` that is not in use; there must be one."""
        packet_id = after % ids + 1
        while packet_id in self.packets:
            packet_id = packet_id % ids + 1
        return packet_id

    def take_off(self, packet_id: int, packet: bytes, window: int) -> bool:
        """Remember a PUBLISH. Returns whether it may be sent now, or waits until one lands."""
        self.packets[packet_id] = packet
        if len(self.packets) - len(self._unsent) <= window:
            return True
        self._unsent.append(packet_id)
        return False

    def sent(self, packet_id: int) -> bytes | None:
        """The packet that has been sent under an id; None as well while it waits for its turn."""
        return None if self._unsent and packet_id in self._unsent else self.packets.get(packet_id)

    def land(self, packet_id: int) -> bytes | None:
        """A message that was sent is done. Returns the packet that may be sent in its place."""
        del self.packets[packet_id]
        return self.packets[self._unsent.popleft()] if self._unsent else None

    def hand_over(self, packet_id: int) -> bytes:
        """The broker owns the message now: only its PUBREL is left, which is returned.

        It moves to the end: PUBRELs are repeated in the order of the PUBRECs [MQTT-4.6.0-4].
        """
        del self.packets[packet_id]
        release = self.packets[packet_id] = codec.pubrel(packet_id)
        return release

    def resume(self, window: int) -> list[bytes]:
        """What to send on a new connection of a kept session, in order; what exceeds the window waits."""
        never_sent = list(self._unsent)
        for packet_id, packet in self.packets.items():
            if packet[0] & 0xF0 == codec.PUBLISH and packet_id not in self._unsent:
                self.packets[packet_id] = codec.duplicate(packet)
        order = [packet_id for packet_id in self.packets if packet_id not in self._unsent] + never_sent
        self._unsent = deque(order[window:])
        return [self.packets[packet_id] for packet_id in order[:window]]
