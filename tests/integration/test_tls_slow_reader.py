"""A charge point that does not read is cut under TLS as it is without, and holds no memory."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from websockets.client import ClientProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from loadtest.gateway import counters
from loadtest.gateway.gateway import Gateway
from loadtest.gateway.settings import gateway_settings
from loadtest.runner.certificates import make_certificates
from loadtest.transport import tls
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

ENVELOPE = b'{"MessageTypeId":2,"UniqueId":"1","Action":"DataTransfer","Payload":{"data":"' + b"x" * 4000 + b'"}}'


class NoBroker:
    congested = False

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None: ...

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None: ...

    def unsubscribe(self, filters: list[bytes]) -> None: ...


def test_a_charge_point_that_does_not_read_is_cut(tmp_path: Path) -> None:
    make_certificates(tmp_path / "pki")
    settings = gateway_settings(
        {"port": 1, "broker_url": "mqtt://h", "tls_certificate": str(tmp_path / "pki" / "gateway.pem")}
    )

    def open_and_fall_asleep(port: int) -> socket.socket:
        context = tls.client_context(str(tmp_path / "pki" / "ca.pem"))
        client = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="localhost"
        )
        opening = ClientProtocol(parse_uri(f"wss://localhost:{port}/ocpp/CP1"), subprotocols=[Subprotocol("ocpp1.6")])
        client.sendall(opening.connect().serialize())
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        return client

    async def scene() -> None:
        gateway = Gateway(settings)
        gateway.broker = NoBroker()
        assert gateway.tls_port is not None
        server = await asyncio.get_running_loop().create_server(
            gateway.tls_port.connection, "127.0.0.1", 0, ssl=gateway.tls_port.context
        )
        client = await asyncio.to_thread(open_and_fall_asleep, server.sockets[0].getsockname()[1])
        with client:
            async with asyncio.timeout(20):
                while gateway.connected:
                    gateway.downstream(b"ocpp/cs/CP1", ENVELOPE)
                    await asyncio.sleep(0)
        assert gateway.counters.closed[counters.SLOW_READER] == 1
        await gateway.stop()
        server.close()

    run(scene())
