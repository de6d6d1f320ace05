"""The yardstick is checked too: the C programs against foreign peers."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest
from ocpp.v16 import ChargePoint, call
from reference import ClientResult, Load, Reference, Responder
from websockets.asyncio.client import connect

from loadtest.testing.stub_gateway import StubGateway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.client import ClientConnection

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    if not (shutil.which("gcc") or shutil.which("cc")):
        pytest.skip("needs a C compiler: apt-get install gcc libc6-dev")
    return Reference(tmp_path_factory.mktemp("reference"))


def with_connection(responder: Responder, session: Callable[[ClientConnection], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with connect(
            f"{responder.url}/cp-1",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            compression=None,
        ) as connection:
            assert connection.subprotocol == "ocpp1.6"
            return await asyncio.wait_for(session(connection), 5)

    return asyncio.run(run())


def test_responder_completes_a_session_of_a_foreign_charge_point(reference: Reference) -> None:
    """The `ocpp` package checks every answer against the official schemas."""

    async def session(connection: ClientConnection) -> tuple[int, int]:
        charge_point = ChargePoint("cp-1", connection)
        reading = asyncio.create_task(charge_point.start())
        boot = await charge_point.call(call.BootNotification("model", "vendor"))
        await charge_point.call(call.StatusNotification(0, "NoError", "Available"))
        await charge_point.call(call.Authorize("tag"))
        now = (await charge_point.call(call.Heartbeat())).current_time
        started = await charge_point.call(call.StartTransaction(1, "tag", 0, now))
        await charge_point.call(call.StopTransaction(9, now, started.transaction_id))
        await charge_point.call(call.DataTransfer("vendor"))
        reading.cancel()
        return boot.interval, started.transaction_id

    with reference.responder(boot_interval_s=42) as responder:
        assert with_connection(responder, session) == (42, 1)
    assert (responder.result.calls, responder.result.malformed, responder.result.accepted) == (7, 0, 1)


def test_responder_reads_any_length_and_any_cut(reference: Reference) -> None:
    """16-bit lengths, several frames in one segment, and a frame in many."""

    async def session(connection: ClientConnection) -> list[str]:
        raw = connection.transport.get_extra_info("socket")
        raw_send = connection.transport.write
        assert raw is not None
        frames: list[bytes] = []
        connection.transport.write = frames.append  # type: ignore[method-assign, assignment]
        for size in (0, 110, 125, 126, 127, 4000, 65000):
            await connection.send(json.dumps([2, f"id-{size}", "DataTransfer", {"data": "x" * size}]))
        stream = b"".join(frames)
        for start in range(700):
            raw_send(stream[start : start + 1])
            await asyncio.sleep(0)
        raw_send(stream[700:])
        connection.transport.write = raw_send  # type: ignore[method-assign]
        return [json.loads(await connection.recv())[1] for _ in frames]

    with reference.responder() as responder:
        answered = with_connection(responder, session)
    assert answered == [f"id-{size}" for size in (0, 110, 125, 126, 127, 4000, 65000)]


def test_responder_answers_pings_and_closes_in_order(reference: Reference) -> None:
    async def session(connection: ClientConnection) -> int | None:
        await (await connection.ping(b"are you there"))
        await connection.send("no OCPP")
        await connection.close(1000)
        return connection.close_code

    with reference.responder() as responder:
        assert with_connection(responder, session) == 1000
    assert (responder.result.calls, responder.result.malformed, responder.result.lost) == (0, 1, 1)


def test_responder_drops_what_is_no_websocket(reference: Reference) -> None:
    with reference.responder() as responder, socket.create_connection(("127.0.0.1", responder.port)) as plain:
        plain.settimeout(5)
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain.recv(100) == b""


def test_client_keeps_its_rate_against_a_foreign_server(reference: Reference) -> None:
    """Every frame it sends is one the `websockets` library accepts, with a message id of 36 characters."""
    with StubGateway() as stub:
        port = int(re.findall(r":(\d+)/", stub.url)[0])
        result = reference.client(port, Load(connections=50, per_second=500, warmup_s=0, window_s=1, tick_ms=1))
    assert stub.counts.connections == result.connections == 50
    assert 480 <= result.round_trips <= result.sent <= 505
    assert stub.counts.malformed == 0
    assert 0 < result.cpu_ns < result.window_ns


@pytest.mark.parametrize("program", [Reference.client, Reference.bare_client])
def test_clients_and_responder_agree(
    reference: Reference, program: Callable[[Reference, int, Load], ClientResult]
) -> None:
    with reference.responder() as responder:
        load = Load(connections=1000, per_second=5000, warmup_s=0, window_s=1, tick_ms=10)
        result = program(reference, responder.port, load)
    assert responder.result.accepted == result.connections == 1000
    assert responder.result.malformed == 0
    assert abs(result.sent / (load.per_second * result.window_ns / 1e9) - 1) < 0.05, (
        "a busy machine makes the window longer"
    )
    assert 0 <= responder.result.calls - result.round_trips <= 100
