"""The lean MQTT client against a real Mosquitto and against Mosquitto's own clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import pytest
from mosquitto_process import MosquittoProcess

from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.transport import mqtt_client
from loadtest.transport.loop import run
from loadtest.transport.mqtt5_properties import Properties, decode, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from loadtest.transport.mqtt_client import MqttClient

pytestmark = pytest.mark.integration


class Inbox:
    """Collects messages; ``until`` waits for a number of them."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []

    def __call__(self, topic: bytes, payload: bytes) -> None:
        self.messages.append((topic, payload))

    async def until(self, count: int, timeout_s: float = 10) -> None:
        await eventually(lambda: len(self.messages) >= count, timeout_s)

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.messages]


async def eventually(condition: Callable[[], object], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition is another party's doing
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def connected(
    url: str, name: str, on_message: Callable[[bytes, bytes], None] = lambda topic, payload: None, **options: Any
) -> AsyncIterator[MqttClient]:
    client = await mqtt_client.connect(url, client_id=name, on_message=on_message, **options)
    try:
        yield client
    finally:
        await client.close()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_s_subscriber_receives_what_we_publish(mosquitto_url: str, qos: int) -> None:
    async def main() -> None:
        port = mosquitto_url.rpartition(":")[2]
        oracle = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", "-p", port, "-t", "a/#", "-q", "2", "-F", "%t %q %p"), stdout=subprocess.PIPE
        )
        assert oracle.stdout
        async with connected(mosquitto_url, "us") as client:
            first = asyncio.ensure_future(oracle.stdout.readline())
            while not first.done():  # repeated until it shows that it listens
                client.publish(b"a/hello", b"first", 0)
                await asyncio.sleep(0.02)
            for number in numbers(200):
                client.publish("a/ü 1".encode(), number, qos)
            lines = [await oracle.stdout.readline() for _ in range(200)]
        oracle.terminate()
        await oracle.wait()
        while lines[0] == b"a/hello 0 first\n":
            del lines[0]
        assert lines == [f"a/ü 1 {qos} {number}\n".encode() for number in range(len(lines))]
        assert len(lines) > 150

    asyncio.run(main())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_we_receive_what_mosquitto_s_publisher_sends(mosquitto_url: str, qos: int) -> None:
    port = mosquitto_url.rpartition(":")[2]

    async def main() -> None:
        inbox = Inbox()
        async with connected(mosquitto_url, "us", inbox) as client:
            assert await client.subscribed([(b"b/+", qos)]) == [qos]
            publisher = await asyncio.create_subprocess_exec(
                "mosquitto_pub", "-p", port, "-t", "b/x", "-q", str(qos), "-l", stdin=subprocess.PIPE
            )
            await publisher.communicate(b"\n".join(numbers(300)) + b"\n")
            await inbox.until(300)
        assert inbox.messages == [(b"b/x", number) for number in numbers(300)]

    asyncio.run(main())


def test_properties_pass_between_mosquitto_s_clients_and_us(mosquitto_url: str) -> None:
    port = mosquitto_url.rpartition(":")[2]
    given = Properties(message_expiry_s=60, response_topic="answers/here", correlation_data=b"c-1")
    sent = ["-t", "p/up", "-D", "publish", "response-topic", "r", "-D", "publish", "correlation-data", "d"]

    async def main() -> None:
        arrived: list[tuple[bytes, bytes, bytes]] = []
        client: MqttClient
        oracle = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", "-V", "5", "-p", port, "-t", "p/down", "-q", "1", "-C", "1", "-W", "20"),
            *("-F", "%q|%R|%D|%E|%p"),
            stdout=subprocess.PIPE,
        )
        async with connected(
            mosquitto_url,
            "us",
            lambda topic, payload: arrived.append((topic, payload, client.properties)),
            mqtt5=True,
        ) as client:
            assert await client.subscribed([(b"p/up", 1)]) == [1]
            while oracle.returncode is None:  # repeated until it listens
                client.publish(b"p/down", b"hello", 1, encode(given))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(oracle.wait(), 0.05)
            assert oracle.stdout
            quality, response_topic, correlation_data, expiry_s, payload = (await oracle.stdout.read()).split(b"|")
            assert (quality, response_topic, correlation_data) == (b"1", b"answers/here", b"c-1")
            assert (50 < int(expiry_s) <= 60, payload) == (True, b"hello\n")
            for properties in (sent, sent[:2]):
                publisher = await asyncio.create_subprocess_exec(
                    "mosquitto_pub", "-V", "5", "-p", port, "-q", "1", "-m", "x", *properties
                )
                assert await publisher.wait() == 0
            await eventually(lambda: len(arrived) == 2)
        said = decode(arrived[0][2])
        assert (said.response_topic, said.correlation_data, arrived[1]) == ("r", b"d", (b"p/up", b"x", b""))

    asyncio.run(main())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_burst_in_one_loop_turn_arrives_once_and_in_order(mosquitto_url: str, qos: int) -> None:
    async def main() -> None:
        inbox = Inbox()
        drained: list[int] = []
        publisher: MqttClient
        async with (
            connected(mosquitto_url, "sub", inbox) as subscriber,
            connected(
                mosquitto_url,
                "pub",
                max_in_flight=50,
                high_water=1000,
                on_drained=lambda: drained.append(publisher.unacknowledged),
            ) as publisher,
        ):
            await subscriber.subscribed([(b"c", qos)])
            for number in numbers(3000):
                publisher.publish(b"c", number, qos)
            assert publisher.congested == (qos > 0)
            assert publisher.unacknowledged == (3000 if qos else 0)
            await inbox.until(3000)
            await eventually(lambda: publisher.unacknowledged == 0)
            await asyncio.sleep(0.05)
            assert inbox.payloads == numbers(3000)
            assert drained == ([500] if qos else [])
            assert not publisher.congested

    run(main())


