"""One TCP connection to an MQTT broker: handshake, coalesced writing, keep alive. Knows no session.

All packets of one loop turn leave in one write: it takes a QoS 1 publish from about 30 to about 9 µs and lets
the broker read in batches.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import TYPE_CHECKING, cast

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady, LoadTestError, RemoteProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport import tls
from loadtest.transport.mqtt_decoder import Connack, Decoder, Pingresp

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.transport.mqtt_decoder import Packet
    from loadtest.transport.mqtt_url import BrokerAddress

HANDSHAKE_TIMEOUT_S = 10.0
WRITE_BUFFER_HIGH_BYTES = 1 << 20

_REFUSALS = {
    1: ("does not speak MQTT 3.1.1", "the broker is too old, or speaks only MQTT 5"),
    2: ("refuses the client identifier", "another policy on client identifiers is needed in the broker"),
    3: ("says it is unavailable", "look at the broker's log"),
    4: ("refuses the user name or password", "write them into the URL: mqtt://user:password@host:port"),
    5: (
        "says this client is not authorised",
        "write user and password into the URL; may those in it connect?",
    ),
}
"""CONNACK return codes (section 3.2.2.3)."""


class Connection(asyncio.Protocol):
    """Packets of one connection, from CONNACK to its end.

    Args:
        on_packet: Called for each packet but PINGRESP, CONNACK first.
        on_lost: Called once, with the reason, when an established connection ends for any cause.
        on_writable: Called with ``False`` when the broker stops reading, with ``True`` when it goes on.
        keep_alive_s: As announced in CONNECT. The peer is declared dead after at most this long in silence; 0: never.
    """

    def __init__(
        self,
        on_packet: Callable[[Packet], None],
        on_lost: Callable[[str], None],
        on_writable: Callable[[bool], None],
        *,
        keep_alive_s: float,
        max_packet_bytes: int,
    ) -> None:
        self.connack: asyncio.Future[Connack] = asyncio.get_running_loop().create_future()
        self._on_packet = on_packet
        self._on_lost = on_lost
        self._on_writable = on_writable
        self._keep_alive_s = keep_alive_s
        self._decoder = Decoder(max_packet_bytes)
        self._loop = asyncio.get_running_loop()
        self.received_ns = 0
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._established = False
        self._heard = False
        self._awaiting_pingresp = False
        self._reason = ""
        self._keep_alive: asyncio.TimerHandle | None = None

    @property
    def backlog_bytes(self) -> int:
        """What the broker has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass
        transport.set_write_buffer_limits(high=WRITE_BUFFER_HIGH_BYTES)
        # Without it Nagle's algorithm meets delayed acknowledgement: 44 ms that nobody caused.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self.received_ns = monotonic_ns()
        self._heard = True
        try:
            for packet in self._decoder.feed(data):
                if self._established and type(packet) is not Connack:
                    if type(packet) is not Pingresp:
                        self._on_packet(packet)
                else:
                    self._handshake(packet)
        except RemoteProtocolError as error:
            self.abort(error.message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        self._out.clear()
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        reason = self._reason or (str(exc) if exc else "the broker closed the connection")
        if self._established:
            self._on_lost(reason)
        elif not self.connack.done():
            self.connack.set_exception(EnvironmentNotReady(reason))

    def pause_writing(self) -> None:
        """Called by the loop."""
        self._on_writable(False)  # noqa: FBT003

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._on_writable(True)  # noqa: FBT003

    def pause_reading(self) -> None:
        """Take nothing more from the socket; what was read before is still passed on."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def write(self, packet: bytes) -> None:
        """Queue a packet; it leaves with all others of this loop turn."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(packet)

    def flush(self) -> None:
        """Write what is queued now."""
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def abort(self, reason: str) -> None:
        """Cut the connection without ceremony."""
        if self._transport is not None:
            self._reason = self._reason or reason
            self._transport.abort()
            self._transport = None

    def disconnect(self) -> None:
        """Send what is queued and DISCONNECT, then close."""
        if self._transport is not None:
            self._reason = "closed here"
            self.write(codec.DISCONNECT)
            self.flush()
            self._transport.close()

    def _handshake(self, packet: Packet) -> None:
        if type(packet) is not Connack or self.connack.done():
            raise RemoteProtocolError(f"MQTT {type(packet).__name__} where it may not be")
        if packet.return_code == 0:
            self._established = True
            self._ping_later()
            self._on_packet(packet)
        self.connack.set_result(packet)

    def _ping_later(self) -> None:
        if self._keep_alive_s:
            self._keep_alive = self._loop.call_later(self._keep_alive_s / 2, self._ping)

    def _ping(self) -> None:
        if self._awaiting_pingresp and not self._heard:
            self.abort(f"the broker was silent for {self._keep_alive_s / 2:g} s after a ping")
            return
        self._heard = False
        self._awaiting_pingresp = True
        self.write(codec.PINGREQ)
        self._ping_later()


async def establish(address: BrokerAddress, connection: Connection, connect_packet: bytes) -> None:
    """Connect, send CONNECT and wait until CONNACK has accepted it.

    Raises:
        EnvironmentNotReady: Nothing answers there, or the broker refuses; the hint says what to do.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            context = tls.client_context() if address.encrypted else None
            await loop.create_connection(lambda: connection, address.host, address.port, ssl=context)
            connection.write(connect_packet)
            connack = await connection.connack
    except TimeoutError:
        connection.abort("handshake timed out")
        raise EnvironmentNotReady(
            f"MQTT broker {address} did not answer within {HANDSHAKE_TIMEOUT_S:g} s", hint="is it an MQTT broker?"
        ) from None
    except ssl.SSLError as error:
        raise EnvironmentNotReady(
            f"MQTT broker {address}: {tls.in_words(error, authorities='the environment variable SSL_CERT_FILE')}"
        ) from None
    except OSError as error:
        # uvloop writes a text of its own into strerror; name resolution has error numbers of its own, below zero.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise EnvironmentNotReady(
            f"MQTT broker {address} cannot be reached: {reason}",
            hint="is it running, and is that its address?",
        ) from None
    except LoadTestError as error:
        raise EnvironmentNotReady(
            f"MQTT broker {address} ended the handshake: {error.message}",
            hint="is it an MQTT broker?" + ("" if address.encrypted else " where it speaks TLS, write mqtts://"),
        ) from None
    if connack.return_code:
        connection.abort("refused")
        what, hint = _REFUSALS.get(connack.return_code, (f"refuses with return code {connack.return_code}", ""))
        raise EnvironmentNotReady(f"MQTT broker {address} {what}", hint=hint)
