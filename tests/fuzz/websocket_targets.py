"""WebSocket: frames and handshakes of both sides, fed with anything a peer might send."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar

from fuzz.surroundings import MemoryTransport, in_pieces, still_loop

from loadtest.transport import websocket_frames as ws
from loadtest.transport.websocket_client import ClientHandshake, WebSocketClient
from loadtest.transport.websocket_client_opening import ClientOpening
from loadtest.transport.websocket_connection import OPEN
from loadtest.transport.websocket_handshake import MAX_HEAD_BYTES, MAX_REASON
from loadtest.transport.websocket_server import Accept, Reject, WebSocketServerConnection
from loadtest.transport.websocket_server_opening import ServerOpening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.transport.websocket_connection import WebSocketConnection

LIMIT = 2048
"""Longest message taken here."""

HELD_BYTES = 4 * LIMIT
"""What a connection may hold of a message under way, containers included: twice the message, for bytearrays grow."""

ACCEPT_HERE = b"%ACCEPT%"
"""Where a server's answer has the digest of the client's key, which no input can know."""

PROBE = b"still here"


class _Recorded:
    """Hooks that keep what is said to them."""

    __slots__ = ()
    max_message_bytes: ClassVar[int] = LIMIT
    heard: list[tuple[int, bytes]]
    ends: list[int | None]
    refusals: list[int]

    def on_text(self, payload: bytes) -> None:
        self.heard.append((ws.TEXT, payload))

    def on_binary(self, payload: bytes) -> None:
        self.heard.append((ws.BINARY, payload))

    def on_ping(self) -> None:
        self.heard.append((ws.PING, b""))

    def on_pong(self) -> None:
        self.heard.append((ws.PONG, b""))

    def on_refused(self, status: int, reason: str) -> None:
        assert len(reason.encode()) <= 4 * MAX_REASON
        self.refusals.append(status)

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        assert exc is None or isinstance(exc, ws.FrameError)
        self.ends.append(exc.close_code if isinstance(exc, ws.FrameError) else code)


class Server(_Recorded, WebSocketServerConnection):
    __slots__ = ("ends", "heard", "refusals")

    def __init__(self) -> None:
        super().__init__()
        self.heard, self.ends, self.refusals = [], [], []

    def on_request(self, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        assert all(name == name.lower() for name in headers)
        return Reject(404, "not_found") if path.startswith("/no") else Accept("ocpp1.6")


class Client(_Recorded, WebSocketClient):
    __slots__ = ("ends", "heard", "refusals")

    def __init__(self) -> None:
        super().__init__()
        self.heard, self.ends, self.refusals = [], [], []

    def handshake(self) -> ClientHandshake:
        return ClientHandshake("ws://host/ocpp/A", ("ocpp1.6",))


def server_frames(data: bytes) -> None:
    """A client's frames: an open connection hears what a reader given the whole stream reads, however it is cut."""
    _frames(data, Server(), ws.client_frame(ws.TEXT, PROBE))


def client_frames(data: bytes) -> None:
    """A server's frames, likewise."""
    _frames(data, Client(), ws.server_frame(ws.TEXT, PROBE))


def _frames(data: bytes, connection: Server | Client, probe: bytes) -> None:
    stream, pieces = in_pieces(data)
    is_server = isinstance(connection, Server)
    reader = ws.FrameReader(expect_masked=is_server, max_message_bytes=LIMIT)
    fault: ws.FrameError | None = None
    try:
        messages = reader.feed(stream)
    except ws.FrameError as error:
        fault, messages = error, error.messages
    closing = next((payload for opcode, payload in messages if opcode == ws.CLOSE), None)
    heard = [
        (opcode, b"" if opcode in {ws.PING, ws.PONG} else payload) for opcode, payload in messages if opcode != ws.CLOSE
    ]
    with still_loop():
        transport = _open(connection)
        for piece in pieces:
            connection.data_received(piece)
            assert held_bytes(connection) <= HELD_BYTES + sys.getsizeof(piece)
        assert connection.heard == heard
        assert connection.is_open == (closing is None and fault is None)
        if connection.is_open and connection._incoming is None:
            connection.data_received(probe)
            assert connection.heard.pop() == (ws.TEXT, PROBE)
        written = ws.FrameReader(expect_masked=not is_server, max_message_bytes=LIMIT).feed(bytes(transport.written))
        answers = [opcode for opcode, _ in written]
        assert answers == [ws.PONG for opcode, _ in heard if opcode == ws.PING] + [ws.CLOSE] * (not connection.is_open)
        _end(connection)
    ending = None if closing is None else ws.close_code(closing)
    assert connection.ends == [fault.close_code if fault else ending]


