"""The WebSocket end: a charge point on the ``websockets`` library. The only importer of it here.

It shares nothing with :mod:`loadtest.transport`, so that no fault of our own frame path can hide behind itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from loadtest.clock import monotonic_ns
from loadtest.conformance import json_value
from loadtest.conformance.findings import Nonconformity
from loadtest.transport import tls
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from websockets.asyncio.client import ClientConnection

    from loadtest.conformance.target import Target

SUBPROTOCOL = "ocpp1.6"
CLOSE_TIMEOUT_S = 1.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_WAITING = 10_000

_quiet = logging.getLogger("loadtest.conformance.websockets")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False  # a gateway that misbehaves is a finding, not a warning


class Ending(NamedTuple):
    """How a connection ended.

    Attributes:
        code: Code of the gateway's Close frame, 1005 when it had none; None: TCP ended without a Close frame.
        at_ns: When, on the monotonic clock.
    """

    code: int | None
    at_ns: int

    def __str__(self) -> str:
        """A verb phrase: "closed with 1000"."""
        return "ended without a Close frame" if self.code is None else f"closed with {self.code}"

    def after_s(self, began_ns: int) -> float:
        """Seconds since an instant on the monotonic clock."""
        return (self.at_ns - began_ns) / NS_PER_S


class ChargePoint:
    """One connection of one charge point. Made by :func:`charge_point`.

    Attributes:
        id: Its identity, not escaped.
        subprotocol: What the gateway selected.
        concatenated: The gateway has put several messages into one frame.
    """

    def __init__(self, charge_point_id: str, connection: ClientConnection) -> None:
        self.id = charge_point_id
        self.subprotocol = connection.subprotocol
        self.concatenated = False
        self._connection = connection
        self._received: deque[Any] = deque()

    async def send(self, message: Any) -> None:
        """Send a message: text as it is, bytes as a binary frame, anything else as JSON.

        Raises:
            Nonconformity: The connection has ended.
        """
        text = message if isinstance(message, str | bytes) else json_value.encode(message)
        await self._send(text)

    async def send_fragments(self, fragments: Iterable[str]) -> None:
        """Send one text message in several frames, with a ping after each.

        Raises:
            Nonconformity: The connection has ended.
        """

        async def pieces() -> AsyncIterator[str]:
            for fragment in fragments:
                yield fragment
                await self._connection.ping()

        await self._send(pieces())

    async def _send(self, data: str | bytes | AsyncIterator[str]) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as end:
            raise Nonconformity(f"the connection {_ending(end)}") from None

    def send_raw(self, frame: bytes) -> None:
        """Put bytes on the wire that the library would refuse to send."""
        self._connection.transport.write(frame)

    async def ping(self, patience_s: float) -> None:
        """Ping and wait for the pong with the same payload.

        Raises:
            Nonconformity: None has come.
        """
        try:
            async with asyncio.timeout(patience_s):
                await (await self._connection.ping())
        except TimeoutError:
            raise Nonconformity(f"no pong came within {patience_s:g} s") from None
        except ConnectionClosed as end:
            raise Nonconformity(f"the connection {_ending(end)} instead of answering a ping") from None

    async def receive(self, patience_s: float) -> Any:
        """The next message's JSON value.

        Raises:
            Nonconformity: None has come, the connection has ended, or it is a binary frame or no JSON.
        """
        if not self._received:
            try:
                async with asyncio.timeout(patience_s):
                    frame = await self._connection.recv()
            except TimeoutError:
                raise Nonconformity(f"the charge point received nothing within {patience_s:g} s") from None
            except ConnectionClosed as end:
                raise Nonconformity(f"the connection {_ending(end)}") from None
            self._take(frame)
        return self._received.popleft()

    def _take(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            raise Nonconformity("the charge point received a binary frame")
        found = json_value.documents(frame)
        if not found:
            raise Nonconformity("the charge point received an empty frame")
        if len(self._received) > MAX_WAITING:
            raise Nonconformity(f"the charge point is flooded: {MAX_WAITING:,} messages that nobody has asked for")
        self.concatenated |= len(found) > 1
        self._received.extend(found)

    async def ended(self, patience_s: float) -> Ending | None:
        """Wait for the connection's end; None when it stays. Messages that come meanwhile are kept."""
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    self._take(await self._connection.recv())
        except TimeoutError:
            return None
        except ConnectionClosed as end:
            return _ending(end)

    async def gone(self) -> None:
        """Wait until TCP is gone."""
        await self._connection.wait_closed()

    async def close(self, code: int = 1000) -> Ending:
        """Close in order; the gateway's answer tells how it went."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._connection.close(code)
        answer = self._connection.protocol.close_rcvd
        return Ending(None if answer is None else answer.code, monotonic_ns())

    def abort(self) -> None:
        """Cut TCP at once."""
        self._connection.transport.abort()


def _ending(end: ConnectionClosed) -> Ending:
    return Ending(None if end.rcvd is None else end.rcvd.code, monotonic_ns())


def basic(user: str, password: str) -> str:
    """The value of an ``Authorization`` header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.asynccontextmanager
async def charge_point(
    target: Target, charge_point_id: str, *, offer_compression: bool = False
) -> AsyncIterator[ChargePoint]:
    """A connected charge point; gone when the block ends.

    Raises:
        Nonconformity: The gateway did not let it in; says how.
    """
    headers = {}
    if target.credentials is not None:
        headers["Authorization"] = basic(*target.credentials.of(charge_point_id))
    try:
        connection = await connect(
            target.url_of(charge_point_id),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers=headers,
            compression="deflate" if offer_compression else None,
            ssl=target.ssl,
            ping_interval=None,
            open_timeout=target.patience_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE_BYTES,
            proxy=None,
            logger=_quiet,
        )
    except InvalidStatus as refusal:
        body = json_value.shown(bytes(refusal.response.body or b""))
        raise Nonconformity(f"the handshake was answered with {refusal.response.status_code} {body}".rstrip()) from None
    except InvalidHandshake as fault:
        raise Nonconformity(f"the handshake broke the rules: {fault}") from None
    except TimeoutError:
        raise Nonconformity(f"the handshake was not answered within {target.patience_s:g} s") from None
    except ssl.SSLError as error:
        raise Nonconformity(tls.in_words(error)) from None
    except OSError as error:
        raise Nonconformity(f"the gateway cannot be reached: {error}") from None
    opened = ChargePoint(charge_point_id, connection)
    try:
        yield opened
        await opened.close()
    finally:
        opened.abort()  # at once where a row has failed: a gateway at fault may not answer a Close frame either
