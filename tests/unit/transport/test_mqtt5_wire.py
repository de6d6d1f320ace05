"""MQTT 5 on the light connection: what the broker sends is written by an independent codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mqtt5
import pytest
from fuzz.surroundings import StillLoop, still_loop
from hypothesis import given
from hypothesis import strategies as st
from recording_wire import RecordingWire, taken

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt5_codec as codec
from loadtest.transport import mqtt_codec
from loadtest.transport.mqtt5_properties import Properties, decode, encode
from loadtest.transport.mqtt_exchange import MessageTooLarge
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_reasons import Behaviour, Reason, behaviour
from loadtest.transport.mqtt_terms import MQTT_5, MqttOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz.surroundings import MemoryTransport

OPTIONS = MqttOptions(MQTT_5, session_expiry_s=60)
KEPT = MqttOptions(MQTT_5, clean_start=False, session_expiry_s=60)
CONNACK = mqtt5.ConnAckPacket().write()
SUBACK = mqtt5.SubAckPacket(0xFFFF, [mqtt5.SubAckReasonCode.GRANTED_QOS_EXACTLY_ONCE]).write()


@pytest.fixture(autouse=True)
def loop() -> Iterator[StillLoop]:
    with still_loop() as loop:
        yield loop


def opened(wire: RecordingWire, connack: bytes = CONNACK) -> MemoryTransport:
    return wire.opened(connack, SUBACK)


def packets(transport: MemoryTransport) -> list[mqtt5.Packet]:
    """What was written since this was last asked, as the other codec reads it."""
    written, found = taken(transport), []
    while written:
        packet, length = mqtt5.read(memoryview(written))
        found.append(packet)
        written = written[length:]
    return found


def test_it_opens_with_the_options_of_its_fleet() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = wire.attach()
    wire.data_received(CONNACK + SUBACK)
    connect, subscribe = packets(transport)
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert (connect.client_id, connect.session_expiry_interval, connect.topic_alias_max) == ("CP1", 60, 0)
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [(each.pattern, each.max_qos) for each in subscribe.topic_filters] == [("down/CP1", 2)]
    assert wire.seen == [("accepted", False, 0), ("open",)]


def test_properties_go_out_and_come_in_and_are_decoded_when_asked_for() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = opened(wire)
    asked = encode(Properties(response_topic="re/CP1", correlation_data=b"\0\1", message_expiry_s=30))
    wire.publish(b"up", b"x", 1, properties=asked)
    (publish,) = packets(transport)
    assert isinstance(publish, mqtt5.PublishPacket)
    assert (publish.response_topic, publish.correlation_data) == ("re/CP1", b"\0\1")
    assert publish.message_expiry_interval == 30
    wire.data_received(
        mqtt5.PublishPacket("down/CP1", b"with", response_topic="cs/r", message_expiry_interval=9).write()
        + mqtt5.PublishPacket("down/CP1", b"without", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=4).write()
        + codec.publish(b"down/CP1", b"many", properties=encode(Properties(content_type="x" * 200)))
    )
    assert [payload for _, payload in wire.messages] == [b"with", b"without", b"many"]
    assert decode(wire.properties[0]) == Properties(response_topic="cs/r", message_expiry_s=9)
    assert wire.properties[1] == b""
    assert decode(wire.properties[2]).content_type == "x" * 200


def test_malformed_properties_end_the_connection_when_the_owner_reads_them() -> None:
    class Reader(RecordingWire):
        def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
            decode(properties)

    wire = Reader(options=OPTIONS)
    transport = opened(wire)
    wire.data_received(codec.publish(b"t", b"x", properties=b"\x00\x01"))
    (disconnect,) = packets(transport)
    assert isinstance(disconnect, mqtt5.DisconnectPacket)
    assert disconnect.reason_code == mqtt5.DisconnectReasonCode.MALFORMED_PACKET
    wire.connection_lost(None)
    assert wire.closed[0][1].fault is Fault.MALFORMED  # type: ignore[union-attr]


def test_the_window_of_the_broker_is_kept_to_also_after_a_reconnect() -> None:
    wire = RecordingWire(options=KEPT)
    narrow = mqtt5.ConnAckPacket(receive_max=2).write()
    transport = opened(wire, narrow)
    ids = [wire.publish(b"up", b"%d" % number, 1 + number % 2) for number in range(5)]
    assert [packet.packet_id for packet in packets(transport)] == ids[:2]  # type: ignore[union-attr]
    wire.data_received(mqtt5.PubAckPacket(ids[0]).write())
    wire.data_received(mqtt5.PubRecPacket(ids[1]).write())
    sent = packets(transport)
    assert [type(packet) for packet in sent] == [mqtt5.PublishPacket, mqtt5.PubRelPacket]
    wire.connection_lost(None)
    transport = wire.attach()
    wire.data_received(mqtt5.ConnAckPacket(session_present=True, receive_max=2).write() + SUBACK)
    again = packets(transport)[2:]
    assert [packet.packet_id for packet in again] == [ids[2], ids[1]]  # type: ignore[union-attr]
    assert isinstance(again[0], mqtt5.PublishPacket)
    assert again[0].duplicate
    assert isinstance(again[1], mqtt5.PubRelPacket)
    wire.data_received(mqtt5.PubCompPacket(ids[1]).write())
    (following,) = packets(transport)
    assert isinstance(following, mqtt5.PublishPacket)
    assert (following.packet_id, following.duplicate) == (ids[3], False)  # it is sent for the first time
    wire.data_received(mqtt5.PubAckPacket(ids[2]).write() + mqtt5.PubRecPacket(ids[3]).write())
    wire.data_received(mqtt5.PubCompPacket(ids[3]).write() + mqtt5.PubAckPacket(ids[4]).write())
    assert [packet_id for packet_id, _ in wire.done] == [ids[0], ids[1], ids[2], ids[3], ids[4]]
    assert wire._in_flight is None


def test_what_waits_for_its_turn_cannot_be_acknowledged() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = opened(wire, mqtt5.ConnAckPacket(receive_max=1).write())
    sent, waiting = wire.publish(b"up", b"1", 1), wire.publish(b"up", b"2", 1)
    packets(transport)
    wire.data_received(mqtt5.PubAckPacket(waiting).write() + mqtt5.PubAckPacket(sent).write())
    assert wire.seen == [("stray", mqtt_codec.PUBACK, waiting), ("acknowledged", sent, 0)]
    assert [packet.packet_id for packet in packets(transport)] == [waiting]  # type: ignore[union-attr]


def test_a_message_the_broker_does_not_take_over_is_done_with_its_reason() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = opened(wire)
    one, two = wire.publish(b"up", b"1", 1), wire.publish(b"up", b"2", 2)
    packets(transport)
    wire.data_received(mqtt5.PubAckPacket(one, reason_code=mqtt5.PubAckReasonCode.NOT_AUTHORIZED).write())
    wire.data_received(
        mqtt5.PubRecPacket(two, reason_code=mqtt5.PubRecReasonCode.QUOTA_EXCEEDED, reason_str="enough").write()
    )
    assert wire.done == [(one, Reason.NOT_AUTHORISED), (two, Reason.QUOTA_EXCEEDED)]
    assert packets(transport) == []
    assert wire._in_flight is None


def test_limits_of_the_broker_hold() -> None:
    wire = RecordingWire(options=OPTIONS)
    connack = mqtt5.ConnAckPacket(max_packet_size=100, server_keep_alive=7, retain_available=False).write()
    transport = opened(wire, connack)
    with pytest.raises(MessageTooLarge):
        wire.publish(b"up", bytes(100), 1)
    assert packets(transport) == []
    assert wire.unacknowledged == 0
    wire.publish(b"up", bytes(80), 1)
    assert wire.terms is not None
    assert (wire.terms.keep_alive_s, wire.terms.retain_available) == (7, False)
    wire.connection_lost(None)
    assert wire.terms is None


@pytest.mark.parametrize(("wanted", "opens"), [(1, True), (2, False)])
def test_a_broker_that_does_not_grant_the_qos_is_left(wanted: int, *, opens: bool) -> None:
    wire = RecordingWire(options=MqttOptions(MQTT_5, highest_qos=wanted))
    transport = wire.attach()
    packets(transport)
    wire.data_received(mqtt5.ConnAckPacket(max_qos=mqtt5.QoS.AT_LEAST_ONCE).write() + SUBACK)
    assert wire.is_open == opens
    if not opens:
        (disconnect,) = packets(transport)
        assert isinstance(disconnect, mqtt5.DisconnectPacket)
        assert wire.seen == [("refused", Reason.QOS_NOT_SUPPORTED, "the broker takes QoS 1 at most")]


@pytest.mark.parametrize(
    ("connack", "status", "words", "reaction"),
    [
        (
            mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.SERVER_BUSY, reason_str="come back").write(),
            Reason.SERVER_BUSY,
            "server busy: come back",
            Behaviour.TRY_LATER,
        ),
        (
            mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.BANNED).write(),
            Reason.BANNED,
            "banned",
            Behaviour.GIVE_UP,
        ),
        (b"\x20\x02\x00\x01", Reason.UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", Behaviour.GIVE_UP),
        (b"\x20\x02\x00\x84", Reason.UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", Behaviour.GIVE_UP),
    ],
)
def test_a_refusal_says_why_and_what_to_do(connack: bytes, status: int, words: str, reaction: Behaviour) -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = wire.attach()
    wire.data_received(connack)
    assert transport.ended
    assert wire.seen == [("refused", status, words)]
    assert behaviour(status) == reaction


@pytest.mark.parametrize("follows", [True, False])
def test_another_server_is_named_when_connecting_and_later(follows: bool) -> None:
    wire = RecordingWire(options=OPTIONS)
    wire.follows = follows
    refusing = wire.attach()
    code = mqtt5.ConnAckReasonCode.USE_ANOTHER_SERVER
    wire.data_received(mqtt5.ConnAckPacket(reason_code=code, server_reference="b:1883").write())
    refused = ("refused", Reason.USE_ANOTHER_SERVER, "use another server")
    assert wire.seen == [("redirected", Reason.USE_ANOTHER_SERVER, "b:1883"), *([] if follows else [refused])]
    assert refusing.ended
    wire.connection_lost(None)
    transport = opened(wire)
    moved = mqtt5.DisconnectReasonCode.SERVER_MOVED
    wire.data_received(mqtt5.DisconnectPacket(reason_code=moved, server_reference="c:1883").write())
    assert transport.ended
    wire.connection_lost(None)
    assert wire.seen == [("redirected", Reason.SERVER_MOVED, "c:1883"), ("closed", Reason.SERVER_MOVED, None)]


def test_a_reference_to_another_server_means_nothing_with_other_reasons_or_none() -> None:
    wire = RecordingWire(options=OPTIONS)
    wire.attach()
    wire.data_received(
        mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.SERVER_BUSY, server_reference="b:1883").write()
    )
    assert wire.seen == [("refused", Reason.SERVER_BUSY, "server busy")]
    wire = RecordingWire(options=OPTIONS)
    wire.attach()
    wire.data_received(mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.USE_ANOTHER_SERVER).write())
    assert wire.seen == [("refused", Reason.USE_ANOTHER_SERVER, "use another server")]


def test_a_subscription_not_granted_tells_its_reason() -> None:
    wire = RecordingWire(options=OPTIONS)
    wire.attach()
    wire.data_received(CONNACK + mqtt5.SubAckPacket(0xFFFF, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED]).write())
    assert wire.seen[1:] == [("refused", Reason.NOT_AUTHORISED, "subscription refused: not authorised")]


def test_unknown_ids_are_answered_with_their_reason() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = opened(wire)
    wire.data_received(mqtt5.PubRelPacket(9).write() + mqtt5.PubRecPacket(8).write())
    complete, release = packets(transport)
    assert isinstance(complete, mqtt5.PubCompPacket)
    assert complete.reason_code == mqtt5.PubCompReasonCode.PACKET_ID_NOT_FOUND
    assert isinstance(release, mqtt5.PubRelPacket)
    assert release.reason_code == mqtt5.PubRelReasonCode.PACKET_ID_NOT_FOUND
    assert wire.seen == [("stray", mqtt_codec.PUBREC, 8)]


def test_leaving_with_a_reason() -> None:
    wire = RecordingWire(options=OPTIONS)
    transport = opened(wire)
    wire.close(Reason.DISCONNECT_WITH_WILL)
    (disconnect,) = packets(transport)
    assert isinstance(disconnect, mqtt5.DisconnectPacket)
    assert disconnect.reason_code == mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE
    with pytest.raises(LocalProtocolError):
        wire.publish(b"t", b"x")


def test_without_reasons_leaving_with_one_is_cutting() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    wire.close(Reason.DISCONNECT_WITH_WILL)
    assert transport.ended
    assert taken(transport) == b""


FAULTS: list[tuple[str, bytes, Fault]] = [
    ("a session not wanted", mqtt5.ConnAckPacket(session_present=True).write(), Fault.OUT_OF_ORDER),
    ("properties longer than CONNACK", b"\x20\x03\x00\x00\x05", Fault.MALFORMED),
    ("CONNACK of one byte", b"\x20\x01\x00", Fault.MALFORMED),
    ("bytes behind the properties", b"\x20\x04\x00\x00\x00\x00", Fault.MALFORMED),
    ("receive maximum 0", b"\x20\x06\x00\x00\x03\x21\x00\x00", Fault.MALFORMED),
    ("DISCONNECT first", mqtt5.DisconnectPacket().write(), Fault.OUT_OF_ORDER),
    ("AUTH first", mqtt5.AuthPacket().write(), Fault.OUT_OF_ORDER),
    ("AUTH", CONNACK + SUBACK + mqtt5.AuthPacket().write(), Fault.OUT_OF_ORDER),
    ("UNSUBACK", CONNACK + SUBACK + b"\xb0\x04\x00\x01\x00\x00", Fault.OUT_OF_ORDER),
    ("PUBLISH without property length", CONNACK + SUBACK + b"\x30\x03\x00\x01a", Fault.MALFORMED),
    ("PUBLISH with long properties", CONNACK + SUBACK + b"\x30\x04\x00\x01a\x01", Fault.MALFORMED),
    ("PUBLISH by topic alias", CONNACK + SUBACK + b"\x30\x06\x00\x00\x03\x23\x00\x01", Fault.MALFORMED),
    ("PUBACK with long properties", CONNACK + SUBACK + b"\x40\x04\x00\x01\x00\x09", Fault.MALFORMED),
    ("SUBACK without a code", CONNACK + b"\x90\x03\xff\xff\x00", Fault.MALFORMED),
    ("SUBACK with long properties", CONNACK + b"\x90\x04\xff\xff\x07\x00", Fault.MALFORMED),
    ("DISCONNECT with long properties", CONNACK + SUBACK + b"\xe0\x02\x00\x09", Fault.MALFORMED),
    ("too large", CONNACK + SUBACK + b"\x30\xff\xff\x7f", Fault.TOO_LARGE),
]


@pytest.mark.parametrize(("sent", "fault"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_broken_rule_ends_the_connection_with_its_cause(sent: bytes, fault: Fault) -> None:
    for pieces in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
        wire = RecordingWire(options=OPTIONS)
        transport = wire.attach()
        for piece in pieces:
            wire.data_received(piece)
        assert transport.ended
        wire.connection_lost(None)
        ((_, error),) = wire.closed
        assert isinstance(error, MqttError)
        assert error.fault is fault


def test_more_qos_2_messages_than_we_take_end_the_connection() -> None:
    wire = RecordingWire(options=MqttOptions(MQTT_5, receive_maximum=3))
    transport = opened(wire)
    wire.data_received(b"".join(codec.publish(b"t", b"x", 2, packet_id) for packet_id in range(1, 6)))
    assert len(wire.messages) == 3
    last = packets(transport)[-1]
    assert isinstance(last, mqtt5.DisconnectPacket)
    assert last.reason_code == mqtt5.DisconnectReasonCode.RECEIVE_MAX_EXCEEDED


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_lead_to_an_exception(noise: bytes, is_open: bool) -> None:
    wire = RecordingWire(options=OPTIONS)
    if is_open:
        opened(wire)
    else:
        wire.attach()
    wire.data_received(noise[:20])
    wire.data_received(noise[20:])
