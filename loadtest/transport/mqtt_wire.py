"""The MQTT connection of one client among tens of thousands: what ``WebSocketClient`` is on the other path.

The object *is* the loop's protocol, and meant to be subclassed by what owns the connection: no task, queue, future or
lasting timer exists per connection. Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.12 to 3.15 and 4.13.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt5_codec, mqtt5_decoder
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_properties import decode
from loadtest.transport.mqtt_agreement import MqttAgreement
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_packet_stream import CLOSED, CLOSING, CONNECTING, ENDED, OPEN, SUBSCRIBING
from loadtest.transport.mqtt_terms import asked

if TYPE_CHECKING:
    from loadtest.transport.mqtt_terms import Terms

CLOSE_TIMEOUT_S = 10.0
"""How long the broker may take to end TCP after DISCONNECT before the connection is cut."""

_PUBREL = codec.PUBREL | 2
_AUTH, _DISCONNECT = 0xF0, 0xE0
_ACKNOWLEDGEMENTS = frozenset((codec.PUBACK, codec.PUBREC, _PUBREL, codec.PUBCOMP))
_FIRST_BYTES = _ACKNOWLEDGEMENTS | {codec.CONNACK, codec.SUBACK, codec.UNSUBACK, codec.PINGRESP}
"""Of what a broker may send beside PUBLISH, with the flags section 2.2.2 reserves."""


class MqttWire(MqttAgreement):
    """Subclass it, override the hooks, and give it to ``loop.create_connection(lambda: wire, host, port)``.

    It sends CONNECT as soon as TCP is connected, and one SUBSCRIBE once it is accepted. A connection goes through
    ``on_accepted`` and ``on_open``, any number of ``on_publish``, and exactly one :meth:`on_closed` once TCP has ended,
    whatever ended it. When the broker refuses, ``on_refused`` comes in place of ``on_open``, and ``on_closed`` still
    follows; when TCP ends without an answer, ``on_closed`` comes alone. After it, the same object may connect again:
    what the broker has not acknowledged is sent again if the broker has kept the session.

    A deadline for the answers, and pings, are the owner's business: it calls :meth:`abort` and :meth:`send_ping`.

    Attributes:
        transport: The TCP connection, None while there is none.
    """

    __slots__ = ("_ending",)

    def __init__(self) -> None:
        super().__init__()
        # How it ends: the reason code the broker gave, or the fault that made us leave.
        self._ending: int | MqttError | None = None

    # -- hooks -------------------------------------------------------------------------------------------------------

    def on_pong(self) -> None:
        """The broker has answered a ping."""

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The TCP connection has ended.

        Args:
            code: The reason the broker gave in DISCONNECT (MQTT 5), None when there was none.
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

    def close(self, code: int = 0) -> None:
        """Take leave: the broker publishes no will, unless the reason is another than 0.

        MQTT 3.1.1 has no reasons: with one this is :meth:`abort`, and so it is before the connection is open. The
        broker ends TCP first, so that TIME_WAIT does not use up the client's ports.
        """
        if self._state == OPEN and self.transport is not None and (not code or self._speaks_mqtt_5):
            self._say_goodbye(code)
            self._state = CLOSING
            self._cut_later()
        elif self._state in (CONNECTING, SUBSCRIBING, OPEN):
            self.abort()

    def abort(self) -> None:
        """Cut the TCP connection, dropping what is still to be written: the broker publishes the will."""
        if self.transport is not None:
            self._state = ENDED
            self.transport.abort()

    def forget_session(self) -> None:
        """Lose what was to survive a connection, as a restart does."""
        self._in_flight = None

    # -- packets -----------------------------------------------------------------------------------------------------

    def _packet(self, first: int, data: bytes, start: int, stop: int) -> None:
        if self._state == CONNECTING or first not in _ACKNOWLEDGEMENTS:
            self._check(first)
        if first in _ACKNOWLEDGEMENTS:
            self._about_message(first & 0xF0, data, start, stop)
        elif first == codec.PINGRESP and start == stop:
            self.on_pong()
        elif first == codec.SUBACK:
            self._subscribed(data[start:stop])
        elif first == codec.CONNACK and self._state == CONNECTING:
            self._answered(data[start:stop])
        elif first == _DISCONNECT:
            self._dismissed(data[start:stop])
        else:
            fault = Fault.MALFORMED if first == codec.PINGRESP else Fault.OUT_OF_ORDER
            raise MqttError(fault, f"first byte {first:#04x}, {stop - start} bytes")

    def _check(self, first: int) -> None:
        known = first & 0xF0 == codec.PUBLISH or first in _FIRST_BYTES
        if not known and (first not in (_DISCONNECT, _AUTH) or not self._speaks_mqtt_5):
            raise MqttError(Fault.MALFORMED, f"first byte {first:#04x}")
        if self._state == CONNECTING and first != codec.CONNACK:
            raise MqttError(Fault.OUT_OF_ORDER, f"first byte {first:#04x} before CONNACK")

    def _about_message(self, kind: int, data: bytes, start: int, stop: int) -> None:
        code = 0
        if stop - start != 2:
            if stop - start < 2 or not self._speaks_mqtt_5:
                raise MqttError(Fault.MALFORMED, f"acknowledgement of {stop - start} bytes")
            code = mqtt5_decoder.outcome(data[start + 2 : stop]).code
        packet_id = data[start] << 8 | data[start + 1]
        if not packet_id:
            raise MqttError(Fault.MALFORMED, "acknowledgement with packet id 0")
        if kind == codec.PUBREL:
            self._released(packet_id)
        else:
            self._acknowledged(kind, packet_id, code)

    def _dismissed(self, body: bytes) -> None:
        """DISCONNECT of the broker (MQTT 5)."""
        outcome = mqtt5_decoder.outcome(body)
        self._redirected(outcome.code, decode(outcome.properties).server_reference)
        self._ending = outcome.code
        self._end_tcp()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _fail(self, fault: MqttError) -> None:
        opening, connecting = self.is_opening, self._state == CONNECTING
        self._ending = fault
        self._leave(0 if connecting else fault.fault.reason)
        if opening:
            self.on_refused(0, fault.message)

    def _leave(self, code: int) -> None:
        if code:
            self._say_goodbye(code)
        self._end_tcp()

    def _say_goodbye(self, code: int) -> None:
        if self.transport is None:
            return
        if self._speaks_mqtt_5:
            self.transport.write(mqtt5_codec.disconnect(code))
        elif not code:
            self.transport.write(codec.DISCONNECT)

    def _end_tcp(self) -> None:
        """Close TCP once everything is written."""
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
        self._terms = asked(request.options)
        self.transport.write(request.packet())

    def pause_writing(self) -> None:
        """Called by the loop: a broker that does not read our answers is not read either."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by the loop."""
        if self.transport is not None and not self.transport.is_closing():
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
