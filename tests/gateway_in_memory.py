"""A gateway between a broker and connections in memory, whose time the test moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from loadtest.gateway.gateway import Gateway
from loadtest.gateway.settings import gateway_settings
from loadtest.transport import websocket_frames as ws

if TYPE_CHECKING:
    from loadtest.gateway.charge_point_connection import ChargePointConnection

REQUEST = (
    b"GET /ocpp/%b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
HEARTBEAT = b'[2,"7","Heartbeat",{}]'
ACCEPTED = b'{"MessageTypeId":3,"UniqueId":"b","Payload":{"status":"Accepted","interval":%d}}'


class FakeBroker:
    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self.congested = False

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        self.log.append(("publish", topic, payload, qos))

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None:
        self.log.append(("subscribe", *filters))

    def unsubscribe(self, filters: list[bytes]) -> None:
        self.log.append(("unsubscribe", *filters))


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.cut = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.cut = True

    def close(self) -> None:
        self.cut = True

    def is_closing(self) -> bool:
        return self.cut

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high


class Bench:
    """A gateway whose time the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.gateway = Gateway(gateway_settings({"port": 1, "broker_url": "mqtt://x"} | settings))
        self.broker = FakeBroker()
        self.gateway.broker = self.broker
        self.now_s = self.gateway.now_s

    def connect(self, identity: bytes = b"A") -> tuple[ChargePointConnection, FakeTransport]:
        connection, transport = self.gateway.connection(), FakeTransport()
        connection.connection_made(transport)
        connection.data_received(REQUEST % identity)
        return connection, transport

    def pass_time(self, seconds: float) -> None:
        """In ticks of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            self.gateway.tick(self.now_s)


def text(payload: bytes) -> bytes:
    return ws.client_frame(ws.TEXT, payload)
