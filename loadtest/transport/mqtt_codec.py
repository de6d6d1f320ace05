"""MQTT 3.1.1 control packets as a client writes them: arguments in, bytes out.

The reading half is :mod:`loadtest.transport.mqtt_decoder`. Source: OASIS MQTT Version 3.1.1, sections 2 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_REMAINING_LENGTH = 268_435_455
"""The largest length four bytes of seven bits can say (section 2.2.3)."""

MAX_STRING_BYTES = 0xFFFF

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x20, 0x30, 0x40, 0x50, 0x60, 0x70
SUBACK, UNSUBACK, PINGRESP = 0x90, 0xB0, 0xD0
"""Packet types as they stand in the upper half of the first byte."""

DUPLICATE_FLAG = 0x08
REFUSED = 0x80
"""A SUBACK return code: the subscription was not granted (section 3.9.3)."""

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


class Will(NamedTuple):
    """The message the broker publishes when this client vanishes (section 3.1.2.5).

    ``properties`` are rendered ones of MQTT 5 (:mod:`loadtest.transport.mqtt5_properties`), not sent with 3.1.1.
    """

    topic: bytes
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: bytes = b""


def connect(
    client_id: str,
    *,
    keep_alive_s: int,
    clean_session: bool,
    username: str | None = None,
    password: str | bytes | None = None,
    will: Will | None = None,
) -> bytes:
    """CONNECT (section 3.1).

    Raises:
        LocalProtocolError: A password without a user name, or a field that does not fit.
    """
    if password is not None and username is None:
        raise LocalProtocolError("MQTT 3.1.1 allows no password without a user name")
    if not 0 <= keep_alive_s <= 0xFFFF:
        raise LocalProtocolError(f"keep alive of {keep_alive_s} s does not fit in 16 bits")
    flags = 0x02 if clean_session else 0
    fields = [string(client_id.encode())]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        fields += (string(will.topic), string(will.payload))
    if username is not None:
        flags |= 0x80
        fields.append(string(username.encode()))
    if password is not None:
        flags |= 0x40
        fields.append(string(password.encode() if isinstance(password, str) else password))
    header = b"\x00\x04MQTT\x04" + bytes((flags,)) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, header + b"".join(fields))


def publish(topic: bytes, payload: bytes, qos: int = 0, packet_id: int = 0, *, retain: bool = False) -> bytes:
    """PUBLISH (section 3.3). The packet id is written only for QoS 1 and 2; see :func:`duplicate` for DUP.

    Raises:
        LocalProtocolError: The topic or the whole packet does not fit.
    """
    length = 2 + len(topic) + len(payload)
    if len(topic) > MAX_STRING_BYTES:
        raise LocalProtocolError(f"MQTT topic of {len(topic)} bytes")
    first = 0x31 if retain else 0x30
    if qos == 0:
        return b"".join((fixed_header(first, length), len(topic).to_bytes(2, "big"), topic, payload))
    return b"".join(
        (
            fixed_header(first | qos << 1, length + 2),
            len(topic).to_bytes(2, "big"),
            topic,
            packet_id.to_bytes(2, "big"),
            payload,
        )
    )


def duplicate(publish_packet: bytes) -> bytes:
    """The same PUBLISH with DUP set, to be sent again (section 3.3.1.1)."""
    return bytes((publish_packet[0] | DUPLICATE_FLAG,)) + publish_packet[1:]


def puback(packet_id: int) -> bytes:
    """PUBACK: the answer to QoS 1 (section 3.4)."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def pubrec(packet_id: int) -> bytes:
    """PUBREC: the first answer to QoS 2 (section 3.5)."""
    return b"\x50\x02" + packet_id.to_bytes(2, "big")


def pubrel(packet_id: int) -> bytes:
    """PUBREL: the sender gives up its copy (section 3.6). Its flags are fixed to 0010."""
    return b"\x62\x02" + packet_id.to_bytes(2, "big")


def pubcomp(packet_id: int) -> bytes:
    """PUBCOMP: the end of QoS 2 (section 3.7)."""
    return b"\x70\x02" + packet_id.to_bytes(2, "big")


def subscribe(packet_id: int, filters: Sequence[tuple[bytes, int]]) -> bytes:
    """SUBSCRIBE to filters, each with the highest QoS wanted (section 3.8).

    Raises:
        LocalProtocolError: No filter is given [MQTT-3.8.3-3], or one does not fit.
    """
    if not filters:
        raise LocalProtocolError("a SUBSCRIBE needs at least one filter")
    body = b"".join(string(topic_filter) + bytes((qos,)) for topic_filter, qos in filters)
    return packet(0x82, packet_id.to_bytes(2, "big") + body)


def unsubscribe(packet_id: int, filters: Sequence[bytes]) -> bytes:
    """UNSUBSCRIBE (section 3.10).

    Raises:
        LocalProtocolError: No filter is given [MQTT-3.10.3-2], or one does not fit.
    """
    if not filters:
        raise LocalProtocolError("an UNSUBSCRIBE needs at least one filter")
    return packet(0xA2, packet_id.to_bytes(2, "big") + b"".join(map(string, filters)))


def string(value: bytes) -> bytes:
    """A string or binary data with its length in front (section 1.5.3).

    Raises:
        LocalProtocolError: It is too long for that.
    """
    if len(value) > MAX_STRING_BYTES:
        raise LocalProtocolError(f"MQTT field of {len(value)} bytes; 65,535 is the limit")
    return len(value).to_bytes(2, "big") + value


def packet(first: int, body: bytes) -> bytes:
    """A packet from its first byte and its body. Raises as :func:`fixed_header`."""
    return fixed_header(first, len(body)) + body


def fixed_header(first: int, length: int) -> bytes:
    """The fixed header of a packet with that remaining length in bytes (section 2.2).

    Raises:
        LocalProtocolError: No packet may be that long.
    """
    # Nearly every OCPP message lies between 128 and 16,383 bytes: the two-byte case is spelled out.
    if length < 0x80:
        return bytes((first, length))
    if length < 0x4000:
        return bytes((first, length & 0x7F | 0x80, length >> 7))
    if length > MAX_REMAINING_LENGTH:
        raise LocalProtocolError(f"MQTT packet of {length} bytes; {MAX_REMAINING_LENGTH} is the limit")
    digits = bytearray((first,))
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits)
