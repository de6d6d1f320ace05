"""Parts of serialised Protobuf messages, put together as bytes: what does not vary is serialised once.

Only this much of the wire format: messages one after the other merge, and a field of text or message is its key, its
length and its bytes (protobuf.dev, "Encoding").
"""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A number of 0 or more, in groups of seven bits."""
    if number < 0x80:
        return bytes((number,))
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def key(field_number: int) -> bytes:
    """The key of a field of text or message."""
    return varint(field_number << 3 | 2)


def delimited(field_key: bytes, content: bytes) -> bytes:
    """A field of text or message."""
    length = len(content)
    if length < 0x80:
        return b"%b%c%b" % (field_key, length, content)
    return b"%b%b%b" % (field_key, varint(length), content)
