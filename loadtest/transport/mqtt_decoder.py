"""MQTT control packets as a client reads them: bytes in, packets out.

The stream is cut here whatever the version; packets are read here as 3.1.1 has them, as 5 does in
:mod:`loadtest.transport.mqtt5_packets`. What only a client may send is garbage.
Source: OASIS MQTT Version 3.1.1, sections 2 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from loadtest.errors import RemoteProtocolError
from loadtest.transport import mqtt_codec as codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_MAX_PACKET_BYTES = 1 << 20


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A message. ``packet_id`` is 0 for QoS 0; ``properties`` are those of MQTT 5, not yet decoded."""

    topic: bytes
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    duplicate: bool = False
    retain: bool = False
    properties: bytes = b""


class Acknowledgement(msgspec.Struct, frozen=True, gc=False):
    """PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK, told apart by ``kind``; ``code`` is the reason code of MQTT 5."""

    kind: int
    packet_id: int
    code: int = 0


class Connack(msgspec.Struct, frozen=True, gc=False):
    """The broker's answer to CONNECT; any ``return_code`` but 0 is a refusal. ``properties`` are not yet decoded."""

    session_present: bool
    return_code: int
    properties: bytes = b""


class Suback(msgspec.Struct, frozen=True, gc=False):
    """What a SUBSCRIBE was granted, filter by filter: a QoS; from :data:`codec.REFUSED` on it is a refusal."""

    packet_id: int
    granted: tuple[int, ...]


class Dismissal(msgspec.Struct, frozen=True, gc=False):
    """DISCONNECT of the broker, which only MQTT 5 has; ``properties`` are not yet decoded."""

    code: int
    properties: bytes


class Pingresp(msgspec.Struct, frozen=True, gc=False):
    """The broker is alive."""


Packet = Publish | Acknowledgement | Connack | Suback | Pingresp | Dismissal


class Dialect(NamedTuple):
    """How the packets of one version are read; all raise ``RemoteProtocolError`` for what is none.

    Attributes:
        publish: A PUBLISH, from its first byte and its body as ``data[start:stop]``.
        other: Any other packet, from its first byte and its body.
        check_header: Whether a first byte can be that of a packet of a broker.
    """

    publish: Callable[[int, bytes, int, int], Publish]
    other: Callable[[int, bytes], Packet]
    check_header: Callable[[int], None]


_FLAGS = {
    codec.CONNACK: 0,
    codec.PUBACK: 0,
    codec.PUBREC: 0,
    codec.PUBREL: 2,
    codec.PUBCOMP: 0,
    codec.SUBACK: 0,
    codec.UNSUBACK: 0,
    codec.PINGRESP: 0,
}
"""Packets a broker may send beside PUBLISH, with the flags section 2.2.2 reserves for them."""


class Decoder:
    """Cuts the byte stream of one connection into packets.

    Args:
        max_packet_bytes: Largest remaining length taken; a broker that announces more is cut off
            instead of being buffered.
        dialect: How packets are read; ``None``: as MQTT 3.1.1 has them.
    """

    def __init__(self, max_packet_bytes: int = DEFAULT_MAX_PACKET_BYTES, dialect: Dialect | None = None) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._publish, self._other, self._check_header = dialect or MQTT_3_1_1_PACKETS
        self._partial = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take what has arrived; yield each complete packet as soon as it is read.

        Packets before a fault are yielded. After a fault, or when iteration is abandoned, the decoder is spent.

        Raises:
            RemoteProtocolError: The bytes are not MQTT from a broker, or a packet is too large.
        """
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
        position, end = 0, len(data)
        while end - position >= 2:
            length, start = data[position + 1], position + 2
            if length & 0x80:
                length, start = _long_length(data, position + 1, length)
            if length > self._max_packet_bytes:
                raise RemoteProtocolError(f"MQTT packet of {length} bytes; {self._max_packet_bytes} is the limit")
            stop = start + length
            if stop > end or start > end:
                self._check_header(data[position])  # do not wait for the rest of what cannot be a packet
                self._needed = stop - position
                break
            first = data[position]
            if first & 0xF0 == codec.PUBLISH:
                yield self._publish(first, data, start, stop)
            else:
                yield self._other(first, data[start:stop])
            position = stop
        else:
            self._needed = 2
        if position < end:
            self._partial += data[position:]


def _long_length(data: bytes, at: int, length: int) -> tuple[int, int]:
    """Remaining length of several bytes, and where the body starts; past the end when bytes are missing."""
    length &= 0x7F
    for shift in (7, 14, 21):
        at += 1
        if at >= len(data):
            return 0, at + 1
        digit = data[at]
        length |= (digit & 0x7F) << shift
        if not digit & 0x80:
            return length, at + 1
    raise RemoteProtocolError("MQTT remaining length of more than four bytes")


def publish(first: int, data: bytes, start: int, stop: int) -> Publish:
    """A PUBLISH of MQTT 3.1.1 (section 3.3).

    Raises:
        RemoteProtocolError: It is malformed.
    """
    topic_start = start + 2
    topic_stop = topic_start + (data[start] << 8 | data[start + 1] if topic_start <= stop else 0)
    qos = first >> 1 & 0x03
    if not qos:
        if topic_stop > stop or topic_stop == topic_start:
            raise RemoteProtocolError("MQTT PUBLISH without a complete topic")
        return Publish(data[topic_start:topic_stop], data[topic_stop:stop], 0, 0, False, first & 1 == 1)  # noqa: FBT003
    payload_start = topic_stop + 2
    if payload_start > stop or topic_stop == topic_start:
        raise RemoteProtocolError("MQTT PUBLISH without a complete topic and packet id")
    packet_id = data[topic_stop] << 8 | data[topic_stop + 1]
    if qos == 3 or not packet_id:
        raise RemoteProtocolError(f"MQTT PUBLISH of QoS {qos} with packet id {packet_id}")
    return Publish(
        data[topic_start:topic_stop],
        data[payload_start:stop],
        qos,
        packet_id,
        first & codec.DUPLICATE_FLAG != 0,
        first & 1 == 1,
    )


def _check_header(first: int) -> None:
    kind = first & 0xF0
    if kind != codec.PUBLISH and _FLAGS.get(kind) != first & 0x0F:
        raise RemoteProtocolError(f"not an MQTT 3.1.1 packet of a broker: first byte {first:#04x}")


def _other(first: int, body: bytes) -> Packet:
    _check_header(first)
    kind = first & 0xF0
    if kind == codec.PINGRESP and not body:
        return Pingresp()
    if kind == codec.CONNACK and len(body) == 2 and body[0] <= 1:
        return Connack(body[0] == 1, body[1])
    packet_id = int.from_bytes(body[:2], "big")
    if (
        kind == codec.SUBACK
        and len(body) > 2
        and packet_id
        and all(code in (0, 1, 2, codec.REFUSED) for code in body[2:])
    ):
        return Suback(packet_id, tuple(body[2:]))
    if kind in (codec.PINGRESP, codec.CONNACK, codec.SUBACK) or len(body) != 2 or not packet_id:
        raise RemoteProtocolError(f"malformed MQTT packet: first byte {first:#04x}, {len(body)} bytes")
    return Acknowledgement(kind, packet_id)


MQTT_3_1_1_PACKETS = Dialect(publish, _other, _check_header)
