"""A server's side of the opening handshake (RFC 6455 section 4.2), without I/O."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from loadtest.transport import websocket_plain_handshake as plain
from loadtest.transport.websocket_handshake import END_OF_HEAD, MAX_HEAD_BYTES, HandshakeRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_JUDGED_HEADERS = ("upgrade", "connection", "sec-websocket-")


class Accept(NamedTuple):
    """A server's yes, with the subprotocol it selects."""

    subprotocol: str | None


class Reject(NamedTuple):
    """A server's no: the HTTP status, and the word in the body that says why."""

    status: int
    reason: str


class ServerOpening:
    """A server's side of one handshake.

    Args:
        decide: Called once with the request target and the headers (names in lower case; a repeated header's values
            joined by commas, RFC 9110 section 5.3).

    Attributes:
        response: The bytes to send back, once :meth:`feed` has returned or raised; empty when there is nothing to say.
    """

    __slots__ = ("_decide", "_head", "response")

    def __init__(self, decide: Callable[[str, Mapping[str, str]], Accept | Reject]) -> None:
        self._decide = decide
        self._head = bytearray()
        self.response = b""

    def feed(self, data: bytes) -> bytes | None:
        """Take what has arrived; the bytes after the head once the connection is open, None before.

        Raises:
            HandshakeRefused: The connection must be closed after :attr:`response` is sent.
        """
        self._head += data
        end = self._head.find(END_OF_HEAD)
        if end < 0 and len(self._head) <= MAX_HEAD_BYTES:
            return None
        if not 0 <= end <= MAX_HEAD_BYTES:
            self._refuse(ServerProtocol(), Reject(431, "request head too long"))
        head, rest = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
        if (request := plain.read_request(head)) is not None:
            self._answer_plain(*request)
        else:
            self._answer(head)
        return rest

    def _answer_plain(self, target: str, headers: Mapping[str, str]) -> None:
        decision = self._decide(target, headers)
        if isinstance(decision, Reject):
            self._refuse(ServerProtocol(), decision)
        self.response = plain.yes(headers["sec-websocket-key"], decision.subprotocol)

    def _answer(self, head: bytes) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(head)
        events = protocol.events_received()
        if not events or not isinstance(events[0], Request):
            self._refuse(protocol, Reject(400, _root_cause(protocol.handshake_exc)))
        request = events[0]
        headers: dict[str, str] = {}
        for spelling, value in request.headers.raw_items():
            name = spelling.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        decision = self._decide(request.path, headers)
        if isinstance(decision, Reject):
            self._refuse(protocol, decision)
        # What is not ASCII is a fault here that websockets cannot tell: it would quote the header, and fail at it.
        if any(not value.isascii() for name, value in headers.items() if name.startswith(_JUDGED_HEADERS)):
            self._refuse(protocol, Reject(400, "header that is not ASCII"))
        response = protocol.accept(request)
        if response.status_code == 101 and decision.subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = decision.subprotocol
        self._send(response)
        if response.status_code != 101:
            raise HandshakeRefused(response.status_code, _root_cause(protocol.handshake_exc))

    def _refuse(self, protocol: ServerProtocol, decision: Reject) -> NoReturn:
        self._send(protocol.reject(http.HTTPStatus(decision.status), decision.reason))
        raise HandshakeRefused(decision.status, decision.reason)

    def _send(self, response: Response) -> None:
        del response.headers["Date"]  # costs more than the rest of the response together, and nobody reads it
        self.response = response.serialize()


def _root_cause(fault: BaseException | None) -> str:
    """The innermost explanation of a fault found by ``websockets``."""
    while fault is not None and fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault) if fault is not None else "not a WebSocket request"
