"""The client against the sans-I/O server of ``websockets``, over a transport in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from loadtest.errors import LocalProtocolError, UsageError
from loadtest.transport import websocket_frames as ws
from loadtest.transport.websocket_client import ClientHandshake, WebSocketClient


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; closing and cutting are only noted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def take(self) -> bytes:
        written, self.written = self.written, b""
        return written


class Client(WebSocketClient):
    __slots__ = ("seen", "uri")

    def __init__(self, uri: str = "ws://example.test:9/ocpp/CP%201") -> None:
        super().__init__()
        self.uri = uri
        self.seen: list[tuple[object, ...]] = []

    def handshake(self) -> ClientHandshake:
        return ClientHandshake(self.uri, ("ocpp1.6",), (("X-Trace", "7"),))

    def on_open(self) -> None:
        self.seen.append(("open",))

    def on_refused(self, status: int, reason: str) -> None:
        self.seen.append(("refused", status, reason))

    def on_text(self, payload: bytes) -> None:
        self.seen.append(("text", payload))

    def on_pong(self) -> None:
        self.seen.append(("pong",))

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        self.seen.append(("closed", code, exc))


def started() -> tuple[Client, RecordingTransport, ServerProtocol, Request]:
    client, transport = Client(), RecordingTransport()
    client.connection_made(transport)
    server = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])
    server.receive_data(transport.take())
    (request,) = server.events_received()
    assert isinstance(request, Request)
    return client, transport, server, request


def opened() -> tuple[Client, RecordingTransport, ServerProtocol]:
    client, transport, server, request = started()
    server.send_response(server.accept(request))
    client.data_received(b"".join(server.data_to_send()))
    assert client.is_open
    client.seen.clear()
    return client, transport, server


def in_loop(body: Any) -> None:
    """Closing arms a timer, which needs a running loop."""

    async def run() -> None:
        body()

    asyncio.run(run())


def test_the_request_offers_exactly_what_the_handshake_says() -> None:
    _, _, server, request = started()
    assert request.path == "/ocpp/CP%201"
    assert request.headers["Host"] == "example.test:9"
    assert request.headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert request.headers["X-Trace"] == "7"
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert server.accept(request).status_code == 101


@given(st.data(), st.lists(st.text(max_size=200).map(str.encode), max_size=5))
def test_texts_that_follow_the_101_arrive_however_the_stream_is_cut(data: st.DataObject, texts: list[bytes]) -> None:
    client, _, server, request = started()
    server.send_response(server.accept(request))
    for text in texts:
        server.send_text(text)
    stream = b"".join(server.data_to_send())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        client.data_received(stream[a:b])
    assert client.seen == [("open",), *(("text", text) for text in texts)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 0xFFFF, 0x1_0000, 300_000])
def test_each_length_encoding_both_ways(size: int) -> None:
    client, transport, server = opened()
    server.send_text(b"s" * size)
    client.data_received(b"".join(server.data_to_send()))
    assert client.seen == [("text", b"s" * size)]
    client.send_text(b"c" * size)
    server.receive_data(transport.take())
    assert [bytes(event.data) for event in server.events_received()] == [b"c" * size]  # type: ignore[union-attr]


def test_ping_is_answered_and_pong_reported() -> None:
    client, transport, server = opened()
    server.send_ping(b"are you there")
    client.data_received(b"".join(server.data_to_send()))
    client.send_ping()
    server.receive_data(transport.take())
    pong, ping = server.events_received()
    assert (pong.opcode, pong.data) == (ws.PONG, b"are you there")  # type: ignore[union-attr]
    assert ping.opcode == ws.PING  # type: ignore[union-attr]
    client.data_received(b"".join(server.data_to_send()))
    assert client.seen == [("pong",)]


def test_refusal_gives_status_and_reason_word_then_closed() -> None:
    client, transport, server, _ = started()
    server.send_response(server.reject(400, "no_supported_subprotocol\n"))
    stream = b"".join(server.data_to_send())
    client.data_received(stream[:-5])
    assert client.seen == []
    client.data_received(stream[-5:])
    assert client.seen == [("refused", 400, "no_supported_subprotocol")]
    assert transport.closed
    client.connection_lost(None)
    assert client.seen[1:] == [("closed", None, None)]


def test_refusal_whose_body_ends_with_the_stream() -> None:
    client, _, _, _ = started()
    client.data_received(b"HTTP/1.1 503 Service Unavailable\r\nServer: x\r\n\r\ntoo ")
    client.data_received(b"busy")
    client.eof_received()
    client.connection_lost(None)
    assert client.seen == [("refused", 503, "too busy"), ("closed", None, None)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "did not receive a valid HTTP response"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "Sec-WebSocket-Accept",
        ),
        (b"x" * 20_000, "response head too long"),
    ],
)
def test_an_answer_that_breaks_the_rules_is_refused_with_status_0(answer: bytes, reason: str) -> None:
    client, transport, _, _ = started()
    client.data_received(answer)
    ((kind, status, text),) = client.seen
    assert (kind, status) == ("refused", 0)
    assert reason in str(text)
    assert transport.closed


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 \xe4" + b"x" * 500 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: \xe4\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_a_server_says_beyond_ascii_can_still_be_told(answer: bytes) -> None:
    client, _, _, _ = started()
    client.data_received(answer)
    ((_, _, told),) = client.seen
    assert isinstance(told, str)
    assert b"\\udce4" in told.encode()
    assert len(told) <= 200


@pytest.mark.parametrize("selected", [None, "ocpp2.0.1"])
def test_a_subprotocol_not_offered_or_none_is_refused(selected: str | None) -> None:
    client, _, server, request = started()
    response = server.accept(request)
    del response.headers["Sec-WebSocket-Protocol"]
    if selected:
        response.headers["Sec-WebSocket-Protocol"] = selected
    server.send_response(response)
    client.data_received(b"".join(server.data_to_send()))
    assert client.seen[0][:2] == ("refused", 0)
    assert not client.is_open


def test_our_close_waits_for_the_echo_and_delivers_nothing_more() -> None:
    def body() -> None:
        client, transport, server = opened()
        client.close(1001)
        assert not client.is_open
        server.send_text(b"too late")
        server.receive_data(transport.take())
        assert server.close_rcvd is not None
        assert server.close_rcvd.code == 1001
        client.data_received(b"".join(server.data_to_send()))
        assert not transport.closed, "the server ends TCP"
        client.eof_received()
        client.connection_lost(None)
        assert client.seen == [("closed", 1001, None)]

    in_loop(body)


def test_the_server_s_close_is_echoed() -> None:
    def body() -> None:
        client, transport, server = opened()
        server.send_text(b"last")
        server.send_close(1000)
        client.data_received(b"".join(server.data_to_send()))
        server.receive_data(transport.take())
        assert server.close_rcvd == server.close_sent
        assert not client.is_open
        client.connection_lost(None)
        assert client.seen == [("text", b"last"), ("closed", 1000, None)]

    in_loop(body)


def test_a_connection_cut_without_close_frame_has_no_code() -> None:
    client, _, _ = opened()
    error = ConnectionResetError()
    client.connection_lost(error)
    assert client.seen == [("closed", None, error)]


def test_a_violation_is_answered_with_its_code_and_reported() -> None:
    client, transport, server = opened()
    client.data_received(ws.server_frame(ws.TEXT, b"good") + b"\x81\x02\xc3\x28")
    server.receive_data(transport.take())
    assert server.close_rcvd is not None
    assert server.close_rcvd.code == ws.INVALID_TEXT
    assert transport.closed
    client.connection_lost(None)
    (_, good), (_, code, fault) = client.seen
    assert good == b"good"
    assert code is None
    assert isinstance(fault, ws.FrameError)


def test_a_hook_that_aborts_stops_the_delivery() -> None:
    class Impatient(Client):
        def on_text(self, payload: bytes) -> None:
            super().on_text(payload)
            self.abort()

    client, transport = Impatient(), RecordingTransport()
    client.connection_made(transport)
    server = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])
    server.receive_data(transport.take())
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    server.send_text(b"one")
    server.send_text(b"two")
    client.data_received(b"".join(server.data_to_send()))
    assert client.seen == [("open",), ("text", b"one")]
    assert transport.aborted


def test_the_object_serves_another_connection_afterwards() -> None:
    client, transport, _ = opened()
    client.data_received(b"\x81\x05ab")  # half a message, which must not leak into the next connection
    client.connection_lost(None)
    client.seen.clear()
    client.connection_made(transport)
    server = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])
    server.receive_data(transport.take())
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    assert server.state is OPEN
    server.send_text(b"again")
    client.data_received(b"".join(server.data_to_send()))
    assert client.seen == [("open",), ("text", b"again")]


def test_sending_before_open_or_after_close_is_our_own_fault() -> None:
    client = Client()
    with pytest.raises(LocalProtocolError):
        client.send_text(b"x")
    with pytest.raises(LocalProtocolError):
        client.send_ping()


def test_a_url_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not a WebSocket URL"):
        Client("http://example.test/").connection_made(RecordingTransport())


def test_a_subclass_with_slots_has_no_dict() -> None:
    assert not hasattr(Client(), "__dict__")
