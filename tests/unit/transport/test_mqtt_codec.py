"""What the codec writes, independent codecs must read the same way: amqtt's, written for servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from amqtt.adapters import BufferReader
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt_codec as codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqtt.mqtt.packet import MQTTPacket

packet_ids = st.integers(1, 0xFFFF)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
topic_names = texts.map(lambda text: text.replace("#", "x").replace("+", "x"))
payloads = st.one_of(st.binary(max_size=300), st.integers(16_000, 17_000).map(bytes))


def read(packet_class: type[MQTTPacket[Any, Any, Any]], packet: bytes) -> Any:
    async def decode() -> Any:
        return await packet_class.from_stream(BufferReader(packet))

    return asyncio.run(decode())


@given(topic_names, payloads, st.integers(0, 2), packet_ids, st.booleans())
def test_publish_is_read_alike_by_amqtt(topic: str, payload: bytes, qos: int, packet_id: int, retain: bool) -> None:
    packet = read(PublishPacket, codec.publish(topic.encode(), payload, qos, packet_id, retain=retain))
    assert packet.topic_name == topic
    assert bytes(packet.data or b"") == payload
    assert (packet.qos, packet.retain_flag, packet.dup_flag) == (qos, retain, False)
    if qos:
        assert packet.packet_id == packet_id


@given(texts, texts, st.one_of(st.none(), texts), st.booleans(), st.integers(0, 0xFFFF))
def test_connect_is_read_alike_by_amqtt(
    client_id: str, username: str, password: str | None, clean_session: bool, keep_alive_s: int
) -> None:
    packet = read(
        ConnectPacket,
        codec.connect(
            client_id, keep_alive_s=keep_alive_s, clean_session=clean_session, username=username, password=password
        ),
    )
    assert (packet.client_id, packet.username, packet.password) == (client_id, username, password)
    assert (packet.clean_session_flag, packet.keep_alive) == (clean_session, keep_alive_s)
    assert (packet.variable_header.proto_name, packet.variable_header.proto_level) == ("MQTT", 4)
    assert not packet.will_flag


@given(topic_names, st.binary(max_size=50), st.integers(0, 2), st.booleans())
def test_will_is_read_alike_by_amqtt(topic: str, payload: bytes, qos: int, retain: bool) -> None:
    will = codec.Will(topic.encode(), payload, qos, retain)
    packet = read(ConnectPacket, codec.connect("c", keep_alive_s=30, clean_session=True, will=will))
    assert packet.will_flag
    assert (packet.will_topic, bytes(packet.will_message)) == (topic, payload)
    assert (packet.will_qos, packet.will_retain_flag) == (qos, retain)


@given(packet_ids, st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=20))
def test_subscribe_and_unsubscribe_are_read_alike_by_amqtt(packet_id: int, filters: list[tuple[str, int]]) -> None:
    wanted = [(topic_filter.encode(), qos) for topic_filter, qos in filters]
    packet = read(SubscribePacket, codec.subscribe(packet_id, wanted))
    assert packet.variable_header.packet_id == packet_id
    assert packet.payload.topics == filters
    packet = read(UnsubscribePacket, codec.unsubscribe(packet_id, [topic_filter for topic_filter, _ in wanted]))
    assert packet.variable_header.packet_id == packet_id
    assert packet.payload.topics == [topic_filter for topic_filter, _ in filters]


def test_repeated_publish_differs_in_the_dup_bit_alone() -> None:
    packet = codec.publish(b"a", b"b", 2, 7)
    again = codec.duplicate(packet)
    assert again[0] == packet[0] | 0x08
    assert again[1:] == packet[1:]


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (codec.puback(0x1234), b"\x40\x02\x12\x34"),
        (codec.pubrec(0x1234), b"\x50\x02\x12\x34"),
        (codec.pubrel(0x1234), b"\x62\x02\x12\x34"),  # flags 0010 [MQTT-3.6.1-1]
        (codec.pubcomp(0x1234), b"\x70\x02\x12\x34"),
        (codec.PINGREQ, b"\xc0\x00"),
        (codec.DISCONNECT, b"\xe0\x00"),
    ],
)
def test_short_packets_are_what_sections_3_4_to_3_14_show(packet: bytes, expected: bytes) -> None:
    assert packet == expected


@pytest.mark.parametrize(
    ("length", "digits"),
    [
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
    ],
)
def test_remaining_length_at_the_borders_of_table_2_4(length: int, digits: bytes) -> None:
    packet = codec.publish(b"t", bytes(length - 3))
    assert packet[1 : 1 + len(digits)] == digits
    assert len(packet) == 1 + len(digits) + length


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: codec.subscribe(1, []),
        lambda: codec.unsubscribe(1, []),
        lambda: codec.publish(bytes(65_536), b""),
        lambda: codec.publish(b"t", bytes(codec.MAX_REMAINING_LENGTH)),
        lambda: codec.connect("c" * 65_536, keep_alive_s=1, clean_session=True),
        lambda: codec.connect("c", keep_alive_s=65_536, clean_session=True),
        lambda: codec.connect("c", keep_alive_s=1, clean_session=True, password="p"),
    ],
)
def test_what_the_protocol_forbids_is_not_written(forbidden: Callable[[], bytes]) -> None:
    with pytest.raises(LocalProtocolError):
        forbidden()
