"""The byte stream of one MQTT connection, cut into control packets in place.

As :mod:`loadtest.transport.mqtt_decoder` does, but without an object of its own per connection or per packet: tens of
thousands of connections rest in a process, and between packets each holds nothing.
"""

from __future__ import annotations

from abc import abstractmethod

from loadtest.errors import RemoteProtocolError
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.wire import Wire

_LONGEST_HEADER = 5


class PacketStream(Wire):
    """Subclass it; whole packets go to :meth:`_packet` until :meth:`_ended` says that nothing more is taken."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        # The part of a packet that has arrived; None between packets.
        self._rest: bytearray | None = None

    @abstractmethod
    def _packet(self, first: int, data: bytes, start: int, stop: int) -> None:
        """Take a packet: its first byte, and its body as ``data[start:stop]``.

        Raises:
            RemoteProtocolError: It breaks the protocol.
        """

    @abstractmethod
    def _check(self, first: int) -> None:
        """Raise for a first byte that no packet may have now, however long its body."""

    @abstractmethod
    def _largest(self) -> int:
        """Largest packet taken, header included."""

    @abstractmethod
    def _ended(self) -> bool:
        """Whether what is still to come is of no interest."""

    @abstractmethod
    def _fail(self, fault: MqttError) -> None:
        """End the connection: the broker broke the protocol."""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._ended():
            return
        try:
            if self._rest is None:
                self._cut(data)
            else:
                self._continue(self._rest, data)
        except MqttError as fault:
            self._fail(fault)
        except RemoteProtocolError as error:
            self._fail(MqttError(Fault.MALFORMED, error.message))

    def _continue(self, rest: bytearray, data: bytes) -> None:
        """Go on with a packet of which a part had arrived."""
        rest += data
        if len(rest) < 2:
            return
        start, stop = self._bounds(rest, 0, len(rest))
        if not start or stop > len(rest):
            self._check(rest[0])
            return
        self._rest = None
        self._cut(bytes(rest))

    def _cut(self, data: bytes) -> None:
        position, end = 0, len(data)
        while end - position >= 2:
            length, start = data[position + 1], position + 2
            stop = start + length
            if length & 0x80:
                start, stop = self._bounds(data, position, end)
            if stop > end or not start:
                self._check(data[position])  # do not wait for the rest of what cannot be a packet
                break
            self._packet(data[position], data, start, stop)
            if self._ended():
                return
            position = stop
        if position < end:
            self._rest = bytearray(data[position:])

    def _bounds(self, data: bytes | bytearray, position: int, end: int) -> tuple[int, int]:
        """Where the body of the packet at ``position`` begins and ends (section 2.2.3); 0, 0: its header is not whole.

        Raises:
            MqttError: The length is not one, or too large.
        """
        length = 0
        for digit in range(1, _LONGEST_HEADER):
            at = position + digit
            if at >= end:
                return 0, 0
            length |= (data[at] & 0x7F) << 7 * (digit - 1)
            if not data[at] & 0x80:
                stop = at + 1 + length
                if stop - position > self._largest():
                    detail = f"{stop - position} bytes; {self._largest()} is the limit"
                    raise MqttError(Fault.TOO_LARGE, detail)
                return at + 1, stop
        raise MqttError(Fault.MALFORMED, "remaining length of more than four bytes")
