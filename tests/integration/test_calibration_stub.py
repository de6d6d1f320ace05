"""The stub gateway itself, held against clients that are not ours: PyPI's `ocpp` and `websockets`."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import pytest
from ocpp.v16 import ChargePoint, call
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from loadtest.protocol.frames import split_documents
from loadtest.testing.stub_behaviour import Fault, StubBehaviour
from loadtest.testing.stub_gateway import StubGateway
from loadtest.units import NS_PER_MS

pytestmark = [pytest.mark.integration, pytest.mark.alone]


def connect_to(stub: StubGateway, charge_point: str = "cp-1") -> connect:
    return connect(f"{stub.url}/{charge_point}", subprotocols=["ocpp1.6"], compression=None)  # type: ignore[list-item]


def heartbeat(message_id: str) -> str:
    return json.dumps([2, message_id, "Heartbeat", {}])


async def ask(connection: ClientConnection, message_id: str) -> Any:
    await connection.send(heartbeat(message_id))
    return json.loads(await asyncio.wait_for(connection.recv(), 20))


def test_a_foreign_charge_point_completes_a_session() -> None:
    """The `ocpp` package checks every answer against the official schemas."""

    async def session(stub: StubGateway) -> tuple[int, int]:
        async with connect_to(stub) as connection:
            charge_point = ChargePoint("cp-1", connection)
            reading = asyncio.create_task(charge_point.start())
            boot = await charge_point.call(call.BootNotification("model", "vendor"))
            await charge_point.call(call.StatusNotification(0, "NoError", "Available"))
            await charge_point.call(call.Authorize("tag"))
            now = boot.current_time
            started = await charge_point.call(call.StartTransaction(1, "tag", 0, now))
            sampled = [{"timestamp": now, "sampledValue": [{"value": "7"}]}]
            await charge_point.call(call.MeterValues(1, sampled, started.transaction_id))
            await charge_point.call(call.StopTransaction(9, now, started.transaction_id))
            await charge_point.call(call.DataTransfer("vendor"))
            await charge_point.call(call.Heartbeat())
            reading.cancel()
            return boot.interval, started.transaction_id

    with StubGateway(StubBehaviour(boot_interval_s=77)) as stub:
        assert asyncio.run(session(stub)) == (77, 1)
    assert stub.counts.calls == stub.counts.answered == 8
    assert stub.counts.calls_by_action["MeterValues"] == 1


def test_delays_are_what_was_asked_for() -> None:
    async def session(stub: StubGateway) -> list[float]:
        async with connect_to(stub) as connection:
            taken_ns: list[float] = []
            for number in range(25):
                start_ns = time.monotonic_ns()
                await ask(connection, str(number))
                taken_ns.append(time.monotonic_ns() - start_ns)
            return taken_ns

    with StubGateway(StubBehaviour(delay_s=0.02)) as stub:
        taken_ns = asyncio.run(session(stub))
    assert min(taken_ns) >= 20 * NS_PER_MS
    assert min(stub.counts.delays_ns) >= 20 * NS_PER_MS
    assert statistics.quantiles(stub.counts.delays_ns, n=4)[0] < 22 * NS_PER_MS


def test_a_stall_serves_nothing() -> None:
    async def session(stub: StubGateway) -> float:
        async with connect_to(stub) as connection:
            start = time.monotonic()
            longest_s = 0.0
            while time.monotonic() - start < 1.0:
                asked = time.monotonic()
                await ask(connection, "x")
                longest_s = max(longest_s, time.monotonic() - asked)
                await asyncio.sleep(0.001)
            return longest_s

    with StubGateway(StubBehaviour(stall_s=0.2, stall_every_s=0.5)) as stub:
        longest_s = asyncio.run(session(stub))
    assert 0.15 < longest_s < 0.3
    lengths_ns = [end_ns - start_ns for start_ns, end_ns in stub.counts.stalls_ns]
    assert len(lengths_ns) == 2
    assert all(abs(length_ns - 200 * NS_PER_MS) < 20 * NS_PER_MS for length_ns in lengths_ns)


def test_faults_hit_each_nth_call_of_their_actions_only() -> None:
    async def session(stub: StubGateway) -> list[str]:
        async with connect_to(stub) as connection:
            for number in range(6):
                await connection.send(heartbeat(f"h{number}"))
                await connection.send(json.dumps([2, f"s{number}", "StatusNotification", {}]))
            return [json.loads(await asyncio.wait_for(connection.recv(), 20))[1] for _ in range(10)]

    behaviour = StubBehaviour(fault=Fault.NEVER, fault_every=3, fault_actions=frozenset({"Heartbeat"}))
    with StubGateway(behaviour) as stub:
        answered = asyncio.run(session(stub))
    assert {f"{kind}{number}" for kind in "hs" for number in range(6)} - set(answered) == {"h2", "h5"}
    assert (stub.counts.calls, stub.counts.answered, stub.counts.faults) == (12, 10, 2)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.DUPLICATE, [[3, "a"], [3, "a"]]),
        (Fault.CALL_ERROR, [[4, "a"]]),
        (Fault.LATE, [[3, "a"]]),
    ],
)
def test_answers_under_a_fault(fault: Fault, expected: list[list[object]]) -> None:
    async def session(stub: StubGateway) -> list[list[object]]:
        async with connect_to(stub) as connection:
            await connection.send(heartbeat("a"))
            return [json.loads(await asyncio.wait_for(connection.recv(), 20))[:2] for _ in expected]

    with StubGateway(StubBehaviour(fault=fault, late_s=0.1)) as stub:
        assert asyncio.run(session(stub)) == expected
    late = stub.counts.delays_ns[0] >= 100 * NS_PER_MS
    assert late == (fault is Fault.LATE)


def test_garbage_answers_nothing() -> None:
    async def session(stub: StubGateway) -> list[str]:
        async with connect_to(stub) as connection:
            for number in range(5):
                await connection.send(heartbeat(f"id-{number}"))
            return [str(await asyncio.wait_for(connection.recv(), 20)) for _ in range(5)]

    with StubGateway(StubBehaviour(fault=Fault.GARBAGE)) as stub:
        texts = asyncio.run(session(stub))
    assert len(set(texts)) == 5
    assert not any("id-" in text for text in texts)
    assert (stub.counts.answered, stub.counts.faults) == (0, 5)


def test_concatenated_messages_are_two_documents_in_one_text() -> None:
    async def session(stub: StubGateway) -> list[Any]:
        async with connect_to(stub) as connection:
            await connection.send(heartbeat("a"))
            text = await asyncio.wait_for(connection.recv(decode=False), 20)
            documents = [json.loads(document) for document in split_documents(text)]
            await connection.send(json.dumps([3, documents[0][1], {"listVersion": 0}]))
            stub.behaviour = replace(stub.behaviour, concatenated=False)
            assert (await ask(connection, "b"))[:2] == [3, "b"]
            return documents

    with StubGateway(StubBehaviour(concatenated=True)) as stub:
        own_call, answer = asyncio.run(session(stub))
    assert (own_call[0], own_call[2]) == (2, "GetLocalListVersion")
    assert answer[:2] == [3, "a"]
    assert (stub.counts.own_calls, stub.counts.replies) == (1, 1)


def test_cuts_without_a_close_frame() -> None:
    async def session(stub: StubGateway) -> ConnectionClosedError:
        async with connect_to(stub) as connection:
            await connection.send(heartbeat("a"))
            with pytest.raises(ConnectionClosedError) as closed:
                await asyncio.wait_for(connection.recv(), 20)
            return closed.value

    with StubGateway(StubBehaviour(fault=Fault.CUT)) as stub:
        assert asyncio.run(session(stub)).rcvd is None


def test_refuses_handshakes() -> None:
    async def session(stub: StubGateway) -> int:
        with pytest.raises(InvalidStatus) as refused:
            await connect_to(stub).__aenter__()
        return refused.value.response.status_code

    with StubGateway(StubBehaviour(refuse_status=503)) as stub:
        assert asyncio.run(session(stub)) == 503
    assert (stub.counts.refused, stub.counts.connections) == (1, 0)


@pytest.mark.parametrize("selected", ["ocpp2.0.1", None])
def test_selects_another_subprotocol(selected: str | None) -> None:
    async def session(stub: StubGateway) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(stub.url.split(":")[2].split("/")[0]))
        writer.write(
            b"GET /ocpp/cp-1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        writer.close()
        return head

    with StubGateway(StubBehaviour(subprotocol=selected)) as stub:
        head = asyncio.run(session(stub)).decode()
    assert head.startswith("HTTP/1.1 101")
    assert (f"Sec-WebSocket-Protocol: {selected}" in head) == (selected is not None)
    assert "ocpp1.6" not in head
