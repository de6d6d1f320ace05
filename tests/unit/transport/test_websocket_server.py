"""The server's connection against the sans-I/O client of ``websockets``, over a transport in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.errors import LocalProtocolError
from loadtest.transport import websocket_frames as ws
from loadtest.transport.websocket_server import Accept, Reject, WebSocketServerConnection

if TYPE_CHECKING:
    from collections.abc import Mapping


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; closing, cutting and pausing are only noted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = False
        self.reading = True
        self.limit = 0

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return self.reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limit = high or 0

    def take(self) -> bytes:
        written, self.written = self.written, b""
        return written


class Server(WebSocketServerConnection):
    __slots__ = ("decision", "seen")

    def __init__(self, decision: Accept | Reject) -> None:
        super().__init__()
        self.decision = decision
        self.seen: list[tuple[object, ...]] = []

    def on_request(self, path: str, headers: Mapping[str, str]) -> Accept | Reject:
        self.seen.append(("request", path, headers.get("sec-websocket-protocol"), headers.get("x-twice")))
        return self.decision

    def on_open(self) -> None:
        self.seen.append(("open",))

    def on_refused(self, status: int, reason: str) -> None:
        self.seen.append(("refused", status, reason))

    def on_text(self, payload: bytes) -> None:
        self.seen.append(("text", payload))

    def on_binary(self, payload: bytes) -> None:
        self.seen.append(("binary", payload))

    def on_ping(self) -> None:
        self.seen.append(("ping",))

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        self.seen.append(("closed", code, exc))


def started(decision: Accept | Reject) -> tuple[Server, RecordingTransport, ClientProtocol, bytes]:
    server, transport = Server(decision), RecordingTransport()
    server.connection_made(transport)
    client = ClientProtocol(parse_uri("ws://host/ocpp/A"), subprotocols=[Subprotocol("ocpp1.6")])
    client.send_request(client.connect())
    return server, transport, client, b"".join(client.data_to_send())


def opened() -> tuple[Server, RecordingTransport, ClientProtocol]:
    server, transport, client, request = started(Accept("ocpp1.6"))
    server.data_received(request)
    client.receive_data(transport.take())
    assert client.state is OPEN
    client.events_received()
    server.seen.clear()
    return server, transport, client


def sent_by(client: ClientProtocol) -> bytes:
    return b"".join(client.data_to_send())


@given(st.data(), st.lists(st.text(max_size=200).map(str.encode), max_size=5))
def test_request_and_texts_arrive_however_the_stream_is_cut(data: st.DataObject, texts: list[bytes]) -> None:
    server, transport, client, stream = started(Accept("ocpp1.6"))
    stream += b"".join(ws.client_frame(ws.TEXT, text) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        server.data_received(stream[a:b])
    assert server.seen == [
        ("request", "/ocpp/A", "ocpp1.6", None),
        ("open",),
        *(("text", text) for text in texts),
    ]
    client.receive_data(transport.take())
    assert client.state is OPEN
    assert client.subprotocol == "ocpp1.6"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 0xFFFF, 0x1_0000, 300_000])
def test_each_length_encoding_both_ways(size: int) -> None:
    server, transport, client = opened()
    client.send_text(b"c" * size)
    server.data_received(sent_by(client))
    assert server.seen == [("text", b"c" * size)]
    server.send_text(b"s" * size)
    client.receive_data(transport.take())
    assert [bytes(event.data) for event in client.events_received()] == [b"s" * size]  # type: ignore[union-attr]


def test_a_repeated_header_is_joined() -> None:
    server, _, _, request = started(Accept(None))
    server.data_received(request[:-2] + b"X-Twice: a\r\nX-TWICE: b\r\n\r\n")
    assert server.seen[0][3] == "a, b"


def test_a_refusal_carries_status_and_reason_word() -> None:
    server, transport, client, request = started(Reject(400, "no_subprotocol"))
    server.data_received(request)
    client.receive_data(transport.take())
    (response,) = client.events_received()
    assert isinstance(response, Response)
    assert (response.status_code, response.body) == (400, b"no_subprotocol")
    assert transport.is_closing()
    server.connection_lost(None)
    assert server.seen[1:] == [("refused", 400, "no_subprotocol"), ("closed", None, None)]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET /ocpp/A HTTP/1.1\r\nHost: h\r\n\r\n", 426, id="no upgrade"),
        pytest.param(b"POST /ocpp/A HTTP/1.1\r\nHost: h\r\n\r\n", 40, id="not GET"),  # 400 or 405, as websockets has it
        pytest.param(b"\x16\x03\x01\r\n\r\n", 400, id="TLS spoken to a plain port"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431, id="endless head"),
        pytest.param(
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            400,
            id="no key",
        ),
    ],
)
def test_what_is_no_websocket_request_is_refused(request_bytes: bytes, status: int) -> None:
    server, transport = Server(Accept(None)), RecordingTransport()
    server.connection_made(transport)
    server.data_received(request_bytes)
    assert transport.written.startswith(b"HTTP/1.1 %d" % status)
    assert transport.is_closing()
    kind, told, _ = server.seen[-1]
    assert kind == "refused"
    assert str(told).startswith(str(status))
    assert not server.is_open


@pytest.mark.parametrize("name", [b"Upgrade: ", b"Connection: ", b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Protocol: "])
def test_a_header_of_the_handshake_that_is_not_ascii_is_refused(name: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The library would fail at quoting it: in the loop, or with a traceback in the log for each such request."""
    server, transport, _, request = started(Accept("ocpp1.6"))
    server.data_received(request.replace(name, name + b"\xe4"))
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert server.seen[-1] == ("refused", 400, "header that is not ASCII")
    assert not caplog.records


