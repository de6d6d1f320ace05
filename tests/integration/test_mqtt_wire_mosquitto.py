"""The light MQTT connection against a real Mosquitto, in both versions of MQTT."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest
from cutting_relay import DOWN, UP, CuttingRelay
from mosquitto_process import MosquittoProcess
from recording_wire import RecordingWire, eventually, run_and_cut

from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_properties import Properties, decode, encode
from loadtest.transport.mqtt_exchange import MessageTooLarge
from loadtest.transport.mqtt_reasons import Reason
from loadtest.transport.mqtt_terms import MQTT_3_1_1, MQTT_5, MqttOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5], ids=["3.1.1", "5"])
PUBLISH, PUBREC, PUBREL, PUBCOMP = 3, 5, 6, 7
LARGEST_BYTES, IN_FLIGHT = 3000, 3


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MosquittoProcess]:
    folder = tmp_path_factory.mktemp("mosquitto")
    passwords = folder / "passwords"
    passwords.touch()
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "known", "right"], check=True)
    for each in (folder, passwords):
        each.chmod(0o755)
    with MosquittoProcess(
        folder,
        "allow_anonymous true",
        f"password_file {passwords}",
        f"max_packet_size {LARGEST_BYTES}",
        f"max_inflight_messages {IN_FLIGHT}",
        "max_keepalive 60",
    ) as process:
        yield process


def kept(version: int) -> MqttOptions:
    return MqttOptions(version, clean_start=False, session_expiry_s=60)


async def closed(wire: RecordingWire) -> None:
    await eventually(lambda: wire.closed)


async def publish(sender: RecordingWire, topic: str, payload: bytes, qos: int) -> int:
    """Publish without overrunning the broker: with 3.1.1 nobody tells how many messages it takes at once."""
    assert sender.terms is not None
    if sender.terms.version == MQTT_3_1_1:
        await eventually(lambda: sender.unacknowledged < IN_FLIGHT)
    return sender.publish(topic.encode(), payload, qos)


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_arrive_once_and_in_order(broker: MosquittoProcess, version: int, qos: int) -> None:
    async def main() -> None:
        name = f"order-{version}-{qos}"
        sender = RecordingWire(f"{name}-s", MqttOptions(version), topic=b"none")
        receiver = RecordingWire(f"{name}-r", MqttOptions(version), topic=name.encode())
        await receiver.dial(broker.port)
        await sender.dial(broker.port)
        if version == MQTT_5:
            assert sender.terms is not None
            assert sender.terms.receive_maximum == IN_FLIGHT  # a broker sent more at once would end the connection
        expected = [b"%d" % number + bytes(number * 10) for number in range(30)]
        sent = [await publish(sender, name, payload, qos) for payload in expected]
        await eventually(lambda: len(receiver.messages) >= 30 and not sender.unacknowledged)
        sender.send_ping()
        await eventually(lambda: ("pong",) in sender.seen)
        assert [payload for _, payload in receiver.messages] == expected
        assert {header >> 1 & 3 for header in receiver.headers} == {qos}
        assert sorted(sender.done) == (sorted((packet_id, 0) for packet_id in sent) if qos else [])
        sender.close()
        receiver.close()
        await eventually(lambda: sender.closed and receiver.closed)
        assert sender.closed == receiver.closed == [(None, None)]

    run_and_cut(main())


@VERSIONS
def test_a_kept_session_holds_messages_while_the_client_is_away(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        name = f"away-{version}"
        sender = RecordingWire(f"{name}-s", MqttOptions(version), topic=b"none")
        receiver = RecordingWire(f"{name}-r", kept(version), topic=name.encode())
        await receiver.dial(broker.port)
        await sender.dial(broker.port)
        receiver.abort()
        await eventually(lambda: receiver.closed)
        for number in range(10):
            await publish(sender, name, b"%d" % number, 1 + number % 2)
        await eventually(lambda: not sender.unacknowledged)
        await receiver.dial(broker.port)
        await eventually(lambda: len(receiver.messages) >= 10)
        assert receiver.seen.count(("accepted", True, 0)) == 1
        arrived = [payload for _, payload in receiver.messages]
        for parity in (0, 1):  # the order holds for each QoS by itself (section 4.6)
            in_order = [b"%d" % number for number in range(parity, 10, 2)]
            assert [payload for payload in arrived if int(payload) % 2 == parity] == in_order

    run_and_cut(main())


STAGES = [
    (UP, UP, PUBLISH),
    (UP, DOWN, PUBREC),
    (UP, UP, PUBREL),
    (UP, DOWN, PUBCOMP),
    (DOWN, DOWN, PUBLISH),
    (DOWN, UP, PUBREC),
    (DOWN, DOWN, PUBREL),
    (DOWN, UP, PUBCOMP),
]


@VERSIONS
def test_qos_2_is_exactly_once_wherever_the_connection_is_cut(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        for stage, (path, direction, kind) in enumerate(STAGES):
            cut: list[int] = []

            def once(
                towards: str, packet: int, direction: str = direction, kind: int = kind, cut: list[int] = cut
            ) -> bool:
                if (towards, packet) != (direction, kind) or cut:
                    return False
                cut.append(packet)
                return True

            await send_over(broker, once, f"stage-{version}-{stage}", version, path, count=1)
            assert cut == [kind]

    run_and_cut(main())


@VERSIONS
@pytest.mark.parametrize("path", [UP, DOWN])
def test_qos_2_is_exactly_once_over_connections_that_keep_being_cut(
    broker: MosquittoProcess, version: int, path: str
) -> None:
    passed = 0

    def every_twentieth(_: str, __: int) -> bool:
        nonlocal passed
        passed += 1
        return passed % 20 == 0

    connections = run_and_cut(send_over(broker, every_twentieth, f"cuts-{version}-{path}", version, path, count=30))
    assert connections > 3


async def send_over(
    broker: MosquittoProcess, cuts: Callable[[str, int], bool], name: str, version: int, path: str, *, count: int
) -> int:
    """Send messages of QoS 2 over a link that is cut, on the way to or from the broker; return the connections made."""
    async with CuttingRelay(broker.port, cuts) as relay:
        sender = RecordingWire(f"{name}-s", kept(version), topic=b"none")
        receiver = RecordingWire(f"{name}-r", kept(version), topic=name.encode())
        unstable, stable = (sender, receiver) if path == UP else (receiver, sender)
        await stable.dial(broker.port)
        await unstable.dial(relay.port)
        sent = 0
        while sent < count or sender.unacknowledged or len(receiver.messages) < count or receiver._in_flight:
            if unstable.closed:
                await unstable.dial(relay.port)
            if sent < count and sender.is_open and sender.unacknowledged < IN_FLIGHT:
                sender.publish(name.encode(), b"%d" % sent, 2)
                sent += 1
            await asyncio.sleep(0.002)
        assert [payload for _, payload in receiver.messages] == [b"%d" % number for number in range(count)]
        return relay.connections


@VERSIONS
def test_the_will_is_published_unless_the_client_takes_leave(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        topic = b"gone-%d" % version
        observer = RecordingWire(f"will-{version}-o", MqttOptions(version), topic=topic)
        await observer.dial(broker.port)
        endings: list[tuple[bytes, Callable[[RecordingWire], None]]] = [
            (b"left", lambda wire: wire.close()),
            (b"cut", lambda wire: wire.abort()),
            (b"left with a reason", lambda wire: wire.close(Reason.DISCONNECT_WITH_WILL)),
        ]
        for payload, end in endings:
            will = codec.Will(topic, payload, 1)
            wire = RecordingWire(f"will-{version}", MqttOptions(version), will=will)
            await wire.dial(broker.port)
            end(wire)
            await closed(wire)
        await eventually(lambda: len(observer.messages) >= 2)
        assert observer.messages == [(topic, b"cut"), (topic, b"left with a reason")]

    run_and_cut(main())


@VERSIONS
def test_a_wrong_password_is_refused_with_its_cause(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        known = RecordingWire(f"known-{version}", MqttOptions(version), credentials=("known", "right"))
        await known.dial(broker.port)
        assert known.is_open
        wrong = RecordingWire(f"wrong-{version}", MqttOptions(version), credentials=("known", "wrong"))
        await wrong.dial(broker.port)
        ((_, status, _), _) = wrong.seen
        assert status in (Reason.NOT_AUTHORISED, Reason.BAD_USER_NAME_OR_PASSWORD)

    run_and_cut(main())


@VERSIONS
def test_a_second_client_of_the_same_id_takes_over(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        first, second = (RecordingWire(f"twin-{version}", MqttOptions(version)) for _ in range(2))
        await first.dial(broker.port)
        await second.dial(broker.port)
        await eventually(lambda: first.closed)
        assert first.closed[0][0] in (None, Reason.SESSION_TAKEN_OVER)  # Mosquitto 2.0.11 gives no reason
        assert second.is_open

    run_and_cut(main())


@VERSIONS
def test_retained_messages_say_so(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        topic = b"retained-%d" % version
        sender = RecordingWire(f"retained-{version}-s", MqttOptions(version))
        await sender.dial(broker.port)
        sender.publish(topic, b"state", 1, retain=True)
        await eventually(lambda: not sender.unacknowledged)
        late = RecordingWire(f"retained-{version}-r", MqttOptions(version), topic=topic)
        await late.dial(broker.port)
        await eventually(lambda: late.messages)
        assert late.messages == [(topic, b"state")]
        assert late.headers[0] & 1

    run_and_cut(main())


@VERSIONS
def test_a_message_too_large_for_the_broker(broker: MosquittoProcess, version: int) -> None:
    async def main() -> None:
        wire = RecordingWire(f"large-{version}", MqttOptions(version))
        await wire.dial(broker.port)
        if version == MQTT_5:
            with pytest.raises(MessageTooLarge):
                wire.publish(b"t", bytes(LARGEST_BYTES), 1)
            assert wire.is_open
            wire.abort()
        else:
            wire.publish(b"t", bytes(LARGEST_BYTES), 1)  # this version cannot say so beforehand
        await eventually(lambda: wire.closed)

    run_and_cut(main())


def test_properties_pass_through_and_the_server_s_keep_alive_holds(broker: MosquittoProcess) -> None:
    async def main() -> None:
        options = MqttOptions(MQTT_5, keep_alive_s=600, receive_maximum=1, user_properties=(("a", "b"),))
        sender = RecordingWire("properties-s", options, topic=b"none")
        receiver = RecordingWire("properties-r", options, topic=b"properties")
        for wire in (sender, receiver):
            await wire.dial(broker.port)
        assert sender.terms is receiver.terms
        assert sender.terms is not None
        assert sender.terms.keep_alive_s == 60
        sent = Properties(
            response_topic="re", correlation_data=b"\0\1", message_expiry_s=50, user_properties=(("k", "v"),)
        )
        for number in range(5):
            sender.publish(b"properties", b"%d" % number, 2, properties=encode(sent))
        await eventually(lambda: len(receiver.messages) >= 5)
        received = decode(receiver.properties[0])
        assert (received.response_topic, received.correlation_data) == ("re", b"\0\1")
        assert received.user_properties == (("k", "v"),)
        assert received.message_expiry_s is not None
        assert 0 < received.message_expiry_s <= 50

    run_and_cut(main())
