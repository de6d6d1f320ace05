"""MeterValues to Protobuf the short way: the longest messages, and the most frequent ones that are long.

Of a sampled value only the value changes from message to message. What else is said of it is one of a few texts; each
is turned into Protobuf once, by the general way, and spliced in from then on.
"""

from __future__ import annotations

import functools

import msgspec

from loadtest.protocol import protobuf_types
from loadtest.protocol.protobuf_wire import delimited, key

_CACHED_DESCRIPTIONS = 1024

_message = protobuf_types.message_class
_numbers = protobuf_types.field_numbers
_METER_VALUE = key(_numbers("MeterValuesRequest")["meterValue"])
_SAMPLED_VALUE = key(_numbers("MeterValue")["sampledValue"])
_VALUE = key(_numbers("SampledValue")["value"])
_BEFORE_VALUE = b'"value":"'
_LONG = 60
"""More bytes of a value, or of what is said of it, go the general way: with less, lengths have one byte."""


class _MeterValue(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    timestamp: str
    sampledValue: msgspec.Raw  # noqa: N815 - the name on the wire


class _MeterValues(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    connectorId: int  # noqa: N815
    meterValue: list[_MeterValue]  # noqa: N815
    transactionId: int | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


_decode = msgspec.json.Decoder(_MeterValues).decode
_request, _meter_value = _message("MeterValuesRequest"), _message("MeterValue")


def spliced(payload: bytes) -> bytes | None:
    """A serialised ``MeterValuesRequest``; None when the payload is not in the usual form, valid or not."""
    try:
        message = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    elements = []
    for element in message.meterValue:
        samples = _samples(bytes(element.sampledValue))
        if not samples:
            return None
        elements.append(delimited(_METER_VALUE, _timestamp(element.timestamp) + samples))
    if not elements:
        return None
    return _head(message.connectorId, message.transactionId) + b"".join(elements)


def _samples(text: bytes) -> bytes | None:
    """The fields of a list of sampled values that begin with their value each; None when one does not."""
    start, *pieces = text.split(_BEFORE_VALUE)  # no JSON string has these quotes in it
    if start != b"[{":
        return None
    samples = []
    for piece in pieces:
        value, _, rest = piece.partition(b'"')
        description = _described(rest)
        length = len(value)
        if description is None or length > _LONG or b"\\" in value:
            return None
        sample = _SAMPLED_VALUE, 2 + length + len(description), _VALUE, length, value, description
        samples.append(b"%b%c%b%c%b%b" % sample)
    return b"".join(samples)


@functools.lru_cache(_CACHED_DESCRIPTIONS)
def _described(rest: bytes) -> bytes | None:
    """What is said of a value, serialised: of the text between it and the next."""
    text, between, more = rest.rpartition(b"}")
    try:
        fields = msgspec.json.decode(b"{" + text.removeprefix(b",") + between)
        shaped = protobuf_types.shape("SampledValue").fields(fields)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    description = _message("SampledValue")(**shaped).SerializeToString()
    return description if more in (b",{", b"]") and "value" not in shaped and len(description) < _LONG else None


@functools.lru_cache(_CACHED_DESCRIPTIONS)
def _timestamp(text: str) -> bytes:
    return _meter_value(timestamp=protobuf_types.time_form(text)).SerializeToString()


def _head(connector: int, transaction: int | msgspec.UnsetType) -> bytes:
    """All but the meter values."""
    if transaction is msgspec.UNSET:
        return _request(connectorId=connector).SerializeToString()
    return _request(connectorId=connector, transactionId=transaction).SerializeToString()
