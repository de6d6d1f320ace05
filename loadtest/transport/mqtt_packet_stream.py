"""The byte stream of one MQTT connection, cut into control packets in place.

As :mod:`loadtest.transport.mqtt_decoder` does, but without an object of its own per connection or per packet: tens of
thousands of connections rest in a process, and between packets each holds nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtest.errors import RemoteProtocolError
from loadtest.transport.mqtt_codec import PUBLISH
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.wire import Wire

if TYPE_CHECKING:
    import asyncio

    from loadtest.transport.mqtt_terms import Terms

CLOSED, CONNECTING, SUBSCRIBING, OPEN, CLOSING, ENDED = range(6)
"""States: no transport; CONNACK awaited; SUBACK awaited; messages flow; DISCONNECT sent; only TCP remains."""

_TAKING = (OPEN, SUBSCRIBING, CONNECTING)
_LONGEST_HEADER = 5


class PacketStream(Wire):
    """Subclass it; whole packets are handed on for as long as the connection takes any."""

    __slots__ = ("_rest", "_state", "_terms", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._state = CLOSED
        self._terms: Terms | None = None
        # The part of a packet that has arrived; None between packets.
        self._rest: bytearray | None = None

    @abstractmethod
    def _published(self, first: int, data: bytes, start: int, stop: int) -> None:
        """Take a PUBLISH after CONNACK, as :meth:`_packet` does."""

    @abstractmethod
    def _packet(self, first: int, data: bytes, start: int, stop: int) -> None:
        """Take another packet: its first byte, and its body as ``data[start:stop]``.

        Raises:
            RemoteProtocolError: It breaks the protocol.
        """

    @abstractmethod
    def _check(self, first: int) -> None:
        """Raise for a first byte that no packet may have now, however long its body."""

    @abstractmethod
    def _fail(self, fault: MqttError) -> None:
        """End the connection: the broker broke the protocol."""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._state not in _TAKING:
            return
        try:
            rest = self._rest
            if rest is not None:
                rest += data
                if not self._is_whole(rest):
                    return
                data, self._rest = bytes(rest), None
            self._cut(data)
        except MqttError as fault:
            self._fail(fault)
        except RemoteProtocolError as error:
            self._fail(MqttError(Fault.MALFORMED, error.message))

    def _cut(self, data: bytes) -> None:
        position, end = 0, len(data)
        limit = self._terms.taken_bytes  # type: ignore[union-attr]  # a connection has terms
        while end - position >= 2:
            start, length = position + 2, data[position + 1]
            if length & 0x80:
                # Nearly every OCPP message lies between 128 and 16,383 bytes: the two-byte length is spelled out.
                if start < end and data[start] < 0x80:
                    length += (data[start] << 7) - 0x80
                    start += 1
                else:
                    self._check(data[position])
                    start, length = _body(data, position, end)
            stop, first = start + length, data[position]
            if stop > end or not start or stop - position > limit:
                break
            if first & 0xF0 == PUBLISH and self._state != CONNECTING:
                self._published(first, data, start, stop)
            else:
                self._packet(first, data, start, stop)
            if self._state not in _TAKING:
                return
            position = stop
        if position < end:
            rest = bytearray(data[position:])
            self._is_whole(rest)
            self._rest = rest

    def _is_whole(self, rest: bytearray) -> bool:
        """Whether a packet of which a part has arrived is complete. What cannot be one is not waited for.

        Raises:
            MqttError: It cannot be a packet, or is too large.
        """
        self._check(rest[0])
        start, length = _body(rest, 0, len(rest))
        limit = self._terms.taken_bytes  # type: ignore[union-attr]
        if start + length > limit:
            raise MqttError(Fault.TOO_LARGE, f"{start + length} bytes; {limit} is the limit")
        return 0 < start <= start + length <= len(rest)


def _body(data: bytes | bytearray, position: int, end: int) -> tuple[int, int]:
    """Where the body of the packet at ``position`` begins, and its length (section 2.2.3); 0, 0: its header is cut off.

    Raises:
        MqttError: The length has no end.
    """
    length = 0
    for digit in range(1, _LONGEST_HEADER):
        at = position + digit
        if at >= end:
            return 0, 0
        length |= (data[at] & 0x7F) << 7 * (digit - 1)
        if not data[at] & 0x80:
            return at + 1, length
    raise MqttError(Fault.MALFORMED, "remaining length of more than four bytes")
