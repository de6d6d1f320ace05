"""WebSocket frames as bytes (RFC 6455 section 5): written whole, read from any pieces. No I/O.

Masking is done by the C function of ``websockets``; everything else is here because a library's general
machinery costs more per message than the network does.
"""

from __future__ import annotations

import random

from loadtest.errors import RemoteProtocolError

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without the C extension
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""Opcodes (section 5.2)."""

_OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

FINAL_TEXT = 0x80 | TEXT
"""First byte of a text message sent as one frame, which nearly all are."""

NORMAL, PROTOCOL_FAULT, NO_STATUS, INVALID_TEXT, TOO_BIG = 1000, 1002, 1005, 1007, 1009
"""Close codes used here (section 7.4.1); 1005 is never sent, it stands for a Close frame without a code."""

_CLOSE_CODES_IN_USE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

Message = tuple[int, bytes]
"""An opcode and its whole payload; the opcode is never :data:`CONTINUATION`."""

# The mask protects intermediaries against payloads chosen by a hostile page (section 10.3). Every payload
# here is our own, so a fast generator does; a system call per frame would buy nothing.
_random_bits = random.Random().getrandbits


class FrameError(RemoteProtocolError):
    """The peer sent something RFC 6455 forbids.

    Attributes:
        close_code: The code to close the connection with.
        messages: Complete messages that came before the fault in the same piece of data.
    """

    def __init__(self, close_code: int, text: str) -> None:
        super().__init__(text)
        self.close_code = close_code
        self.messages: list[Message] = []


def client_frame(opcode: int, payload: bytes) -> bytes:
    """One final, masked frame, as a client sends it."""
    mask = _random_bits(32).to_bytes(4, "big")
    length = len(payload)
    if length < 126:
        return b"%c%c%b%b" % (0x80 | opcode, 0x80 | length, mask, apply_mask(payload, mask))
    if length < 0x1_0000:
        return b"%c\xfe%c%c%b%b" % (0x80 | opcode, length >> 8, length & 0xFF, mask, apply_mask(payload, mask))
    return b"%c\xff%b%b%b" % (0x80 | opcode, length.to_bytes(8, "big"), mask, apply_mask(payload, mask))


def server_frame(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame, as a server sends it."""
    length = len(payload)
    if length < 126:
        return b"%c%c%b" % (0x80 | opcode, length, payload)
    if length < 0x1_0000:
        return b"%c\x7e%c%c%b" % (0x80 | opcode, length >> 8, length & 0xFF, payload)
    return b"%c\x7f%b%b" % (0x80 | opcode, length.to_bytes(8, "big"), payload)


def unmask(masked: bytes, mask: bytes) -> bytes:
    """Undo a client's masking (section 5.3)."""
    return apply_mask(masked, mask)


def is_utf8(payload: bytes) -> bool:
    """Whether a text payload is one (section 8.1)."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def close_payload(code: int, reason: str = "") -> bytes:
    """The body of a Close frame (section 5.5.1)."""
    return code.to_bytes(2, "big") + reason.encode()


def close_code(payload: bytes) -> int:
    """The code in the body of a Close frame, :data:`NO_STATUS` when it is empty.

    Raises:
        FrameError: The code may not appear in a frame (section 7.4), or the reason is not UTF-8.
    """
    if not payload:
        return NO_STATUS
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _CLOSE_CODES_IN_USE or 3000 <= code < 5000):
        raise FrameError(PROTOCOL_FAULT, f"Close frame with body {payload[:12]!r}")
    if not is_utf8(payload[2:]):
        raise FrameError(INVALID_TEXT, "Close frame whose reason is not UTF-8")
    return code


class FrameReader:
    """Turns a byte stream into messages: fragments joined, control frames in between allowed (section 5.4).

    Args:
        expect_masked: True on the server's side; a frame that is masked otherwise is a fault.
        max_message_bytes: Longest message, over all its fragments.
    """

    __slots__ = ("_buffer", "_closed", "_expect_masked", "_joined", "_max_bytes", "_opcode")

    def __init__(self, *, expect_masked: bool, max_message_bytes: int) -> None:
        self._expect_masked = expect_masked
        self._max_bytes = max_message_bytes
        self._buffer = bytearray()
        self._opcode = CONTINUATION  # of the fragmented message under way; CONTINUATION when there is none
        self._joined = bytearray()  # its fragments; as a list, empty ones would take memory without limit
        self._closed = False

    @property
    def empty(self) -> bool:
        """Nothing is pending: the reader may be thrown away and a new one made for what comes next."""
        return not self._buffer and self._opcode == CONTINUATION and not self._closed

    def feed(self, data: bytes) -> list[Message]:
        """Take what has arrived; return the messages it completes. Whatever follows a Close frame is ignored.

        Raises:
            FrameError: A rule is broken. The reader must not be fed again.
        """
        if self._closed:
            return []
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        try:
            while not self._closed and (header := self._header(start)) is not None:
                begin, length = header
                stop = begin + length
                if stop > len(buffer):
                    break
                payload = bytes(memoryview(buffer)[begin:stop])
                if self._expect_masked:
                    payload = apply_mask(payload, bytes(buffer[begin - 4 : begin]))
                if (message := self._frame(buffer[start], payload)) is not None:
                    messages.append(message)
                start = stop
        except FrameError as fault:
            self._closed = True
            buffer.clear()
            fault.messages = messages
            raise
        del buffer[: None if self._closed else start]  # what follows a Close frame is not kept
        return messages

    def _header(self, start: int) -> tuple[int, int] | None:
        """Where the frame at ``start`` has its payload, and the payload's length; None when more is needed."""
        buffer = self._buffer
        available = len(buffer) - start
        if available < 2:
            return None
        first, second = buffer[start], buffer[start + 1]
        if first & 0x70:
            raise FrameError(PROTOCOL_FAULT, "reserved bits set although no extension was agreed")
        if (second & 0x80 != 0) != self._expect_masked:
            raise FrameError(PROTOCOL_FAULT, "unmasked frame from a client or masked frame from a server")
        if first & 0x0F not in _OPCODES:
            raise FrameError(PROTOCOL_FAULT, f"unknown opcode {first & 0x0F}")
        length, begin = second & 0x7F, start + 2
        if first & 0x08 and (length > 125 or not first & 0x80):
            raise FrameError(PROTOCOL_FAULT, "control frame that is fragmented or longer than 125 bytes")
        if length > 125:
            width = 2 if length == 126 else 8
            if available < 2 + width:
                return None
            length, begin = int.from_bytes(buffer[begin : begin + width], "big"), begin + width
        if not first & 0x08 and len(self._joined) + length > self._max_bytes:
            raise FrameError(TOO_BIG, f"message of more than {self._max_bytes} bytes")
        return (begin + 4 if self._expect_masked else begin), length

    def _frame(self, first: int, payload: bytes) -> Message | None:
        opcode = first & 0x0F
        if opcode in {PING, PONG}:
            return opcode, payload
        if opcode == CLOSE:
            close_code(payload)
            self._closed = True
            return opcode, payload
        if (opcode == CONTINUATION) != (self._opcode != CONTINUATION):
            raise FrameError(PROTOCOL_FAULT, "continuation without a beginning, or a beginning before the end")
        if opcode != CONTINUATION:
            self._opcode = opcode
        if not first & 0x80:
            self._joined += payload
            return None
        message = (self._opcode, bytes(self._joined + payload) if self._joined else payload)
        self._joined.clear()
        self._opcode = CONTINUATION
        if message[0] == TEXT and not is_utf8(message[1]):
            raise FrameError(INVALID_TEXT, "text message that is not UTF-8")
        return message
