"""The MQTT connection of one client among tens of thousands: what ``WebSocketClient`` is on the other path.

The object *is* the loop's protocol, and meant to be subclassed by what owns the connection: no task, queue, future or
lasting timer exists per connection. Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.1, 3.2, 3.8, 3.9, 3.12 to 3.14.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, cast

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport import mqtt_reasons as reasons
from loadtest.transport.mqtt_exchange import CLOSED, CLOSING, CONNECTING, ENDED, OPEN, SUBSCRIBING, MqttExchange
from loadtest.transport.mqtt_faults import Fault, MqttError

if TYPE_CHECKING:
    from loadtest.transport.mqtt_terms import ConnectRequest, Terms

CLOSE_TIMEOUT_S = 10.0
"""How long the broker may take to end TCP after DISCONNECT before the connection is cut."""

_SUBSCRIBE_ID = 0xFFFF  # no message's

_PUBREL = codec.PUBREL | 2
_FIRST_BYTES = frozenset(
    (codec.CONNACK, codec.PUBACK, codec.PUBREC, _PUBREL, codec.PUBCOMP, codec.SUBACK, codec.PINGRESP)
)
"""Of what a broker may send beside PUBLISH, with the flags section 2.2.2 reserves."""


class MqttWire(MqttExchange):
    """Subclass it, override the hooks, and give it to ``loop.create_connection(lambda: wire, host, port)``.

    It sends CONNECT as soon as TCP is connected, and one SUBSCRIBE once it is accepted. A connection goes through
    :meth:`on_accepted` and :meth:`on_open`, any number of :meth:`on_publish`, and exactly one :meth:`on_closed` once
    TCP has ended, whatever ended it. When the broker refuses, :meth:`on_refused` comes in place of ``on_open``, and
    ``on_closed`` still follows; when TCP ends without an answer, ``on_closed`` comes alone. After it, the same object
    may connect again: what the broker has not acknowledged is sent again if the broker has kept the session.

    A deadline for the answers, and pings, are the owner's business: it calls :meth:`abort` and :meth:`send_ping`.

    Attributes:
        transport: The TCP connection, None while there is none.
    """

    __slots__ = ("_ending",)

    def __init__(self) -> None:
        super().__init__()
        # How it ends: the reason code the broker gave, or the fault that made us leave.
        self._ending: int | MqttError | None = None

    # -- what to ask for, and hooks ----------------------------------------------------------------------------------

    @abstractmethod
    def connect_request(self) -> ConnectRequest:
        """What to say in CONNECT; called at each connection made.

        It must be valid: a :class:`~loadtest.errors.LocalProtocolError` raised here surfaces in the loop.
        """

    @abstractmethod
    def subscription(self) -> tuple[bytes, int]:
        """The topic filter where messages for this client arrive, and the highest QoS wanted."""

    def on_accepted(self, *, session_present: bool) -> None:
        """CONNACK accepts us.

        Before this, :attr:`unacknowledged` counts the messages of earlier connections: they are sent again now if the
        session is present, and are forgotten otherwise.
        """

    def on_open(self) -> None:
        """The subscription stands; messages may be sent."""

    def on_refused(self, status: int, reason: str) -> None:
        """The broker refuses the connection.

        Args:
            status: Reason code as MQTT 5 has them, whatever the version; 0 when the answer broke the protocol.
            reason: What it means.
        """

    def on_subscription_refused(self, code: int) -> None:
        """The broker accepts the client, but not its subscription; the connection is being ended."""
        self.on_refused(code, f"subscription refused: {reasons.in_words(code)}")

    def on_pong(self) -> None:
        """The broker has answered a ping."""

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The TCP connection has ended.

        Args:
            code: The reason the broker gave in DISCONNECT, None when there was none.
            exc: The broker's violation of the protocol (:class:`MqttError`) or the network's error, None for an orderly
                end.
        """

    # -- the owner's calls -------------------------------------------------------------------------------------------

    @property
    def is_opening(self) -> bool:
        """TCP is connected, and the broker has not yet agreed to everything."""
        return self._state in (CONNECTING, SUBSCRIBING)

    @property
    def terms(self) -> Terms | None:
        """What holds for the connection; None when there is none."""
        return self._terms

    def send_ping(self) -> None:
        """Send a PINGREQ; the answer arrives at :meth:`on_pong`.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        if self._state != OPEN or self.transport is None:
            raise LocalProtocolError("MQTT ping on a connection that is not open")
        self.transport.write(codec.PINGREQ)

    def close(self) -> None:
        """Take leave: the broker publishes no will. Before the connection is open this is :meth:`abort`.

        The broker ends TCP first, so that TIME_WAIT does not use up the client's ports.
        """
        if self._state == OPEN and self.transport is not None:
            self.transport.write(codec.DISCONNECT)
            self._state = CLOSING
            self._cut_later()
        elif self.is_opening:
            self.abort()

    def abort(self) -> None:
        """Cut the TCP connection, dropping what is still to be written: the broker publishes the will."""
        if self.transport is not None:
            self._state = ENDED
            self.transport.abort()

    def forget_session(self) -> None:
        """Lose what was to survive a connection, as a restart does."""
        self._in_flight = None

    # -- packets other than messages and their acknowledgements ------------------------------------------------------

    def _packet(self, first: int, data: bytes, start: int, stop: int) -> None:
        if self._state == CONNECTING:
            if first != codec.CONNACK:
                raise MqttError(Fault.OUT_OF_ORDER, f"first byte {first:#04x} before CONNACK")
            self._answered(data[start:stop])
        elif first & 0xF0 == codec.PUBLISH:
            self._published(first, data, start, stop)
        elif first in (codec.PUBACK, codec.PUBREC, codec.PUBCOMP, _PUBREL):
            self._about_message(first & 0xF0, data, start, stop)
        elif first == codec.PINGRESP and start == stop:
            self.on_pong()
        elif first == codec.SUBACK:
            self._subscribed(data[start:stop])
        elif first == codec.CONNACK:
            raise MqttError(Fault.OUT_OF_ORDER, "a second CONNACK")
        else:
            raise MqttError(Fault.MALFORMED, f"first byte {first:#04x}, {stop - start} bytes")

    def _about_message(self, kind: int, data: bytes, start: int, stop: int) -> None:
        if stop - start != 2:
            raise MqttError(Fault.MALFORMED, f"acknowledgement of {stop - start} bytes")
        packet_id = data[start] << 8 | data[start + 1]
        if not packet_id:
            raise MqttError(Fault.MALFORMED, "acknowledgement with packet id 0")
        if kind == codec.PUBREL:
            self._released(packet_id)
        else:
            self._acknowledged(kind, packet_id, 0)

    def _answered(self, body: bytes) -> None:
        """CONNACK (section 3.2)."""
        if len(body) != 2 or body[0] > 1:
            raise MqttError(Fault.MALFORMED, f"CONNACK of {len(body)} bytes")
        code = reasons.RETURN_CODES.get(body[1], body[1])
        if code:
            self._end_tcp()
            self.on_refused(code, reasons.in_words(code))
        else:
            self._accepted(session_present=body[0] == 1)

    def _accepted(self, *, session_present: bool) -> None:
        assert self.transport is not None
        self._state = SUBSCRIBING
        self.on_accepted(session_present=session_present)
        if self._state != SUBSCRIBING:
            return
        self.transport.write(codec.subscribe(_SUBSCRIBE_ID, [self.subscription()]))
        if session_present:
            self._resume()
        else:
            self._in_flight = None

    def _subscribed(self, body: bytes) -> None:
        """SUBACK (section 3.9)."""
        if len(body) != 3 or body[2] not in (0, 1, 2, codec.REFUSED):
            raise MqttError(Fault.MALFORMED, f"SUBACK of {len(body)} bytes")
        if body[0] << 8 | body[1] != _SUBSCRIBE_ID:
            raise MqttError(Fault.OUT_OF_ORDER, "SUBACK for no SUBSCRIBE")
        if body[2] >= reasons.FIRST_FAILURE:
            self._end_tcp()
            self.on_subscription_refused(body[2])
        else:
            self._opens()

    def _opens(self) -> None:
        if self._state == SUBSCRIBING:
            self._state = OPEN
            self.on_open()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _check(self, first: int) -> None:
        if self._state == CONNECTING and first != codec.CONNACK:
            raise MqttError(Fault.OUT_OF_ORDER, f"first byte {first:#04x} before CONNACK")
        if first & 0xF0 != codec.PUBLISH and first not in _FIRST_BYTES:
            raise MqttError(Fault.MALFORMED, f"first byte {first:#04x}")

    def _largest(self) -> int:
        return 0 if self._terms is None else self._terms.taken_bytes

    def _ended(self) -> bool:
        return self._state in (CLOSED, CLOSING, ENDED)

    def _fail(self, fault: MqttError) -> None:
        opening = self.is_opening
        self._ending = fault
        self._end_tcp()
        if opening:
            self.on_refused(0, fault.message)

    def _end_tcp(self) -> None:
        if self.transport is not None:
            self._state = ENDED
            self._rest = None
            self.transport.close()
            self._cut_later()

    def _cut_later(self) -> None:
        assert self.transport is not None
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    # -- called by the loop ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop: send CONNECT."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it
        self._state = CONNECTING
        self._ending = None
        request = self.connect_request()
        self._terms = request.options.terms()
        self.transport.write(request.packet())

    def pause_writing(self) -> None:
        """Called by the loop: a broker that does not read our answers is not read either."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by the loop."""
        if self.transport is not None:
            self.transport.resume_reading()

    def eof_received(self) -> None:
        """The broker will send no more; the loop closes the connection after this."""
        self._state = ENDED

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection has ended."""
        ending = self._ending
        self.transport = self._rest = self._terms = self._ending = None
        self._state = CLOSED
        if isinstance(ending, MqttError):
            self.on_closed(None, ending)
        else:
            self.on_closed(ending, exc)
