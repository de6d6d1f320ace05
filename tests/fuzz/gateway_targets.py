"""The gateway between a hostile charge point, a quiet neighbour, and a broker that may say anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fuzz.surroundings import MemoryTransport, in_pieces, still_loop

from loadtest.gateway.gateway import Gateway
from loadtest.gateway.settings import GatewaySettings
from loadtest.protocol.frames import split_documents
from loadtest.transport import websocket_frames as ws
from loadtest.transport.mqtt_codec import MAX_STRING_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz.surroundings import StillLoop

    from loadtest.gateway.charge_point_connection import ChargePointConnection

NEIGHBOUR = b"neighbour-5b0c1e"
"""Long enough that no input is its credentials by chance."""

REQUEST = (
    b"GET /ocpp/%b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
HEARTBEAT = b'[2,"7","Heartbeat",{}]'
HEARTBEAT_ENVELOPE = b'{"MessageTypeId":2,"UniqueId":"7","Action":"Heartbeat","Payload":{}}'
RESULT_ENVELOPE = b'{"MessageTypeId":3,"UniqueId":"7","Payload":{"currentTime":"2026-01-31T12:00:00Z"}}'
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {
        "strict": True,
        "message_format_checking": "all",
        "check_downstream": True,
        "call_error_on_invalid": True,
        "piggyback": "single",
        "idle_timeout_s": 0.0,
        "default_heartbeat_interval_s": 0.0,
    },
    {
        "upstream_topic": "cp/${cid}/${type}/${action}/${id}",
        "upstream_reply_topic": "cp/${cid}/${type}/${id}",
        "upstream_error_topic": "cp/${cid}/${type}/${id}",
        "close_on_invalid_json": True,
        "call_error_on_invalid": True,
    },
)
"""The gateway as EMQX is, with everything checked, and with topics made of what charge points send."""

RESULT = b'[3,"7",{"currentTime":"2026-01-31T12:00:00Z"}]'


class Broker:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.congested = False
        self.published: list[tuple[bytes, bytes]] = []
        self.filters: set[bytes] = set()

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        self.published.append((topic, payload))

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None:
        self.filters |= {topic_filter for topic_filter, _ in filters}

    def unsubscribe(self, filters: list[bytes]) -> None:
        self.filters -= set(filters)


class Bench:
    """A gateway with one neighbour connected, who must not notice what happens to others."""

    def __init__(self, loop: StillLoop, settings: int) -> None:
        self.loop = loop
        self.settings = SETTINGS[settings % len(SETTINGS)]
        self.gateway = Gateway(GatewaySettings(port=1, broker_url="mqtt://x", **self.settings))
        self.broker = Broker()
        self.gateway.broker = self.broker
        self.neighbour, self.neighbour_transport = self.connect(REQUEST % NEIGHBOUR)

    def connect(self, *pieces: bytes) -> tuple[ChargePointConnection, MemoryTransport]:
        connection, transport = self.gateway.connection(), MemoryTransport()
        connection.connection_made(transport)
        for piece in pieces:
            connection.data_received(piece)
            self.loop.turn()
        return connection, transport

    def check_neighbour(self) -> None:
        """It is served as if it were alone, and told nothing else."""
        published = len(self.broker.published)
        self.neighbour_transport.written.clear()
        self.neighbour.data_received(ws.client_frame(ws.TEXT, HEARTBEAT))
        self.loop.turn()
        topic = b"ocpp/cp/" + NEIGHBOUR + (b"/2/Heartbeat/7" if "upstream_topic" in self.settings else b"")
        assert self.broker.published[published:] == [(topic, HEARTBEAT_ENVELOPE)]
        self.gateway.downstream(b"ocpp/cs/" + NEIGHBOUR, RESULT_ENVELOPE)
        self.loop.turn()
        assert self.neighbour_transport.written == ws.server_frame(ws.TEXT, RESULT)
        assert not self.neighbour_transport.ended

    def check_books(self) -> None:
        """Everything published was counted, and is JSON of its sender's topic."""
        totals = self.gateway.counters.report()
        kinds = ("gateway.upstream_calls", "gateway.upstream_results", "gateway.upstream_errors")
        assert sum(totals[kind] for kind in kinds) == totals["gateway.published"] == len(self.broker.published)
        for topic, payload in self.broker.published:
            assert len(topic) <= MAX_STRING_BYTES
            assert not set(topic.decode()) & {"+", "#", "\0"}
            assert isinstance(json.loads(payload), dict)

    def check_empty(self) -> None:
        """When all have gone nothing is left of them."""
        self.neighbour.connection_lost(None)
        self.loop.turn()
        assert self.gateway.connected == 0
        assert not self.broker.filters


def charge_point(data: bytes) -> None:
    """Frames of a charge point that was let in."""
    _hostile(data, lambda pieces: [REQUEST % b"hostile", *pieces])


def stranger(data: bytes) -> None:
    """Whatever arrives on a new connection."""
    _hostile(data, lambda pieces: pieces)


def _hostile(data: bytes, sent: Callable[[list[bytes]], list[bytes]]) -> None:
    _, pieces = in_pieces(data)
    with still_loop() as loop:
        bench = Bench(loop, data[0] if data else 0)
        connection, transport = bench.connect(*sent(pieces))
        bench.check_neighbour()
        bench.check_books()
        assert bench.gateway.connected == 1 + (connection.opened_ns != 0)
        bench.gateway.tick(bench.gateway.now_s + (40 if bench.settings.get("strict") else 0.1))
        loop.turn()
        transport.ended = True
        connection.connection_lost(None)
        loop.turn()
        assert bench.gateway.connected == 1
        assert bench.broker.filters == {b"ocpp/cs/" + NEIGHBOUR}
        bench.check_neighbour()
        bench.check_empty()


def broker(data: bytes) -> None:
    """What the broker delivers, topic and message apart at the first line break: only its addressee may get it."""
    topic, _, envelope = data[1:].partition(b"\n")
    with still_loop() as loop:
        bench = Bench(loop, data[0] if data else 0)
        _, transport = bench.connect(REQUEST % b"addressee")
        transport.written.clear()
        bench.neighbour_transport.written.clear()
        bench.gateway.downstream(topic, envelope)
        bench.gateway.downstream(b"ocpp/cs/addressee", envelope)
        loop.turn()
        if topic != b"ocpp/cs/" + NEIGHBOUR:
            assert not bench.neighbour_transport.written
        reader = ws.FrameReader(expect_masked=False, max_message_bytes=1 << 20)
        for opcode, text in reader.feed(bytes(transport.written)):
            assert opcode == ws.TEXT
            # With piggyback several messages share a text.
            assert all(isinstance(json.loads(document), list) for document in split_documents(text))
        if not transport.ended:
            assert reader.empty
        bench.check_neighbour()
