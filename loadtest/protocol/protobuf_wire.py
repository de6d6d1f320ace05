"""Parts of serialised Protobuf messages, put together as bytes: what does not vary is serialised once.

Only this much of the wire format: messages one after the other merge, and a field of text or message is its key, its
length and its bytes (protobuf.dev, "Encoding").
"""

from __future__ import annotations

_MOST_BITS = 70


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


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of at most 64 bits, and where it ends.

    Raises:
        IndexError: It is cut off.
        ValueError: It is longer.
    """
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    number, shift = byte & 0x7F, 7
    while shift < _MOST_BITS:
        position += 1
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position + 1
        shift += 7
    raise ValueError("a number has more than ten bytes")


def read_content(data: bytes, position: int) -> tuple[bytes, int]:
    """What is in a field of text or message, and where it ends; ``position`` is behind its key.

    Raises:
        IndexError: It is cut off.
        ValueError: Its length is longer than ten bytes.
    """
    length, begin = read_varint(data, position)
    end = begin + length
    if end > len(data):
        raise IndexError("a field is cut off")
    return data[begin:end], end


def key(field_number: int) -> bytes:
    """The key of a field of text or message."""
    return varint(field_number << 3 | 2)


def delimited(field_key: bytes, content: bytes) -> bytes:
    """A field of text or message."""
    length = len(content)
    if length < 0x80:
        return b"%b%c%b" % (field_key, length, content)
    return b"%b%b%b" % (field_key, varint(length), content)
