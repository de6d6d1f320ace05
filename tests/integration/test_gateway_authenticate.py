"""The gateway inside another Python program, whose own callable says who may come in."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from loadtest.gateway.gateway import Gateway
from loadtest.gateway.settings import gateway_settings
from loadtest.transport.loop import run

pytestmark = pytest.mark.integration


class NoBroker:
    congested = False

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None: ...

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None: ...

    def unsubscribe(self, filters: list[bytes]) -> None: ...


def test_a_callable_decides_on_the_bytes_that_were_sent() -> None:
    asked: list[tuple[bytes, bytes]] = []

    def authenticate(user: bytes, password: bytes) -> bool:
        asked.append((user, password))
        return password == b"open sesame"

    async def scene() -> None:
        gateway = Gateway(gateway_settings({"port": 1, "broker_url": "mqtt://h"}), authenticate)
        gateway.broker = NoBroker()
        server = await asyncio.get_running_loop().create_server(gateway.connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        def attempt(password: str) -> connect:
            credentials = "CP1:" + password
            return connect(
                f"ws://{credentials}@127.0.0.1:{port}/ocpp/CP1", subprotocols=[Subprotocol("ocpp1.6")], proxy=None
            )

        async with attempt("open sesame") as charge_point:
            await (await charge_point.ping())
            with pytest.raises(InvalidStatus):
                async with attempt("open barley"):
                    pass
            assert gateway.connected == 1
        await gateway.stop()
        server.close()

    run(scene())
    assert asked == [(b"CP1", b"open sesame"), (b"CP1", b"open barley")]
