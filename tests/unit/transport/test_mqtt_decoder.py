"""What a broker sends is read whole whatever the cuts of the stream; garbage is told apart from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.packet import PacketIdVariableHeader
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrec import PubrecPacket
from amqtt.mqtt.pubrel import PubrelPacket
from amqtt.mqtt.suback import SubackPacket, SubackPayload
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import RemoteProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_decoder import Acknowledgement, Connack, Decoder, Pingresp, Publish, Suback

if TYPE_CHECKING:
    from loadtest.transport.mqtt_decoder import Packet

packet_ids = st.integers(1, 0xFFFF)
topics = st.text(st.characters(codec="utf-8", exclude_characters="\0#+"), min_size=1, max_size=40)


@st.composite
def packets(draw: st.DrawFn) -> tuple[bytes, Packet]:
    """A packet as the independent codec writes it, and as ours has to read it."""
    packet_id = draw(packet_ids)
    kind = draw(st.sampled_from(["publish", "ack", "suback", "connack", "pingresp"]))
    if kind == "publish":
        topic, qos = draw(topics), draw(st.integers(0, 2))
        payload = draw(st.one_of(st.binary(max_size=200), st.integers(16_300, 16_500).map(bytes)))
        duplicate, retain = draw(st.booleans()) and qos > 0, draw(st.booleans())
        written = PublishPacket.build(topic, payload, packet_id if qos else None, duplicate, qos, retain).to_bytes()
        return written, Publish(topic.encode(), payload, qos, packet_id if qos else 0, duplicate, retain)
    if kind == "ack":
        packet_class, code = draw(
            st.sampled_from(
                [
                    (PubackPacket, codec.PUBACK),
                    (PubrecPacket, codec.PUBREC),
                    (PubrelPacket, codec.PUBREL),
                    (PubcompPacket, codec.PUBCOMP),
                ]
            )
        )
        return packet_class.build(packet_id).to_bytes(), Acknowledgement(code, packet_id)
    if kind == "suback":
        granted = draw(st.lists(st.sampled_from([0, 1, 2, 0x80]), min_size=1, max_size=200))
        written = SubackPacket(variable_header=PacketIdVariableHeader(packet_id), payload=SubackPayload(granted))
        return written.to_bytes(), Suback(packet_id, tuple(granted))
    if kind == "connack":
        present, code = draw(st.booleans()), draw(st.integers(0, 5))
        return ConnackPacket.build(int(present), code).to_bytes(), Connack(present, code)
    return b"\xd0\x00", Pingresp()


@given(st.lists(packets(), max_size=8), st.data())
def test_any_cuts_of_the_stream_give_the_same_packets(
    written_and_read: list[tuple[bytes, Packet]], data: st.DataObject
) -> None:
    stream = b"".join(written for written, _ in written_and_read)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    decoder = Decoder()
    found: list[Packet] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[start:stop])
    assert found == [read for _, read in written_and_read]


def test_byte_by_byte() -> None:
    stream = codec.publish(b"topic", bytes(300), 1, 9) + b"\x40\x02\x00\x09"
    decoder = Decoder()
    found = [packet for byte in stream for packet in decoder.feed(bytes((byte,)))]
    assert found == [Publish(b"topic", bytes(300), 1, 9), Acknowledgement(codec.PUBACK, 9)]


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x10\x00",  # CONNECT: only a client may send it
        b"\x82\x00",
        b"\xf0\x00",
        b"\x41\x02\x00\x01",  # reserved flags set
        b"\x60\x02\x00\x01",  # PUBREL with flags 0000
        b"\x40\x02\x00\x00",  # packet id 0
        b"\x40\x03\x00\x01\x00",
        b"\x40\x00",
        b"\x20\x02\x02\x00",  # CONNACK with a reserved flag
        b"\x20\x01\x00",
        b"\x90\x02\x00\x01",  # SUBACK without a code
        b"\x90\x03\x00\x01\x03",
        b"\xd0\x01\x00",
        b"\x36\x05\x00\x01a\x00\x01",  # QoS 3
        b"\x32\x05\x00\x01a\x00\x00",  # QoS 1 with packet id 0
        b"\x32\x03\x00\x01a",  # QoS 1 without a packet id
        b"\x30\x02\x00\x00",  # empty topic
        b"\x30\x01\x00",
        b"\x30\x00",
        b"\x30\x03\x00\x05a",  # topic longer than the packet
        b"\x30\xff\xff\xff\xff\x01",
    ],
)
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(Decoder().feed(garbage))


@given(st.binary(max_size=60))
def test_no_bytes_lead_to_any_other_error(noise: bytes) -> None:
    decoder = Decoder()
    try:
        list(decoder.feed(noise[:20]))
        list(decoder.feed(noise[20:]))
    except RemoteProtocolError:
        pass


@pytest.mark.parametrize("announced", [b"\x30\x65", b"\x30\x80\x80\x80\x01"])
def test_a_packet_above_the_limit_is_refused_at_its_header(announced: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="100 is the limit"):
        list(Decoder(max_packet_bytes=100).feed(announced))


def test_packets_before_a_fault_are_delivered() -> None:
    packets = Decoder().feed(b"\xd0\x00\x10\x00")
    assert next(packets) == Pingresp()
    with pytest.raises(RemoteProtocolError):
        next(packets)