def server_handshake(data: bytes) -> None:
    """A request, and what follows it: the same outcome however it is cut, an answer that is HTTP, or patience."""
    stream, pieces = in_pieces(data)
    outcomes = []
    for parts in ([stream], pieces):
        server, transport = Server(), MemoryTransport()
        with still_loop():
            server.connection_made(transport)
            for part in parts:
                server.data_received(part)
                assert head_bytes(server) <= MAX_HEAD_BYTES + max(map(len, parts))
            if server.is_opening:
                assert len(stream) <= MAX_HEAD_BYTES
                assert not transport.written
            else:
                assert transport.written.startswith(b"HTTP/1.1 ")
                assert bool(server.refusals) == (not transport.written.startswith(b"HTTP/1.1 101 "))
                assert transport.ended or not server.refusals
            outcomes.append((server.heard, server.refusals, bytes(transport.written), transport.ended))
            _end(server)
        assert len(server.ends) == 1
    assert outcomes[0] == outcomes[1]


def client_handshake(data: bytes) -> None:
    """A server's answer, and its end: opened, refused with a reason, or patience within bounds."""
    client, transport = Client(), MemoryTransport()
    with still_loop():
        client.connection_made(transport)
        request = bytes(transport.written)
        assert request.startswith(b"GET /ocpp/A HTTP/1.1\r\n")
        opening = client._incoming
        assert isinstance(opening, ClientOpening)
        accept = next(value for name, value in _answer(request) if name == b"Sec-WebSocket-Accept")
        _, pieces = in_pieces(data[:2] + data[2:].replace(ACCEPT_HERE, accept))
        for piece in pieces:
            client.data_received(piece)
            assert head_bytes(client) <= MAX_HEAD_BYTES + max(map(len, pieces))
        assert len(client.refusals) <= 1
        assert not (client.refusals and client.is_open)
        assert (
            transport.ended
            or client.is_open
            or client.is_opening
            or client.heard
            or len(transport.written) > len(request)
        )
        client.eof_received()
        assert not client.is_open
        assert len(client.refusals) <= 1
        _end(client)


def _answer(request: bytes) -> list[tuple[bytes, bytes]]:
    """The headers with which a server accepts a request."""
    opening = ServerOpening(lambda *_: Accept("ocpp1.6"))
    opening.feed(request)
    lines = opening.response.split(b"\r\n")[1:]
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def held_bytes(connection: WebSocketConnection) -> int:
    """What a connection holds of a message that is not complete."""
    reader = connection._incoming
    if not isinstance(reader, ws.FrameReader):
        return 0
    return sys.getsizeof(reader._buffer) + sys.getsizeof(reader._joined)


def head_bytes(connection: WebSocketConnection) -> int:
    """What a connection holds of a head that is not complete."""
    opening = connection._incoming
    return len(opening._head) if isinstance(opening, ClientOpening | ServerOpening) else 0


def _open(connection: Server | Client) -> MemoryTransport:
    """Past the handshake, which has targets of its own."""
    transport = MemoryTransport()
    connection.connection_made(transport)
    connection._incoming = None
    connection._state = OPEN
    transport.written.clear()
    return transport


def _end(connection: Server | Client) -> None:
    """TCP ends: that is told once, and nothing stays."""
    before = len(connection.ends)
    connection.connection_lost(None)
    assert len(connection.ends) == before + 1
    assert connection._incoming is None
    assert connection.transport is None
    assert not connection.is_open
    heard = len(connection.heard)
    connection.data_received(ws.server_frame(ws.TEXT, b"after the end"))
    assert len(connection.heard) == heard