def test_unsubscribe_and_large_messages(mosquitto_url: str) -> None:
    async def main() -> None:
        inbox = Inbox()
        async with connected(mosquitto_url, "us", inbox) as client:
            await client.subscribed([(b"big", 1), (b"gone", 1)])
            client.unsubscribe([b"gone"])
            client.publish(b"gone", b"?", 1)
            client.publish(b"big", bytes(700_000), 1)
            await inbox.until(1)
            assert inbox.messages == [(b"big", bytes(700_000))]

    run(main())


@pytest.mark.parametrize("runner", [run, asyncio.run])
def test_nagle_is_off(mosquitto_url: str, runner: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def main() -> None:
        async with connected(mosquitto_url, "us") as client:
            assert client._connection
            assert client._connection._transport
            endpoint = client._connection._transport.get_extra_info("socket")
            assert endpoint.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    runner(main())


def test_after_a_restart_everything_unacknowledged_is_sent_and_all_filters_are_asked_for_again(tmp_path: Path) -> None:
    async def main(broker: MosquittoProcess) -> None:
        inbox = Inbox()
        states: list[object] = []
        async with connected(
            broker.url,
            "us",
            inbox,
            on_lost=lambda reason: states.append(("lost", bool(reason))),
            on_restored=lambda: states.append("restored"),
        ) as client:
            client.subscribe([(b"d/%d" % number, 1) for number in range(250)])
            client.publish(b"d/0", b"before", 1)
            await inbox.until(1)
            await asyncio.to_thread(broker.stop)
            await eventually(lambda: states)
            client.publish(b"d/249", b"lost", 0)
            client.publish(b"d/249", b"meanwhile", 1)
            assert (client.dropped, client.unacknowledged, client.connected) == (1, 1, False)
            await asyncio.to_thread(broker.start)
            await eventually(lambda: len(states) == 2)
            await inbox.until(2)
            assert states == [("lost", True), "restored"]
            assert inbox.messages == [(b"d/0", b"before"), (b"d/249", b"meanwhile")]
            assert client.reconnects == 1

    with MosquittoProcess(tmp_path) as broker:
        run(main(broker))


@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_lost_over_a_broker_restart(tmp_path: Path, qos: int) -> None:
    """Not "exactly once": Mosquitto 2.0.11 repeats, after a restart, messages it had sent the PUBREL of."""

    async def main(broker: MosquittoProcess) -> None:
        inbox = Inbox()
        options: dict[str, Any] = {"clean_session": False, "max_in_flight": 20}
        async with (
            connected(broker.url, "sub", inbox, **options) as subscriber,
            connected(broker.url, "pub", **options) as publisher,
        ):
            await subscriber.subscribed([(b"e", qos)])
            for number in numbers(4000):
                publisher.publish(b"e", number, qos)
            await inbox.until(300)
            await asyncio.to_thread(broker.stop)
            assert len(inbox.messages) < 4000, "the restart must fall into the middle"
            assert publisher.unacknowledged
            await asyncio.to_thread(broker.start)
            await eventually(lambda: len(set(inbox.payloads)) == 4000 and not publisher.unacknowledged, 20)

    with MosquittoProcess(tmp_path) as broker:
        run(main(broker))


class CutCable:
    """A TCP relay in front of a broker, whose connections can be cut."""

    def __init__(self, broker_url: str) -> None:
        self._broker_port = int(broker_url.rpartition(":")[2])
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers |= {client_writer, broker_writer}
        await asyncio.gather(self._pump(client_reader, broker_writer), self._pump(broker_reader, client_writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(700):  # small: cuts then fall between the packets of one handshake
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._writers.discard(writer)

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


@pytest.mark.parametrize("mqtt5", [False, True])
def test_qos_2_is_exactly_once_over_cut_connections(mosquitto_url: str, mqtt5: bool) -> None:
    async def main() -> None:
        inbox = Inbox()
        restored: list[int] = []
        options: dict[str, Any] = {
            "mqtt5": mqtt5,
            "clean_session": False,
            "max_in_flight": 20,
            "on_restored": lambda: restored.append(1),
        }
        async with (
            CutCable(mosquitto_url) as cable,
            connected(cable.url, "sub", inbox, **options) as subscriber,
            connected(cable.url, "pub", **options) as publisher,
        ):
            await subscriber.subscribed([(b"e", 2)])
            for number in numbers(4000):
                publisher.publish(b"e", number, 2)
            for cuts in range(1, 7):
                await inbox.until(500 * cuts)
                cable.cut()
                await eventually(lambda cuts=cuts: len(restored) == 2 * cuts)  # type: ignore[misc]  # its default
            await inbox.until(4000)
            await eventually(lambda: publisher.unacknowledged == 0)
            await asyncio.sleep(0.1)
            assert inbox.payloads == numbers(4000)
            assert (publisher.reconnects, subscriber.reconnects) == (6, 6)

    run(main())


def test_a_hanging_broker_is_found_dead_and_used_again_when_it_wakes(tmp_path: Path) -> None:
    async def main(broker: MosquittoProcess) -> None:
        reasons: list[str] = []
        restored: list[int] = []
        async with connected(
            broker.url, "us", keep_alive_s=2, on_lost=reasons.append, on_restored=lambda: restored.append(1)
        ) as client:
            await asyncio.sleep(2.2)
            assert not reasons, "pings keep an idle connection alive"
            broker.suspend()
            began = time.monotonic()
            await eventually(lambda: reasons)
            assert time.monotonic() - began > 0.9, "it had so long to answer a ping"
            assert "silent" in reasons[0]
            broker.resume()
            await eventually(lambda: restored and client.connected)

    with MosquittoProcess(tmp_path) as broker:
        run(main(broker))


def test_a_broker_that_stops_reading_makes_qos_0_congested(tmp_path: Path) -> None:
    async def main(broker: MosquittoProcess) -> None:
        drained: list[int] = []
        async with connected(broker.url, "us", on_drained=lambda: drained.append(1)) as client:
            broker.suspend()
            written = 0
            while not client.congested and written < 200 << 20:
                client.publish(b"f", bytes(100_000), 0)
                written += 100_000
                await asyncio.sleep(0)
            assert client.congested
            broker.resume()
            await eventually(lambda: drained)
            assert not client.congested

    with MosquittoProcess(tmp_path) as broker:
        run(main(broker))


def test_closing_waits_for_what_was_just_published(mosquitto_url: str) -> None:
    async def main() -> None:
        inbox = Inbox()
        async with connected(mosquitto_url, "sub", inbox) as subscriber:
            await subscriber.subscribed([(b"g", 2)])
            async with connected(mosquitto_url, "pub", max_in_flight=10) as publisher:
                for number in numbers(500):
                    publisher.publish(b"g", number, 2)
            assert publisher.unacknowledged == 0
            await inbox.until(500)

    run(main())


async def _attempt(url: str) -> None:
    async with connected(url, "us"):
        pass


def test_an_unreachable_broker_is_named(unused_port: int) -> None:
    with pytest.raises(EnvironmentNotReady, match=f"127.0.0.1:{unused_port}.*refused") as caught:
        run(_attempt(f"mqtt://127.0.0.1:{unused_port}"))
    assert caught.value.hint


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    with MosquittoProcess(tmp_path, "allow_anonymous false") as broker:
        with pytest.raises(EnvironmentNotReady, match="not authorised") as caught:
            run(_attempt(broker.url))
        assert "user" in caught.value.hint
        with pytest.raises(EnvironmentNotReady, match=r"not authorised|user name") as caught:
            run(_attempt(broker.url.replace("//", "//me:secret@")))
        assert "secret" not in str(caught.value)


def test_a_server_that_is_no_broker_is_found_out() -> None:
    async def main() -> None:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            with pytest.raises(EnvironmentNotReady, match="not an MQTT"):
                await _attempt(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    asyncio.run(main())


def test_a_bad_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="ws://x"):
        run(_attempt("ws://x"))


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
