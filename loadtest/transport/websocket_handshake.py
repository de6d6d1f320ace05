"""The opening handshake of both sides (RFC 6455 section 4), without I/O; ``websockets`` knows its rules.

A client's requests are alike but for id and key, so ``websockets`` renders one for each gateway; of requests and
answers it reads those that are not plain.

An opening is fed with whatever arrives until it gives back the bytes that follow the HTTP head, which already
belong to the first frame; then it is thrown away.
"""

from __future__ import annotations

import http
import random
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.errors import LoadTestError, UsageError
from loadtest.transport import websocket_plain_handshake as plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_HEAD_BYTES = 16 * 1024
"""Longest request or response head. Far above what charge points send, far below what could exhaust memory."""

MAX_REASON = 200
"""Characters of a refusal's reason that are kept."""

_JUDGED_HEADERS = ("upgrade", "connection", "sec-websocket-")
_END_OF_HEAD = b"\r\n\r\n"

# The key shows that the answer is one to this request, and is no secret (section 1.3), so a fast generator does.
_random_bits = random.Random().getrandbits


class ClientHandshake(NamedTuple):
    """What a client asks for.

    Attributes:
        uri: ``ws://host:port/path``; credentials in it become an ``Authorization: Basic`` header.
        subprotocols: Offered in this order; the server must select one of them unless there are none.
        headers: Further request headers.
    """

    uri: str
    subprotocols: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class Accept(NamedTuple):
    """A server's yes, with the subprotocol it selects."""

    subprotocol: str | None


class Reject(NamedTuple):
    """A server's no: the HTTP status, and the word in the body that says why."""

    status: int
    reason: str


class HandshakeRefused(LoadTestError):  # noqa: N818 - reads as the event it reports
    """The server did not open the connection.

    Attributes:
        status: The HTTP status, or 0 when the answer was not HTTP or broke the WebSocket handshake's rules.
        reason: The first line of the body, else the status phrase, else what was wrong.
    """

    def __init__(self, status: int, reason: str) -> None:
        # It may quote the peer, whose bytes beyond ASCII stand in it as surrogates that nobody could encode.
        reason = reason.encode(errors="backslashreplace").decode()[:MAX_REASON]
        super().__init__(f"WebSocket handshake refused: {status} {reason}")
        self.status = status
        self.reason = reason


class ClientOpening:
    """A client's side of one handshake.

    Attributes:
        request: The bytes to send first.

    Raises:
        UsageError: The URI is not a WebSocket URI.
    """

    __slots__ = ("_handshake", "_head", "_key", "_refusal", "request")

    def __init__(self, handshake: ClientHandshake) -> None:
        self._handshake = handshake
        self._key = b64encode(_random_bits(128).to_bytes(16, "big"))
        self._head = b""
        self._refusal: ClientProtocol | None = None  # reads one that may have a body
        if (parts := plain.split(handshake.uri)) is not None:
            base, name = parts
            self.request = _template(base, handshake.subprotocols).filled(name, self._key, handshake.headers)
        else:
            request = self._protocol().connect()
            for field, value in handshake.headers:
                request.headers[field] = value
            self.request = request.serialize()

    def _protocol(self) -> ClientProtocol:
        return _client_protocol(self._handshake.uri, self._handshake.subprotocols, self._key)

    def feed(self, data: bytes) -> bytes | None:
        """Take what has arrived; the bytes after the head once the connection is open, None before.

        Raises:
            HandshakeRefused: The server said no, or nonsense.
        """
        received = self._head + data
        if self._refusal is None:
            end = received.find(_END_OF_HEAD)
            if end < 0:
                if len(received) > MAX_HEAD_BYTES:
                    raise HandshakeRefused(0, "response head too long")
                self._head = received
                return None
            if received.startswith(b"HTTP/1.1 101"):
                head = received[: end + 4]
                if not plain.accepts(head, self._key, self._handshake.subprotocols):
                    protocol = self._protocol()
                    protocol.receive_data(head)
                    self._judge(protocol)
                return received[end + 4 :]
            self._refusal = self._protocol()
            self._head = b""
        self._refusal.receive_data(received)
        if self._refusal.handshake_exc is not None:
            self._judge(self._refusal)
        return None

    def end(self) -> None:
        """The server closed its side before the connection was open; a refusal without a length ends so.

        Raises:
            HandshakeRefused: Something had arrived, so it was an answer of a kind.
        """
        if self._head or self._refusal is not None:
            protocol = self._refusal or self._protocol()
            protocol.receive_data(self._head)
            protocol.receive_eof()
            self._judge(protocol)

    def _judge(self, protocol: ClientProtocol) -> None:
        fault = protocol.handshake_exc
        if isinstance(fault, InvalidStatus):
            response = fault.response
            lines = (response.body or b"").decode(errors="replace").strip().splitlines()
            raise HandshakeRefused(response.status_code, lines[0] if lines else response.reason_phrase) from fault
        if fault is not None:
            cause = fault.__cause__
            raise HandshakeRefused(0, f"{fault}: {cause}" if cause else str(fault)) from fault
        if self._handshake.subprotocols and protocol.subprotocol is None:
            raise HandshakeRefused(0, "the server selected no subprotocol")


def _client_protocol(uri: str, subprotocols: tuple[str, ...], key: bytes) -> ClientProtocol:
    """What ``websockets`` makes a request with, and judges the answer.

    Raises:
        UsageError: The URI is not a WebSocket URI.
    """
    try:
        parsed = parse_uri(uri)
    except (InvalidURI, ValueError) as error:
        raise UsageError(f"{uri!r} is not a WebSocket URL: {error}") from error
    # Frames never reach this object, so no extension may be agreed and its own limits do not matter.
    protocol = ClientProtocol(parsed, subprotocols=[Subprotocol(name) for name in subprotocols] or None)
    protocol.key = key.decode()
    return protocol


@lru_cache(maxsize=16)
def _template(base: str, subprotocols: tuple[str, ...]) -> plain.RequestTemplate:
    """The requests for all that lies below ``base``; raises as :func:`_client_protocol`."""
    protocol = _client_protocol(base, subprotocols, b64encode(bytes(16)))
    return plain.RequestTemplate.of(protocol.connect().serialize(), protocol.key.encode())


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
        end = self._head.find(_END_OF_HEAD)
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
