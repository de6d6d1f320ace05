"""A client's side of the opening handshake (RFC 6455 section 4.1), without I/O.

Requests are alike but for id and key, so ``websockets`` renders one for each gateway.
"""

from __future__ import annotations

import random
from base64 import b64encode
from functools import lru_cache
from typing import NamedTuple

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.errors import UsageError
from loadtest.transport import websocket_plain_handshake as plain
from loadtest.transport.websocket_handshake import END_OF_HEAD, MAX_HEAD_BYTES, HandshakeRefused

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
            end = received.find(END_OF_HEAD)
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
