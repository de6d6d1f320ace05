"""MQTT 5 control packets as the client with a session of many messages reads them: a dialect of its decoder.

Source: OASIS MQTT Version 5.0, section 3. Authentication beyond CONNECT is not asked for, so that AUTH is garbage.
"""

from __future__ import annotations

from loadtest.errors import RemoteProtocolError
from loadtest.transport import mqtt5_decoder, mqtt_decoder
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_decoder import Acknowledgement, Connack, Dialect, Dismissal, Packet, Pingresp, Suback

_DISCONNECT = 0xE0
_PUBREL = codec.PUBREL | 2
_FIRST_BYTES = frozenset(
    {codec.CONNACK, codec.PUBACK, codec.PUBREC, _PUBREL, codec.PUBCOMP}
    | {codec.SUBACK, codec.UNSUBACK, codec.PINGRESP, _DISCONNECT}
)
"""Of what a broker may send beside PUBLISH, with the flags section 2.1.3 reserves."""
_HIGHEST_QOS = 2


def publish(first: int, data: bytes, start: int, stop: int) -> mqtt_decoder.Publish:
    """A PUBLISH (section 3.3): that of 3.1.1, but the properties precede the payload.

    Raises:
        RemoteProtocolError: It is malformed.
    """
    found = mqtt_decoder.publish(first, data, start, stop)
    rest = found.payload
    if rest[:1] == b"\0":
        properties, at = b"", 1
    else:
        properties, at = mqtt5_decoder.properties_at(rest, 0, len(rest))
    return mqtt_decoder.Publish(
        found.topic, rest[at:], found.qos, found.packet_id, found.duplicate, found.retain, properties
    )


def _check_header(first: int) -> None:
    if first & 0xF0 != codec.PUBLISH and first not in _FIRST_BYTES:
        raise RemoteProtocolError(f"not an MQTT 5 packet of a broker: first byte {first:#04x}")


def _other(first: int, body: bytes) -> Packet:
    _check_header(first)
    kind = first & 0xF0
    if kind == codec.PINGRESP:
        if body:
            raise RemoteProtocolError(f"PINGRESP of {len(body)} bytes")
        return Pingresp()
    if kind == codec.CONNACK:
        session_present, outcome = mqtt5_decoder.connack(body)
        return Connack(session_present, outcome.code, outcome.properties)
    if kind == _DISCONNECT:
        outcome = mqtt5_decoder.outcome(body)
        return Dismissal(outcome.code, outcome.properties)
    packet_id = int.from_bytes(body[:2], "big")
    if len(body) < 2 or not packet_id:
        raise RemoteProtocolError(f"malformed MQTT packet: first byte {first:#04x}, {len(body)} bytes")
    if kind in (codec.SUBACK, codec.UNSUBACK):
        _, _, codes = mqtt5_decoder.suback(body)
        if kind == codec.UNSUBACK:
            return Acknowledgement(kind, packet_id)
        if not codes or any(_HIGHEST_QOS < code < codec.REFUSED for code in codes):
            raise RemoteProtocolError(f"malformed SUBACK of {len(body)} bytes")
        return Suback(packet_id, tuple(codes))
    return Acknowledgement(kind, packet_id, mqtt5_decoder.outcome(body[2:]).code if len(body) > 2 else 0)


MQTT_5_PACKETS = Dialect(publish, _other, _check_header)
