"""Hostile clients: whatever one does, its neighbour is served, and the process neither dies nor grows."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from servers import free_port
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from loadtest.clock import monotonic_ns
from loadtest.testing.controlled_child import ControlledChild
from loadtest.transport.websocket_frames import CONTINUATION, PING, TEXT, client_frame
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.alone]

ATTACK_S = 0.8
LATENCY_S = 1.0
"""Far above what a neighbour sees here, far below what it sees when a flood is dealt with in one go."""
GROWTH_BYTES = 48 * 1024 * 1024

Attack = tuple["Callable[[int, float], None]", str]
"""What the client does on a port until an instant, and the counter that tells of it."""


def opened(port: int, identity: bytes, *, receive_buffer_bytes: int = 0) -> socket.socket:
    """A WebSocket without a library."""
    raw = socket.socket()
    if receive_buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    raw.settimeout(1.0)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        b"GET /ocpp/%b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n" % identity
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def flood(port: int, until_s: float, first: bytes, again: bytes, *, reading: bool = True) -> None:
    """Send the same for as long as it is taken, over one connection after the other."""
    while time.monotonic() < until_s:
        with opened(port, b"HOSTILE", receive_buffer_bytes=0 if reading else 4096) as raw, contextlib.suppress(OSError):
            reader = threading.Thread(target=drain, args=(raw,))
            if reading:
                reader.start()
            try:
                raw.sendall(first)
                while time.monotonic() < until_s:
                    raw.sendall(again)
            finally:
                with contextlib.suppress(OSError):
                    raw.shutdown(socket.SHUT_RDWR)
                if reading:
                    reader.join()
        time.sleep(0.05)


def drain(raw: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while raw.recv(1 << 16):
            pass


def slow_handshakes(port: int, until_s: float) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(200)]
        while time.monotonic() < until_s:
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"G")
            time.sleep(0.2)


def huge_headers(port: int, until_s: float) -> None:
    while time.monotonic() < until_s:
        with socket.create_connection(("127.0.0.1", port)) as client, contextlib.suppress(OSError):
            client.sendall(b"GET /ocpp/A HTTP/1.1\r\nX: " + b"x" * (1 << 20))


def huge_frames(port: int, until_s: float) -> None:
    head = b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"mask"
    flood(port, until_s, head, b"x" * (1 << 18))


def almost_whole_frames(port: int, until_s: float) -> None:
    """The longest frame that is taken, but for its end."""
    frame = client_frame(TEXT, b"x" * (1 << 20))[:-1]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(port, b"HOSTILE%d" % number)) for number in range(10)]
        for client in clients:
            client.sendall(frame)
        time.sleep(max(0, until_s - time.monotonic()))


def endless_fragments(port: int, until_s: float) -> None:
    first = bytes([client_frame(TEXT, b"")[0] & 0x7F]) + client_frame(TEXT, b"")[1:]
    empty = client_frame(CONTINUATION, b"")
    flood(port, until_s, first, (bytes([empty[0] & 0x7F]) + empty[1:]) * 40_000)


def pings(port: int, until_s: float) -> None:
    flood(port, until_s, b"", client_frame(PING, b"") * 40_000)


def pings_never_read(port: int, until_s: float) -> None:
    flood(port, until_s, b"", client_frame(PING, b"x" * 125) * 4000, reading=False)


def malformed_messages(port: int, until_s: float) -> None:
    flood(port, until_s, b"", client_frame(TEXT, b"[") * 40_000)


def garbage(port: int, until_s: float) -> None:
    flood(port, until_s, os.urandom(1 << 16), os.urandom(1 << 16))


ATTACKS: tuple[Attack, ...] = (
    (slow_handshakes, "handshake_timeouts"),
    (huge_headers, "refused_http_431"),
    (huge_frames, "closed_violation"),
    (almost_whole_frames, "accepted"),
    (endless_fragments, "received_bytes"),
    (pings, "pings"),
    (pings_never_read, "closed_slow_reader"),
    (malformed_messages, "upstream_dropped_not_json"),
    (garbage, "closed_violation"),
)


class Neighbour:
    """A well-behaved charge point and how long it waits for the gateway."""

    def __init__(self, port: int) -> None:
        self._websocket = connect(
            f"ws://127.0.0.1:{port}/ocpp/GOOD",
            subprotocols=[Subprotocol("ocpp1.6")],
            compression=None,
            ping_interval=None,
        )
        self.sent = 0

    def serve_until(self, until_s: float) -> list[float]:
        """Send a CALL and a ping every now and then; the ping's answer says when both are dealt with."""
        waits = []
        while time.monotonic() < until_s:
            began = time.monotonic()
            self._websocket.send(f'[2,"{self.sent}","Heartbeat",{{}}]')
            self.sent += 1
            assert self._websocket.ping().wait(30)
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        return waits

    def close(self) -> None:
        self._websocket.close()


@pytest.fixture
def gateway(mosquitto_url: str) -> Iterator[tuple[ControlledChild, int]]:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure({"port": port, "broker_url": mosquitto_url, "idle_timeout_s": 0, "handshake_timeout_s": 0.4})
        yield child, port


@pytest.mark.parametrize(("attack", "counter"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_the_neighbour_of_a_hostile_client_is_served(
    gateway: tuple[ControlledChild, int], attack: Callable[[int, float], None], counter: str
) -> None:
    child, port = gateway
    neighbour = Neighbour(port)
    quiet_rss_bytes = child.next_report().health.rss_bytes
    until_s = time.monotonic() + ATTACK_S
    attacker = threading.Thread(target=attack, args=(port, until_s))
    attacker.start()
    waits = sorted(neighbour.serve_until(until_s))
    attacker.join(30)
    assert not attacker.is_alive()
    assert waits[-1] < LATENCY_S, f"median {waits[len(waits) // 2]:.3f} s of {len(waits)}"
    neighbour.serve_until(time.monotonic() + 0.1)
    index = monotonic_ns() // NS_PER_S
    report = child.report_when(lambda report: report.index >= index and report.gauges["unacknowledged"] == 0)
    neighbour.close()
    assert report.counters["gateway.upstream_calls"] == neighbour.sent, "all of it, and nothing of the attacker's"
    assert report.counters[f"gateway.{counter}"] > 0
    assert report.health.rss_bytes - quiet_rss_bytes < GROWTH_BYTES
    assert not child.events
