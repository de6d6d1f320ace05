"""A charge point behind a gateway: OCPP-J 1.6 over a WebSocket."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.engine import in_vain
from loadtest.engine.charge_point import ChargePoint
from loadtest.engine.connect_failures import cause_of_status
from loadtest.engine.layout import slots_of
from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol import frames
from loadtest.scenario.settings import GATEWAY
from loadtest.transport.websocket_client import ClientHandshake, WebSocketClient
from loadtest.transport.websocket_connection import OPEN
from loadtest.transport.websocket_frames import TEXT, client_frame

_SUBPROTOCOLS = ("ocpp1.6",)
_BRACKET = ord("[")


class WebSocketChargePoint(ChargePoint, WebSocketClient):
    """A charge point whose connection is a WebSocket to a gateway. Arguments as of :class:`ChargePoint`."""

    __slots__ = slots_of(ChargePoint)

    path: ClassVar = GATEWAY
    handshake_name: ClassVar = "WebSocket"
    peer_name: ClassVar = "gateway"

    def handshake(self) -> ClientHandshake:
        """What to ask the gateway for."""
        identity, gateway = self.identity, self.fleet.connections.diallers[GATEWAY]
        headers = gateway.credentials.headers(identity, self.number)
        return ClientHandshake(f"{gateway.url}/{quote(identity)}", _SUBPROTOCOLS, headers)

    def on_refused(self, status: int, reason: str) -> None:
        """The gateway refused the handshake."""
        text = f"handshake refused with {status} {reason}".rstrip()
        self.fleet.connections.refused(self, cause_of_status(status), text, for_good=in_vain.refusal(status))

    def send_call(self, message_id: bytes, action: bytes, payload: bytes) -> None:
        """Send a CALL; as ``send_text``, without the cost of calling it."""
        if self._state != OPEN:
            raise LocalProtocolError("CALL on a WebSocket that is not open")
        self.transport.write(client_frame(TEXT, b'[2,"%b","%b",%b]' % (message_id, action, payload)))  # type: ignore[union-attr]  # an open one has a transport

    def send_result(self, call: frames.Call, payload: bytes) -> None:
        """Answer a CALL of the central system."""
        self.send_text(frames.encode(frames.CALL_RESULT, call.message_id, msgspec.Raw(payload)))

    def send_error(self, call: frames.Call, code: str, description: str) -> None:
        """Refuse a CALL of the central system."""
        self.send_text(frames.encode(frames.CALL_ERROR, call.message_id, code, description, {}))

    @property
    def ping_interval_ns(self) -> int:
        """As the configuration has it."""
        return self.configuration.ping_interval_ns

    def on_text(self, payload: bytes) -> None:
        """A text message arrived. The answer that is waited for takes the short way; all else is read in full."""
        now_ns = monotonic_ns()
        call_id = self.call_id
        if (
            call_id is not None
            and payload[:42] == b'[3,"%b",' % call_id
            and payload[-2:] == b"}]"
            and _BRACKET not in (result := payload[42:-1])  # no second message, however separated
        ):
            self.answered(now_ns, result)
            return
        try:
            for message in frames.decode_all(payload):
                self.take(message, now_ns)
        except RemoteProtocolError:
            self.books.counters.malformed += 1
