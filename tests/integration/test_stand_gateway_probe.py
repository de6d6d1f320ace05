"""What is said of a gateway that would not take our charge points, against servers that each do one thing wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.runner import gateway_probe
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


def switching(request: str, *headers: str) -> bytes:
    key = re.search(r"(?i)^sec-websocket-key: (.+?)\r?$", request, re.MULTILINE)
    assert key is not None
    accept = base64.b64encode(hashlib.sha1(f"{key[1]}{WEBSOCKET_GUID}".encode()).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", *headers, "", ""]).encode()


def probed(answer: Callable[[str], bytes | None]) -> str:
    """Probe a server that gives one answer (``None``: it hangs up); returns the request it was sent."""
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(request)
        said = answer(request)
        if said is not None:
            writer.write(said)
            await reader.read(1000)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await gateway_probe.answers_handshake(f"ws://127.0.0.1:{port}/ocpp")

    run(scene())
    return requests[0]


def test_it_asks_as_a_charge_point_does_with_an_id_nobody_has() -> None:
    first, second = (probed(lambda asked: switching(asked, "Sec-WebSocket-Protocol: ocpp1.6")) for _ in range(2))
    assert re.match(r"GET /ocpp/loadtest-probe-[0-9a-f]{8} HTTP/1.1\r\n", first)
    assert re.search(r"(?mi)^sec-websocket-protocol: ocpp1\.6\r$", first), "exactly this one and no other"
    assert first.splitlines()[0] != second.splitlines()[0]


def test_a_refusal_is_quoted_with_status_and_body() -> None:
    body = b"no_such_charge_point"
    said = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with pytest.raises(EnvironmentNotReady, match="answered 401 no_such_charge_point"):
        probed(lambda _: said)


def test_another_subprotocol_than_the_one_offered_is_refused() -> None:
    with pytest.raises(EnvironmentNotReady, match=r"ocpp2\.0\.1"):
        probed(lambda asked: switching(asked, "Sec-WebSocket-Protocol: ocpp2.0.1"))


def test_no_subprotocol_is_refused() -> None:
    with pytest.raises(EnvironmentNotReady, match="selected no subprotocol"):
        probed(switching)


def test_a_server_that_hangs_up() -> None:
    with pytest.raises(EnvironmentNotReady, match="ended the connection without an answer"):
        probed(lambda _: None)


def test_a_server_of_another_kind() -> None:
    with pytest.raises(EnvironmentNotReady, match="broke the WebSocket handshake"):
        probed(lambda _: b"220 mail.example ESMTP\r\n\r\n")


def test_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_probe, "PROBE_TIMEOUT_S", 0.3)
    with pytest.raises(EnvironmentNotReady, match="did not answer a WebSocket handshake within"):
        probed(lambda _: b"")


@pytest.mark.parametrize("url", ["http://h/ocpp", "ws:///ocpp", "ws://h:port/ocpp", "ws://127.0.0.1:9/ocpp#x"])
def test_what_is_no_gateway_url(url: str) -> None:
    with pytest.raises(UsageError):
        run(gateway_probe.answers_handshake(url))
