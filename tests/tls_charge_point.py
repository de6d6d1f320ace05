"""A blocking WebSocket client for ``wss://``.

The one of ``websockets`` reads and writes from two threads, for which the TLS of Python 3.11 is not made: now and then
a request never leaves, or writing ends with "[SSL] internal error".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    import ssl


class TlsChargePoint:
    """One connection, open while its block lasts; its event loop runs only while something is asked of it."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._runner = asyncio.Runner()
        try:
            self._connection = self._runner.run(self._connect(url, context))
        except BaseException:
            self._runner.close()
            raise

    @staticmethod
    async def _connect(url: str, context: ssl.SSLContext) -> ClientConnection:
        return await connect(
            url, ssl=context, subprotocols=[Subprotocol("ocpp1.6")], compression=None, ping_interval=None, proxy=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._connection.close())
        finally:
            self._runner.close()

    def ping(self) -> None:
        """Ping and wait for the answer."""

        async def answered() -> None:
            async with asyncio.timeout(5):
                await (await self._connection.ping())

        self._runner.run(answered())
