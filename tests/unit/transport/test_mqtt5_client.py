"""The client with a session of many messages, over MQTT 5: what a broker grants is kept, what it refuses is told."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from scripted_broker import ScriptedBroker, connack

from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt5_codec, mqtt_client
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt5_decoder import properties_at
from loadtest.transport.mqtt5_properties import Properties, decode, encode
from loadtest.transport.mqtt_reasons import Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loadtest.transport.mqtt_client import MqttClient


def acknowledgement(kind: int, packet_id: int, code: int) -> bytes:
    return mqtt5_codec.acknowledgement(bytes((kind, 2)) + packet_id.to_bytes(2, "big"), code)


@contextlib.asynccontextmanager
async def connected(broker: ScriptedBroker, **options: Any) -> AsyncIterator[MqttClient]:
    plain: dict[str, Any] = {"client_id": "us", "on_message": lambda _topic, _payload: None, "mqtt5": True}
    client = await mqtt_client.connect(broker.url, **(plain | options))
    broker.client = client
    try:
        yield client
    finally:
        client.leave(killed=True)


def payloads(packets: list[bytes]) -> list[bytes]:
    """The last byte of each PUBLISH."""
    return [packet[-1:] for packet in packets if packet[0] & 0xF0 == codec.PUBLISH]


def packet_id(packet: bytes) -> int:
    """Of a PUBLISH on a topic of one character."""
    return int.from_bytes(packet[5:7], "big")


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the other side's doing
            await asyncio.sleep(0.001)


def test_what_the_broker_takes_at_once_and_at_most_is_kept() -> None:
    async def main() -> None:
        async with (
            ScriptedBroker(connack(receive_maximum=2, maximum_packet_bytes=20)) as broker,
            connected(broker) as client,
        ):
            for number in range(4):
                client.publish(b"t", b"%d" % number, 1)
            client.publish(b"t", b"more than twenty bytes", 0)
            client.publish(b"t", b"x" * 15, 0)  # 2 + 2 + 1 + 15 and a byte for no properties
            client.publish(b"t", b"x" * 14, 0)  # just fits
            heard = await broker.settled()
            assert payloads(heard) == [b"0", b"1", b"x"]
            assert (client.too_large, client.unacknowledged) == (2, 4)
            assert (client.terms.receive_maximum, client.terms.max_packet_bytes) == (2, 20)
            broker.say(acknowledgement(codec.PUBACK, packet_id(heard[1]), 0))
            await eventually(lambda: client.unacknowledged == 3)
            assert payloads(await broker.settled())[-1] == b"2"

    asyncio.run(main())


def test_a_window_that_is_smaller_after_a_reconnect_is_kept_too() -> None:
    async def main() -> None:
        second = connack(session_present=True, receive_maximum=1)
        async with (
            ScriptedBroker(connack(), second) as broker,
            connected(broker, clean_session=False) as client,
        ):
            for number in range(3):
                client.publish(b"t", b"%d" % number, 1)
            await broker.settled()
            broker.heard.clear()
            broker.end()
            await eventually(lambda: client.reconnects == 1)
            again = await broker.settled()
            assert [packet[0] for packet in again] == [0x10, 0x3A], "CONNECT and one, marked as sent before"
            broker.say(acknowledgement(codec.PUBACK, packet_id(again[1]), 0))
            await eventually(lambda: client.unacknowledged == 2)
            assert payloads(await broker.settled())[-1] == b"1"

    asyncio.run(main())


def test_what_the_broker_refuses_is_done_with_and_counted() -> None:
    async def main() -> None:
        async with ScriptedBroker(connack()) as broker, connected(broker) as client:
            client.publish(b"t", b"1", 1)
            client.publish(b"t", b"2", 2)
            client.publish(b"t", b"3", 1)
            one, two, three = (await broker.settled())[1:]
            broker.say(acknowledgement(codec.PUBACK, packet_id(one), Reason.NOT_AUTHORISED))
            broker.say(acknowledgement(codec.PUBREC, packet_id(two), Reason.QUOTA_EXCEEDED))
            broker.say(acknowledgement(codec.PUBACK, packet_id(three), Reason.NO_MATCHING_SUBSCRIBERS))
            await eventually(lambda: client.unacknowledged == 0)
            assert client.refused == 2
            assert not [packet for packet in await broker.settled() if packet[0] == 0x62], "nothing is released"

    asyncio.run(main())


def test_properties_leave_and_arrive_and_none_are_one_byte() -> None:
    async def main() -> None:
        properties = encode(Properties(message_expiry_s=7, correlation_data=b"\0c"))
        arrived: list[tuple[bytes, bytes, bytes]] = []
        client: MqttClient
        async with (
            ScriptedBroker(connack()) as broker,
            connected(
                broker, on_message=lambda topic, payload: arrived.append((topic, payload, client.properties))
            ) as client,
        ):
            client.publish(b"t", b"p", 0, properties)
            client.publish(b"t", b"p", 0)
            with_some, with_none = (await broker.settled())[1:]
            assert properties_at(with_some, 5, len(with_some) - 1) == (properties, len(with_some) - 1)
            assert with_none == b"\x30\x05\0\x01t\0p"
            broker.say(with_some + with_none)
            await eventually(lambda: len(arrived) == 2)
        assert arrived == [(b"t", b"p", properties), (b"t", b"p", b"")]

    asyncio.run(main())


def test_an_assigned_client_id_and_the_broker_s_keep_alive_are_taken() -> None:
    async def main() -> None:
        first = connack(assigned_client_id="yours", server_keep_alive_s=5)
        async with (
            ScriptedBroker(first, connack()) as broker,
            connected(broker, client_id="", clean_session=False) as client,
        ):
            assert (client.client_id, client.terms.keep_alive_s) == ("yours", 5)
            broker.end()
            one, again = await broker.until(2)
            assert again == one[:1] + bytes((one[1] + 5,)) + one[2:-2] + b"\0\x05yours"
            asked, _ = properties_at(one, 12, len(one))
            assert decode(asked).session_expiry_s == 0xFFFFFFFF

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (connack(Reason.BAD_USER_NAME_OR_PASSWORD), "refuses the user name or password"),
        (connack(Reason.BANNED, reason_string="you know why"), "refuses: banned: you know why"),
        (connack(Reason.SERVER_MOVED, server_reference="b:2"), "refuses: server moved, b:2"),
        (b"\x20\x02\x00\x01", "does not speak this version of MQTT"),
        (mqtt5_codec.disconnect(Reason.SERVER_BUSY), "the broker ended the connection: server busy"),
        (connack(receive_maximum=5)[:-2] + b"\0\0", "receive_maximum is 0"),
    ],
)
def test_a_refusal_is_told_in_words(answer: bytes, said: str) -> None:
    async def main() -> None:
        async with ScriptedBroker(answer) as broker:
            with pytest.raises(EnvironmentNotReady, match=said):
                async with connected(broker):
                    pass

    asyncio.run(main())


def test_a_broker_that_sends_us_away_is_quoted_and_come_back_to() -> None:
    async def main() -> None:
        reasons: list[str] = []
        async with (
            ScriptedBroker(connack(), connack()) as broker,
            connected(broker, on_lost=reasons.append) as client,
        ):
            broker.say(mqtt5_codec.disconnect(Reason.SERVER_SHUTTING_DOWN, encode(Properties(reason_string="bye"))))
            await eventually(lambda: client.reconnects == 1)
        assert reasons == ["the broker ended the connection: server shutting down: bye"]

    asyncio.run(main())


def test_filters_are_granted_or_refused_with_a_reason() -> None:
    async def main() -> None:
        async with ScriptedBroker(connack()) as broker, connected(broker) as client:
            granting = asyncio.ensure_future(client.subscribed([(b"a", 1), (b"b", 2)]))
            (_, asked) = await broker.until(2)
            assert asked == mqtt5_codec.subscribe(1, [(b"a", 1), (b"b", 2)])
            broker.say(b"\x90\x05" + asked[2:4] + b"\0" + bytes((1, Reason.NOT_AUTHORISED)))
            assert await granting == [1, Reason.NOT_AUTHORISED]
            assert client.subscriptions_refused == 1
            client.unsubscribe([b"a"])
            assert (await broker.settled())[2] == mqtt5_codec.unsubscribe(2, [b"a"])

    asyncio.run(main())
