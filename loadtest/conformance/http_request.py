"""One HTTP request, exactly as written, and its answer: for handshakes that no WebSocket library would make."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import io
import secrets
from typing import TYPE_CHECKING, NamedTuple

from loadtest.conformance import json_value
from loadtest.conformance.findings import Nonconformity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from loadtest.conformance.target import Target

MAX_BODY_BYTES = 4096
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}


class Answer(NamedTuple):
    """What a gateway answered.

    Attributes:
        status: The HTTP status.
        subprotocol: The selected subprotocol; empty when there is none.
        body: The beginning of the body; empty after 101.
    """

    status: int
    subprotocol: str
    body: str

    def __str__(self) -> str:
        """Status and body, in short."""
        return f"{self.status} {json_value.shown(self.body)}".rstrip()


async def upgrade_request(target: Target, path: str, headers: Mapping[str, str]) -> Answer:
    """Ask for a WebSocket at ``path``, a request target as it is to be written; the connection is closed at once.

    Raises:
        Nonconformity: There was no answer, or it is not HTTP.
    """
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    return await request(target, path, UPGRADE | {"Sec-WebSocket-Key": key} | dict(headers))


async def request(target: Target, path: str, headers: Mapping[str, str]) -> Answer:
    """Send a GET request.

    Raises:
        Nonconformity: There was no answer, or it is not HTTP.
    """
    lines = [f"GET {path} HTTP/1.1", f"Host: {target.gateway.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        async with asyncio.timeout(target.patience_s):
            reader, writer = await asyncio.open_connection(target.gateway.host, target.gateway.port, ssl=target.ssl)
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode())
                return await _answer(reader)
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise Nonconformity(f"the request was not answered within {target.patience_s:g} s") from None
    except asyncio.LimitOverrunError:
        raise Nonconformity("the head of the answer has no end") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Nonconformity(f"the connection ended without an answer: {error}") from None


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, _, rest = head.partition(b"\r\n")
    version, _, status = status_line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
        raise Nonconformity(f"the answer is not HTTP: {json_value.shown(status_line)}")
    try:
        headers = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException as fault:
        raise Nonconformity(f"the answer is not HTTP: {fault}") from None
    code = int(status[:3])
    body = b"" if code == http.HTTPStatus.SWITCHING_PROTOCOLS else await _body(reader, headers)
    return Answer(code, (headers.get("Sec-WebSocket-Protocol") or "").strip(), body.decode(errors="replace").strip())


async def _body(reader: asyncio.StreamReader, headers: Message) -> bytes:
    """As much of the body as comes; that it is cut short or late changes no finding."""
    declared = headers.get("Content-Length", "")
    wanted = min(int(declared), MAX_BODY_BYTES) if declared.isdecimal() else MAX_BODY_BYTES
    body = b""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(0.5):
            while len(body) < wanted and (more := await reader.read(wanted - len(body))):
                body += more
    return body
