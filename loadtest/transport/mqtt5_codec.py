"""MQTT 5 control packets as a client writes them, where they differ from 3.1.1: arguments in, bytes out.

Properties come rendered (:mod:`loadtest.transport.mqtt5_properties`), so that what all messages of a fleet have in
common is rendered once. Source: OASIS MQTT Version 5.0, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import LocalProtocolError
from loadtest.transport.mqtt5_properties import NO_PROPERTIES, variable_integer
from loadtest.transport.mqtt_codec import MAX_STRING_BYTES, fixed_header, packet, string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.transport.mqtt_codec import Will

_NO_LOCAL = 0x04


def connect(
    client_id: str,
    *,
    keep_alive_s: int,
    clean_start: bool,
    properties: bytes = NO_PROPERTIES,
    username: str | None = None,
    password: str | bytes | None = None,
    will: Will | None = None,
) -> bytes:
    """CONNECT (section 3.1).

    Raises:
        LocalProtocolError: A field does not fit.
    """
    if not 0 <= keep_alive_s <= 0xFFFF:
        raise LocalProtocolError(f"keep alive of {keep_alive_s} s does not fit in 16 bits")
    flags = 0x02 if clean_start else 0
    fields = [_sized(properties), string(client_id.encode())]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        fields += (_sized(will.properties), string(will.topic), string(will.payload))
    if username is not None:
        flags |= 0x80
        fields.append(string(username.encode()))
    if password is not None:
        flags |= 0x40
        fields.append(string(password.encode() if isinstance(password, str) else password))
    header = b"\x00\x04MQTT\x05" + bytes((flags,)) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, header + b"".join(fields))


def publish(
    topic: bytes,
    payload: bytes,
    qos: int = 0,
    packet_id: int = 0,
    *,
    retain: bool = False,
    properties: bytes = NO_PROPERTIES,
) -> bytes:
    """PUBLISH (section 3.3). The packet id is written only for QoS 1 and 2.

    Raises:
        LocalProtocolError: The topic or the whole packet does not fit.
    """
    if len(topic) > MAX_STRING_BYTES:
        raise LocalProtocolError(f"MQTT topic of {len(topic)} bytes")
    rendered = after_packet_id(b"", properties)
    return b"".join(
        (
            fixed_header(
                (0x31 if retain else 0x30) | qos << 1,
                len(topic) + len(payload) + len(rendered) + (4 if qos else 2),
            ),
            len(topic).to_bytes(2, "big"),
            topic,
            packet_id.to_bytes(2, "big") if qos else b"",
            rendered,
            payload,
        )
    )


def after_packet_id(payload: bytes, properties: bytes = NO_PROPERTIES) -> bytes:
    """What a PUBLISH of MQTT 5 has where that of 3.1.1 has its payload: properties and payload."""
    return (_sized(properties) if properties else b"\x00") + payload


def subscribe(packet_id: int, filters: Sequence[tuple[bytes, int]], *, no_local: bool = False) -> bytes:
    """SUBSCRIBE to filters, each with the highest QoS wanted (section 3.8).

    Args:
        packet_id: Its own.
        filters: At least one.
        no_local: Whether messages of this client's own are kept from it.

    Raises:
        LocalProtocolError: No filter is given [MQTT-3.8.3-2], or one does not fit.
    """
    if not filters:
        raise LocalProtocolError("a SUBSCRIBE needs at least one filter")
    options = _NO_LOCAL if no_local else 0
    body = b"".join(string(topic_filter) + bytes((qos | options,)) for topic_filter, qos in filters)
    return packet(0x82, packet_id.to_bytes(2, "big") + b"\x00" + body)


def unsubscribe(packet_id: int, filters: Sequence[bytes]) -> bytes:
    """UNSUBSCRIBE (section 3.10).

    Raises:
        LocalProtocolError: No filter is given [MQTT-3.10.3-2], or one does not fit.
    """
    if not filters:
        raise LocalProtocolError("an UNSUBSCRIBE needs at least one filter")
    return packet(0xA2, packet_id.to_bytes(2, "big") + b"\x00" + b"".join(map(string, filters)))


def acknowledgement(short: bytes, code: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP, given as without a reason (as in 3.1.1), with one (sections 3.4 to 3.7)."""
    return short[:1] + b"\x03" + short[2:] + bytes((code,)) if code else short


def disconnect(code: int = 0, properties: bytes = NO_PROPERTIES) -> bytes:
    """DISCONNECT (section 3.14)."""
    if properties:
        return packet(0xE0, bytes((code,)) + _sized(properties))
    return b"\xe0\x01" + bytes((code,)) if code else b"\xe0\x00"


def _sized(properties: bytes) -> bytes:
    return variable_integer(len(properties)) + properties