def test_other_headers_may_be_anything() -> None:
    server, transport, _, request = started(Accept("ocpp1.6"))
    server.data_received(request[:-2] + b"User-Agent: \xe4\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 101 ")


def test_ping_is_answered_and_reported() -> None:
    server, transport, client = opened()
    client.send_ping(b"!")
    server.data_received(sent_by(client))
    client.receive_data(transport.take())
    (pong,) = client.events_received()
    assert (pong.opcode, pong.data) == (ws.PONG, b"!")  # type: ignore[union-attr]
    assert server.seen == [("ping",)]


def test_binary_has_its_own_hook() -> None:
    server, _, client = opened()
    client.send_binary(b"\x00")
    server.data_received(sent_by(client))
    assert server.seen == [("binary", b"\x00")]


def test_the_client_s_close_is_echoed_and_ends_tcp() -> None:
    async def body() -> None:
        server, transport, client = opened()
        client.send_close(3001, "done")
        server.data_received(sent_by(client))
        client.receive_data(transport.take())
        assert client.close_rcvd is not None
        assert client.close_rcvd.code == 3001
        assert transport.is_closing()
        server.connection_lost(None)
        assert server.seen == [("closed", 3001, None)]

    asyncio.run(body())


def test_our_close_ends_tcp_at_the_echo() -> None:
    async def body() -> None:
        server, transport, client = opened()
        server.close(1000)
        client.send_text(b"crossing")
        server.data_received(sent_by(client))
        client.receive_data(transport.take())
        assert not transport.is_closing()
        server.data_received(sent_by(client))
        assert transport.is_closing()
        assert server.seen == []

    asyncio.run(body())


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(ws.server_frame(ws.TEXT, b"unmasked"), ws.PROTOCOL_FAULT, id="unmasked"),
        pytest.param(ws.client_frame(ws.TEXT, b"\xff"), ws.INVALID_TEXT, id="not UTF-8"),
        pytest.param(ws.client_frame(ws.TEXT, b"x" * (1024 * 1024 + 1)), ws.TOO_BIG, id="too big"),
    ],
)
def test_a_violation_is_answered_with_its_code_after_what_was_good(frame: bytes, code: int) -> None:
    server, transport, client = opened()
    server.data_received(ws.client_frame(ws.TEXT, b"good") + frame)
    client.receive_data(transport.take())
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == code
    assert transport.is_closing()
    server.connection_lost(None)
    assert server.seen[0] == ("text", b"good")
    assert isinstance(server.seen[1][2], ws.FrameError)


def test_reading_can_be_paused_and_the_write_limit_is_set() -> None:
    server, transport, _ = opened()
    assert transport.limit == Server.write_limit_bytes
    server.pause_reading()
    assert not transport.is_reading()
    server.resume_reading()
    assert transport.is_reading()
    server.connection_lost(None)
    server.pause_reading()
    assert transport.is_reading()
    with pytest.raises(LocalProtocolError):
        server.send_text(b"x")
