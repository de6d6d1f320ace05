"""Plain handshakes: the same bytes as websockets would write, and nothing taken that websockets would not take."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri
from websockets.utils import accept_key

from loadtest.transport import websocket_plain_handshake as plain
from loadtest.transport.websocket_client_opening import ClientHandshake, ClientOpening

URI = "ws://host:9000/ocpp/CP-1"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LINES = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Accept: {accept_key(KEY)}",
    "Sec-WebSocket-Protocol: ocpp1.6",
    "Server: something",
]


def websockets_client(uri: str = URI) -> ClientProtocol:
    protocol = ClientProtocol(parse_uri(uri), subprotocols=[Subprotocol("ocpp1.6")])
    protocol.key = KEY
    return protocol


def head(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "uri",
    [
        URI,
        "ws://host/CP-1",
        "wss://host:443/a/b/c/CP%201~_.x",
        "ws://user:secret@[::1]:9000/ocpp/CP-1",
        "ws://host/ocpp?tenant=a/CP-1",
        "ws://host/",
        "ws://host",
        "ws://host/ocpp/Säule",
        "ws://host/ocpp/CP 1",
    ],
)
def test_a_request_is_what_websockets_would_write(uri: str) -> None:
    expected = websockets_client(uri).connect()
    expected.headers["X-Trace"] = "7"
    opening = ClientOpening(ClientHandshake(uri, ("ocpp1.6",), (("X-Trace", "7"),)))
    (key,) = re.findall(rb"Sec-WebSocket-Key: (\S{24})\r\n", opening.request)
    assert opening.request.replace(key, KEY.encode()) == expected.serialize()


def test_every_request_has_a_key_of_its_own() -> None:
    assert len({ClientOpening(ClientHandshake(URI)).request for _ in range(50)}) == 50


def test_an_ordinary_yes_is_plain() -> None:
    assert plain.accepts(head(LINES), KEY.encode(), ("ocpp1.6",))
    assert plain.accepts(head(LINES[:4]), KEY.encode(), ())
    assert not plain.accepts(head(LINES), KEY.encode(), ("ocpp2.0.1",))
    assert not plain.accepts(head(LINES), KEY.encode(), ())
    assert not plain.accepts(head(LINES[:4]), KEY.encode(), ("ocpp1.6",))


@pytest.mark.parametrize("copy", ["X-Copy: {}", "sec-websocket-accept: {}", "X-Copy:{} "])
def test_an_answer_like_the_one_before_is_plain_for_its_own_key_alone(copy: str) -> None:
    keys = [f"{number:022d}==" for number in range(3)]
    for key in keys:
        answer = head([*LINES[:3], f"Sec-WebSocket-Accept: {accept_key(key)}", LINES[4]])
        assert [plain.accepts(answer, other.encode(), ("ocpp1.6",)) for other in keys] == [key == each for each in keys]
    copied = head([LINES[0], copy.format(accept_key(keys[1])), *LINES[1:3], f"Sec-WebSocket-Accept: {accept_key(KEY)}"])
    assert not plain.accepts(copied, keys[1].encode(), ())


odd_text = st.text(st.characters(max_codepoint=255), max_size=12)
odd_line = st.one_of(
    odd_text,
    st.sampled_from(LINES),
    st.builds("{}: {}".format, st.sampled_from([line.partition(":")[0] for line in LINES[1:]]), odd_text),
    st.sampled_from(["Sec-WebSocket-Extensions: permessage-deflate", " folded", "Upgrade : websocket", "x:\x00"]),
    st.sampled_from([f"X-Copy: {accept_key(KEY)}", "Sec-WebSocket-Accept:"]),
)


@given(st.lists(odd_line, max_size=3), st.integers(0, 6), st.integers(0, 6), st.sampled_from(["", " ", "\r", "\n"]))
@example([], 2, 3, "")
@example(["Connection: Upgrade"], 6, 6, "")
def test_what_is_plain_websockets_takes_as_well(odd: list[str], begin: int, end: int, trailing: str) -> None:
    """Lines of a good answer replaced, left out, added, and spoilt."""
    lines = [*LINES[:begin], *[line + trailing for line in odd], *LINES[end:]]
    response = head(lines)
    if not plain.accepts(response, KEY.encode(), ("ocpp1.6",)):
        return
    judge = websockets_client()
    judge.send_request(judge.connect())
    judge.receive_data(response)
    assert judge.handshake_exc is None
    assert judge.subprotocol == "ocpp1.6"


REQUEST = [
    "GET /ocpp/CP-1?tenant=%20a HTTP/1.1",
    "Host: host:9000",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6",
    "Authorization: Basic Q1AtMTp4",
]
odd_request_line = st.one_of(
    odd_text,
    st.sampled_from(REQUEST),
    st.builds("{}: {}".format, st.sampled_from([line.partition(":")[0] for line in REQUEST[1:]]), odd_text),
    st.sampled_from(["Content-Length: 0", "Transfer-Encoding: chunked", "Connection: keep-alive, Upgrade", " folded"]),
    st.sampled_from(["GET /a b HTTP/1.1", "POST /ocpp/CP-1 HTTP/1.1", "GET / HTTP/1.0", "Sec-WebSocket-Extensions: x"]),
    st.sampled_from([f"Sec-WebSocket-Key: {KEY[:-3]}R==", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Protocol: a,,b"]),
)


def test_ordinary_requests_are_plain_and_ours_among_them() -> None:
    assert plain.read_request(head(REQUEST)) is not None
    assert plain.read_request(head(REQUEST[:6])) is not None
    assert plain.read_request(ClientOpening(ClientHandshake(URI, ("ocpp1.6",), (("X-Trace", "7"),))).request)


@given(st.lists(odd_request_line, max_size=3), st.integers(0, 8), st.integers(0, 8), st.sampled_from(["", " ", "\r"]))
@example([], 8, 8, "")
@example(["Connection: Upgrade"], 8, 8, "")
@example(["POST /ocpp/CP-1 HTTP/1.1"], 0, 1, "")
def test_a_plain_request_is_read_and_answered_as_websockets_would(
    odd: list[str], begin: int, end: int, trailing: str
) -> None:
    request = head([*REQUEST[:begin], *[line + trailing for line in odd], *REQUEST[end:]])
    read = plain.read_request(request)
    if read is None:
        return
    judge = ServerProtocol()
    judge.receive_data(request)
    (event,) = judge.events_received()
    assert isinstance(event, Request)
    assert read == (event.path, {name.lower(): value for name, value in event.headers.raw_items()})
    response = judge.accept(event)
    del response.headers["Date"]
    key = read[1]["sec-websocket-key"]
    assert response.serialize() == plain.yes(key, None)
    response.headers["Sec-WebSocket-Protocol"] = "ocpp1.6"
    assert response.serialize() == plain.yes(key, "ocpp1.6")
