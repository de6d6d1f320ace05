"""MeterValues the short way: the longest messages of those that are frequent.

Of a sampled value only the value changes from message to message. What else is said of it is one of a few texts; each
is turned once, by the general way, and spliced in from then on. Whatever is not in the form the harness itself writes
takes the general way.
"""

from __future__ import annotations

import functools

import msgspec

from loadtest.protocol import protobuf_types
from loadtest.protocol.protobuf_time import time_form
from loadtest.protocol.protobuf_types import FAULTS
from loadtest.protocol.protobuf_wire import delimited, key, read_content, read_varint

_CACHED_DESCRIPTIONS = 1024
_BEFORE_VALUE = b'"value":"'
_LONG = 60
"""More bytes of a value, or of what is said of it, go the general way: with less, lengths have one byte."""

_message, _numbers = protobuf_types.message_class, protobuf_types.field_numbers
_request, _meter_value, _sampled_value = (
    _message(each) for each in ("MeterValuesRequest", "MeterValue", "SampledValue")
)
_METER_VALUE = key(_numbers("MeterValuesRequest")["meterValue"])
_SAMPLED_VALUE = key(_numbers("MeterValue")["sampledValue"])
_TIMESTAMP = key(_numbers("MeterValue")["timestamp"])
_VALUE = key(_numbers("SampledValue")["value"])
_NUMBER_FORMS = {
    _numbers("MeterValuesRequest")[name] << 3: b'"%b":%%d,' % name.encode() for name in ("connectorId", "transactionId")
}


class _MeterValue(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    timestamp: str
    sampledValue: msgspec.Raw  # noqa: N815 - the name on the wire


class _MeterValues(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    connectorId: int  # noqa: N815
    meterValue: list[_MeterValue]  # noqa: N815
    transactionId: int | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


_decode = msgspec.json.Decoder(_MeterValues).decode
_quote = msgspec.json.Encoder().encode

# From JSON ------------------------------------------------------------------------------------------------------------


def spliced(payload: bytes) -> bytes | None:
    """A serialised ``MeterValuesRequest``; None when the payload is not in the usual form, valid or not.

    Raises:
        ValueError: A number is too big.
    """
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
    except FAULTS:
        return None
    description = _sampled_value(**shaped).SerializeToString()
    return description if more in (b",{", b"]") and "value" not in shaped and len(description) < _LONG else None


@functools.lru_cache(_CACHED_DESCRIPTIONS)
def _timestamp(text: str) -> bytes:
    return _meter_value(timestamp=time_form(text)).SerializeToString()


def _head(connector: int, transaction: int | msgspec.UnsetType) -> bytes:
    """All but the meter values."""
    if transaction is msgspec.UNSET:
        return _request(connectorId=connector).SerializeToString()
    return _request(connectorId=connector, transactionId=transaction).SerializeToString()


# To JSON --------------------------------------------------------------------------------------------------------------


def text(content: bytes) -> bytes | None:
    """The payload of a serialised ``MeterValuesRequest``; None when it is not in the usual form, valid or not."""
    end = len(content)
    elements = []
    try:
        numbers, position = _numbers_text(content)
        while position < end:
            if content[position] != _METER_VALUE[0]:
                return None
            element, position = read_content(content, position + 1)
            elements.append(_element(element))
    except (IndexError, *FAULTS):
        return None
    return b'{%b"meterValue":[%b]}' % (numbers, b",".join(elements)) if elements else None


def _numbers_text(content: bytes) -> tuple[bytes, int]:
    """The fields before the meter values, a comma after each, and where they end.

    Raises:
        ValueError: Not in the usual form.
        IndexError: It is cut off.
    """
    written, position, before = b"", 0, -1
    while (number_key := content[position]) != _METER_VALUE[0]:
        form = _NUMBER_FORMS.get(number_key)
        number, position = read_varint(content, position + 1)
        if form is None or number_key <= before or number >= 1 << 64:
            raise ValueError("not the numbers of a MeterValues in their order")
        before = number_key
        written += form % (number if number < 1 << 63 else number - (1 << 64))
    return written, position


def _element(content: bytes) -> bytes:
    """One meter value.

    Raises:
        ValueError: Not in the usual form.
        IndexError: It is cut off.
    """
    if content[0] != _TIMESTAMP[0]:
        raise ValueError("no timestamp first")
    instant, position = read_content(content, 1)
    samples = []
    end = len(content)
    while position < end:
        if content[position] != _SAMPLED_VALUE[0]:
            raise ValueError("no sampled value")
        sample, position = read_content(content, position + 1)
        length = sample[1] + 2  # of key, length and value
        if sample[0] != _VALUE[0] or length > _LONG or length > len(sample):
            raise ValueError("no short value first")
        samples.append(b'{"value":%b%b' % (_quote(sample[2:length].decode()), _description(sample[length:])))
    if not samples:
        raise ValueError("no sampled values")
    return b'{"timestamp":%b,"sampledValue":[%b]}' % (_instant(instant), b",".join(samples))


@functools.lru_cache(_CACHED_DESCRIPTIONS)
def _instant(content: bytes) -> bytes:
    message = _meter_value.FromString(delimited(_TIMESTAMP, content))
    return _quote(protobuf_types.shape("MeterValue").payload(message)["timestamp"])


@functools.lru_cache(_CACHED_DESCRIPTIONS)
def _description(content: bytes) -> bytes:
    """What is said of a value, as the JSON text that follows it."""
    fields = protobuf_types.shape("SampledValue").payload(_sampled_value.FromString(content))
    if "value" in fields:
        raise ValueError("a second value")
    return b"," + _quote(fields)[1:] if fields else b"}"
