"""Brokers that break every rule, over real sockets: each ends in one cause, and the loop goes on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
from recording_wire import CONNACK, SUBACK, RecordingWire, eventually, run_and_cut

from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_terms import MQTT_3_1_1, MQTT_5, MqttOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

pytestmark = pytest.mark.integration

OPEN = CONNACK + SUBACK
OPEN_5 = b"\x20\x03\x00\x00\x00" + b"\x90\x04\xff\xff\x00\x02"

CASES: list[tuple[str, int, bytes, Fault | None]] = [
    ("hangs up at once", MQTT_3_1_1, b"", None),
    ("hangs up within CONNACK", MQTT_3_1_1, b"\x20\x02\x00", None),
    ("speaks HTTP", MQTT_3_1_1, b"HTTP/1.1 400 Bad Request\r\n\r\n", Fault.MALFORMED),
    ("speaks TLS", MQTT_5, b"\x15\x03\x03\x00\x02\x02\x0a", Fault.MALFORMED),
    ("acknowledges before CONNACK", MQTT_3_1_1, b"\x40\x02\x00\x01", Fault.OUT_OF_ORDER),
    ("sends noise once open", MQTT_3_1_1, OPEN + bytes(range(1, 256)) * 20, Fault.MALFORMED),
    ("hangs up within a message", MQTT_3_1_1, OPEN + b"\x30\x7f\x00\x01a", None),
    ("announces 256 MB", MQTT_5, OPEN_5 + b"\x30\xff\xff\xff\x7f" + bytes(1000), Fault.TOO_LARGE),
    ("accepts twice", MQTT_5, OPEN_5 + OPEN_5, Fault.OUT_OF_ORDER),
    ("uses a topic alias", MQTT_5, OPEN_5 + b"\x30\x06\x00\x00\x03\x23\x00\x01", Fault.MALFORMED),
    ("sends QoS 3", MQTT_5, OPEN_5 + b"\x36\x06\x00\x01a\x00\x01\x00", Fault.MALFORMED),
    ("dismisses the client", MQTT_5, OPEN_5 + b"\xe0\x02\x8b\x00", None),
]


async def closed(wire: RecordingWire) -> None:
    await eventually(lambda: wire.closed)


@contextlib.asynccontextmanager
async def broker(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]],
) -> AsyncIterator[int]:
    """A server that treats each connection so; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with contextlib.suppress(ConnectionError):
                await behave(reader, writer)
        finally:
            writer.close()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a client soon notices a broker that stops
    server = await asyncio.start_server(accept, sock=listening)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_each_way_to_break_the_rules_ends_in_one_cause() -> None:
    async def main() -> None:
        loop_errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
        for name, version, sent, fault in CASES:

            async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes = sent) -> None:
                await reader.read(100)
                writer.write(sent)
                await writer.drain()

            async with broker(behave) as port:
                wire = RecordingWire(name, MqttOptions(version))
                await wire.dial(port)
                await closed(wire)
                ((code, error),) = wire.closed
                assert (error.fault if isinstance(error, MqttError) else None) == fault, name
                assert code == (0x8B if name == "dismisses the client" else None)
        assert loop_errors == []

    run_and_cut(main())


def test_a_broker_that_never_answers_waits_for_its_owner_s_deadline() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    async def main() -> None:
        async with broker(behave) as port:
            wire = RecordingWire()
            await wire.dial(port, wait=False)
            await asyncio.sleep(0.01)
            assert wire.is_opening
            wire.abort()
            await eventually(lambda: wire.closed)
            assert wire.seen == [("closed", None, None)]

    run_and_cut(main())


def test_a_broker_that_sends_without_end_and_never_reads_costs_no_memory() -> None:
    flood = b"".join(codec.publish(b"t", b"x", 1, 1 + number % 0xFFFF) for number in range(2000))
    written = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.read(100)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(OPEN)
        while written < 200_000_000:
            writer.write(flood)
            await writer.drain()
            written += len(flood)

    async def main() -> None:
        async with broker(behave) as port:
            wire = RecordingWire()
            await wire.dial(port, wait=False)
            assert wire.transport is not None
            end = wire.transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            await eventually(lambda: wire.transport is None or not wire.transport.is_reading())
            assert wire.is_open
            assert wire.transport.get_write_buffer_size() < 1 << 20
            assert written < 200_000_000

    run_and_cut(main())
