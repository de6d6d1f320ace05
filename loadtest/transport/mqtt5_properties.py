"""The properties of MQTT 5 packets, both ways: fields in, bytes out, and back.

Source: OASIS MQTT Version 5.0, section 2.2.2 and table 2-4. Which packet may carry which is not checked here.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from loadtest.errors import LocalProtocolError, RemoteProtocolError


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of one packet; what is None or empty is not there. Intervals are in seconds."""

    payload_format: int | None = None
    message_expiry_s: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_ids: tuple[int, ...] = ()
    session_expiry_s: int | None = None
    assigned_client_id: str | None = None
    server_keep_alive_s: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_s: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_bytes: int | None = None
    wildcard_subscriptions_available: int | None = None
    subscription_ids_available: int | None = None
    shared_subscriptions_available: int | None = None


class _Kind(Enum):
    FLAG = 1
    TWO_BYTES = 2
    FOUR_BYTES = 4
    VARIABLE = "variable byte integer"
    TEXT = "UTF-8 string"
    BINARY = "binary data"
    PAIR = "pair of strings"


_NOT_ZERO = frozenset({"receive_maximum", "maximum_packet_bytes", "topic_alias", "subscription_ids"})

_TABLE = {
    0x01: ("payload_format", _Kind.FLAG),
    0x02: ("message_expiry_s", _Kind.FOUR_BYTES),
    0x03: ("content_type", _Kind.TEXT),
    0x08: ("response_topic", _Kind.TEXT),
    0x09: ("correlation_data", _Kind.BINARY),
    0x0B: ("subscription_ids", _Kind.VARIABLE),
    0x11: ("session_expiry_s", _Kind.FOUR_BYTES),
    0x12: ("assigned_client_id", _Kind.TEXT),
    0x13: ("server_keep_alive_s", _Kind.TWO_BYTES),
    0x15: ("authentication_method", _Kind.TEXT),
    0x16: ("authentication_data", _Kind.BINARY),
    0x17: ("request_problem_information", _Kind.FLAG),
    0x18: ("will_delay_s", _Kind.FOUR_BYTES),
    0x19: ("request_response_information", _Kind.FLAG),
    0x1A: ("response_information", _Kind.TEXT),
    0x1C: ("server_reference", _Kind.TEXT),
    0x1F: ("reason_string", _Kind.TEXT),
    0x21: ("receive_maximum", _Kind.TWO_BYTES),
    0x22: ("topic_alias_maximum", _Kind.TWO_BYTES),
    0x23: ("topic_alias", _Kind.TWO_BYTES),
    0x24: ("maximum_qos", _Kind.FLAG),
    0x25: ("retain_available", _Kind.FLAG),
    0x26: ("user_properties", _Kind.PAIR),
    0x27: ("maximum_packet_bytes", _Kind.FOUR_BYTES),
    0x28: ("wildcard_subscriptions_available", _Kind.FLAG),
    0x29: ("subscription_ids_available", _Kind.FLAG),
    0x2A: ("shared_subscriptions_available", _Kind.FLAG),
}
"""Identifier: the field, and how its value is written."""

_REPEATED = frozenset({"subscription_ids", "user_properties"})
_WIDTHS = {_Kind.FLAG: 1, _Kind.TWO_BYTES: 2, _Kind.FOUR_BYTES: 4}
_NONE = Properties()

NO_PROPERTIES = b""
"""The most common properties, without their length."""


def variable_integer(value: int) -> bytes:
    """A variable byte integer (section 1.5.5).

    Raises:
        LocalProtocolError: It does not fit in four bytes.
    """
    if not 0 <= value < 1 << 28:
        raise LocalProtocolError(f"MQTT variable byte integer of {value}")
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def read_variable_integer(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """A variable byte integer at a place, and where it ends.

    Raises:
        RemoteProtocolError: It is cut off before ``stop``, or longer than four bytes.
    """
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= stop:
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise RemoteProtocolError("variable byte integer without end")


def encode(properties: Properties) -> bytes:
    """The bytes of properties, without their length in front.

    Raises:
        LocalProtocolError: A value does not fit.
    """
    written: list[bytes] = []
    for identifier, (name, kind) in _TABLE.items():
        value = getattr(properties, name)
        for each in value if name in _REPEATED else () if value is None else (value,):
            written += (bytes((identifier,)), _write(kind, name, each))
    return b"".join(written)


def decode(data: bytes) -> Properties:
    """Properties from their bytes, without their length in front.

    Raises:
        RemoteProtocolError: They are malformed, one is unknown, stands twice, or has a value it may not have.
    """
    if not data:
        return _NONE
    found: dict[str, Any] = {}
    at = 0
    while at < len(data):
        identifier, at = read_variable_integer(data, at, len(data))
        if identifier not in _TABLE:
            raise RemoteProtocolError(f"MQTT property {identifier:#04x} is unknown")
        name, kind = _TABLE[identifier]
        value, at = _read(kind, name, data, at)
        if value == 0 and name in _NOT_ZERO:
            raise RemoteProtocolError(f"MQTT property {name} is 0")
        if name in _REPEATED:
            found[name] = (*found.get(name, ()), value)
        elif name in found:
            raise RemoteProtocolError(f"MQTT property {name} stands twice")
        else:
            found[name] = value
    return Properties(**found)


def _write(kind: _Kind, name: str, value: Any) -> bytes:
    if kind is _Kind.VARIABLE:
        return variable_integer(value)
    if kind is _Kind.PAIR:
        return _sized(name, value[0].encode()) + _sized(name, value[1].encode())
    if kind in (_Kind.TEXT, _Kind.BINARY):
        return _sized(name, value.encode() if kind is _Kind.TEXT else value)
    try:
        return int(value).to_bytes(_WIDTHS[kind], "big")
    except OverflowError:
        raise LocalProtocolError(f"MQTT property {name} of {value} does not fit in {_WIDTHS[kind]} bytes") from None


def _sized(name: str, value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise LocalProtocolError(f"MQTT property {name} of {len(value)} bytes; 65,535 is the limit")
    return len(value).to_bytes(2, "big") + value


def _read(kind: _Kind, name: str, data: bytes, at: int) -> tuple[Any, int]:
    if kind is _Kind.VARIABLE:
        return read_variable_integer(data, at, len(data))
    if kind is _Kind.PAIR:
        first, at = _read(_Kind.TEXT, name, data, at)
        second, at = _read(_Kind.TEXT, name, data, at)
        return (first, second), at
    sized = kind in (_Kind.TEXT, _Kind.BINARY)
    start = at + 2 if sized else at
    stop = start + (int.from_bytes(data[at:start], "big") if sized else _WIDTHS[kind])
    if stop > len(data):
        raise RemoteProtocolError(f"MQTT property {name} is cut off")
    value = data[start:stop]
    if kind is _Kind.BINARY:
        return value, stop
    if kind is _Kind.TEXT:
        return _text(name, value), stop
    number = int.from_bytes(value, "big")
    if kind is _Kind.FLAG and number > 1:
        raise RemoteProtocolError(f"MQTT property {name} is {number}")
    return number, stop


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError(f"MQTT property {name} is no UTF-8") from None
