"""MQTT 5 control packets as a client reads them, where they differ from 3.1.1: bodies in, fields out.

Properties stay bytes until somebody asks (:func:`loadtest.transport.mqtt5_properties.decode`); only that they end
within their packet is seen to at once. Source: OASIS MQTT Version 5.0, section 3.
"""

from __future__ import annotations

from typing import NamedTuple

from loadtest.errors import RemoteProtocolError
from loadtest.transport.mqtt5_properties import NO_PROPERTIES, read_variable_integer


class Outcome(NamedTuple):
    """What CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT or AUTH say.

    Attributes:
        code: Reason code.
        properties: Not yet decoded.
    """

    code: int
    properties: bytes


def connack(body: bytes) -> tuple[bool, Outcome]:
    """CONNACK (section 3.2): whether the session is present, and the outcome.

    A broker that knows only MQTT 3.1.1 refuses in its own way, without properties; that is read as well.

    Raises:
        RemoteProtocolError: It is malformed.
    """
    if len(body) < 2 or body[0] > 1:
        raise RemoteProtocolError(f"CONNACK of {len(body)} bytes")
    if len(body) == 2 and body[1]:
        return False, Outcome(body[1], NO_PROPERTIES)
    properties, stop = properties_at(body, 2, len(body))
    if stop != len(body):
        raise RemoteProtocolError(f"CONNACK with {len(body) - stop} bytes too many")
    return body[0] == 1, Outcome(body[1], properties)


def properties_at(data: bytes, at: int, stop: int) -> tuple[bytes, int]:
    """The properties at a place in a packet that ends at ``stop``, and where what follows them begins.

    Raises:
        RemoteProtocolError: They do not end within the packet.
    """
    length, start = read_variable_integer(data, at, stop)
    if start + length > stop:
        raise RemoteProtocolError("MQTT properties longer than their packet")
    return data[start : start + length], start + length


def outcome(body: bytes) -> Outcome:
    """The body of a DISCONNECT or AUTH (sections 3.14 and 3.15), or what follows an acknowledgement's packet id.

    Raises:
        RemoteProtocolError: It is malformed.
    """
    if len(body) < 2:
        return Outcome(body[0] if body else 0, NO_PROPERTIES)
    properties, stop = properties_at(body, 1, len(body))
    if stop != len(body):
        raise RemoteProtocolError(f"MQTT packet with {len(body) - stop} bytes too many")
    return Outcome(body[0], properties)


def suback(body: bytes) -> tuple[int, bytes, bytes]:
    """SUBACK or UNSUBACK (sections 3.9 and 3.11): packet id, properties, and one reason code for each filter.

    Raises:
        RemoteProtocolError: It is malformed.
    """
    if len(body) < 4:
        raise RemoteProtocolError(f"SUBACK of {len(body)} bytes")
    properties, start = properties_at(body, 2, len(body))
    return body[0] << 8 | body[1], properties, body[start:]
