"""Links between the gateway processes that share one port, so that an id has one connection over all of them.

The kernel gives a reconnecting charge point to any of the processes. Each process listens on a Unix socket and sends
on every new link all it owns, then each new connection as it opens; whoever has an older connection of that id ends
it. A link that breaks is made again and starts with everything once more, so nothing can stay unheard of.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from loadtest.control.messages import FrameSplitter

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_S = 0.02
MAX_BACKLOG_BYTES = 8 * 1024 * 1024
"""A peer that takes no claims for so long is hung; its link is cut, and made again when it recovers."""

_Claim = tuple[bytes, int]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Claim).decode


def _framed(claim: _Claim) -> bytes:
    body = _encode(claim)
    return len(body).to_bytes(4, "big") + body


class _Incoming(asyncio.Protocol):
    """Claims from one peer."""

    def __init__(self, on_claim: Callable[[bytes, int], None]) -> None:
        self._on_claim = on_claim
        self._splitter = FrameSplitter()

    def data_received(self, data: bytes) -> None:
        for body in self._splitter.feed(data):
            self._on_claim(*_decode(body))


class _Outgoing(asyncio.Protocol):
    """Our claims to one peer."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.lost.set()

    def send(self, framed: bytes) -> None:
        if self.transport is not None:
            if self.transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
                self.transport.abort()
            else:
                self.transport.write(framed)


class PeerLinks:
    """This process's links to the others.

    Args:
        index: This process's position in ``paths``.
        paths: The Unix socket of every process.
        owned: Gives all connections here, as id and opening instant.
        on_claim: Called with the id and the opening instant of each connection of a peer.
    """

    def __init__(
        self,
        index: int,
        paths: tuple[str, ...],
        *,
        owned: Callable[[], list[tuple[bytes, int]]],
        on_claim: Callable[[bytes, int], None],
    ) -> None:
        self._own_path = paths[index]
        self._others = [path for number, path in enumerate(paths) if number != index]
        self._owned = owned
        self._on_claim = on_claim
        self._links: set[_Outgoing] = set()
        self._linking: list[asyncio.Task[None]] = []
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen, and keep links to the others from now on.

        Raises:
            OSError: The socket cannot be made.
        """
        self._remove_socket()  # one may be left behind by a process that was killed
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Incoming(self._on_claim), self._own_path)
        self._linking = [loop.create_task(self._keep_link(path), name=f"peer-link {path}") for path in self._others]

    def claim(self, identity: bytes, opened_ns: int) -> None:
        """Tell the others that the charge point's connection is here."""
        framed = _framed((identity, opened_ns))
        for link in self._links:
            link.send(framed)

    async def stop(self) -> None:
        """Cut all links and give up the socket."""
        for task in self._linking:
            task.cancel()
        await asyncio.gather(*self._linking, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            self._remove_socket()

    def _remove_socket(self) -> None:
        Path(self._own_path).unlink(missing_ok=True)

    async def _keep_link(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError):  # the peer is not there yet, or not any more
                _, link = await loop.create_unix_connection(_Outgoing, path)
                # From here to the end of the snapshot nothing else runs, so no claim falls between the two.
                self._links.add(link)
                link.send(b"".join(map(_framed, self._owned())))
                try:
                    await link.lost.wait()
                finally:
                    self._links.discard(link)
                    if link.transport is not None:
                        link.transport.abort()
            await asyncio.sleep(RETRY_S)
