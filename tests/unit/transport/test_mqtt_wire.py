"""The light MQTT connection over a transport in memory: order, acknowledgements, sessions, brokers that break rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrec import PubrecPacket
from amqtt.mqtt.pubrel import PubrelPacket
from fuzz.surroundings import StillLoop, still_loop
from hypothesis import given
from hypothesis import strategies as st
from recording_wire import CONNACK, CONNACK_SESSION_PRESENT, SUBACK, RecordingWire, taken

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_exchange import MAX_UNACKNOWLEDGED
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_reasons import FIRST_FAILURE, Behaviour, Reason, behaviour, in_words
from loadtest.transport.mqtt_terms import MqttOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = MqttOptions(clean_start=False)


@pytest.fixture(autouse=True)
def loop() -> Iterator[StillLoop]:
    """Timers that end a connection for good wait for ever."""
    with still_loop() as loop:
        yield loop


def test_it_connects_subscribes_and_is_open_when_the_subscription_stands() -> None:
    wire = RecordingWire(will=codec.Will(b"gone/CP1", b"x", 1))
    transport = wire.attach()
    assert taken(transport) == wire.request.packet()
    assert (wire.is_open, wire.is_opening) == (False, True)
    wire.data_received(CONNACK)
    assert taken(transport) == codec.subscribe(0xFFFF, [(b"down/CP1", 2)])
    assert wire.seen == [("accepted", False, 0)]
    wire.data_received(SUBACK)
    assert wire.seen[1:] == [("open",)]
    assert (wire.is_open, wire.is_opening) == (True, False)


def test_a_message_before_the_suback_shows_that_the_subscription_stands() -> None:
    wire = RecordingWire(options=KEPT)
    wire.attach()
    wire.data_received(CONNACK_SESSION_PRESENT + codec.publish(b"down/CP1", b"queued", 1, 3) + SUBACK)
    assert wire.seen == [("accepted", True, 0), ("open",), ("message", b"down/CP1", b"queued")]


@st.composite
def broker_streams(draw: st.DrawFn) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """What another implementation writes, and the messages in it."""
    written, messages = b"", []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["publish", "ping", PubackPacket, PubrecPacket, PubrelPacket, PubcompPacket]))
        if kind == "publish":
            qos, payload = draw(st.integers(0, 2)), draw(st.one_of(st.binary(max_size=200), st.just(bytes(16_400))))
            topic = draw(st.text(st.characters(codec="ascii", exclude_characters="\0#+"), min_size=1, max_size=20))
            packet = PublishPacket.build(topic, payload, number + 1 if qos else None, False, qos, draw(st.booleans()))
            written += packet.to_bytes()
            messages.append((topic.encode(), payload))
        elif kind == "ping":
            written += b"\xd0\x00"
        else:
            written += kind.build(draw(st.integers(1, 0xFFFF))).to_bytes()
    return written, messages


@given(broker_streams(), st.data())
def test_any_cuts_of_the_stream_give_the_same_messages(
    stream: tuple[bytes, list[tuple[bytes, bytes]]], data: st.DataObject
) -> None:
    whole = CONNACK + SUBACK + stream[0]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    wires = [RecordingWire(), RecordingWire()]
    transports = [wire.attach() for wire in wires]
    wires[0].data_received(whole)
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        wires[1].data_received(whole[start:stop])
    assert wires[0].messages == stream[1]
    assert wires[0].seen == wires[1].seen
    assert transports[0].written == transports[1].written
    assert wires[1]._rest is None


def test_qos_1_is_one_packet_kept_until_its_puback() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    packet_id = wire.publish(b"up", b"1", 1)
    assert taken(transport) == codec.publish(b"up", b"1", 1, packet_id)
    assert wire.unacknowledged == 1
    wire.data_received(codec.puback(packet_id))
    assert wire.seen == [("acknowledged", packet_id, 0)]
    assert wire.unacknowledged == 0
    assert wire._in_flight is None


def test_qos_2_goes_through_its_four_packets() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    packet_id = wire.publish(b"up", b"1", 2)
    taken(transport)
    wire.data_received(codec.pubrec(packet_id))
    assert taken(transport) == codec.pubrel(packet_id)
    assert wire.seen == []
    wire.data_received(codec.pubcomp(packet_id))
    assert wire.seen == [("acknowledged", packet_id, 0)]
    assert wire._in_flight is None


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.randoms())
def test_many_in_flight_have_ids_of_their_own_and_land_in_any_order(qualities: list[int], random: object) -> None:
    wire = RecordingWire()
    wire.opened()
    wire._last_id = 230
    under_way = {wire.publish(b"up", b"%d" % number, qos): qos for number, qos in enumerate(qualities)}
    under_way.pop(0, None)
    assert wire.unacknowledged == len(under_way) == sum(qos > 0 for qos in qualities)
    order = list(under_way)
    random.shuffle(order)  # type: ignore[attr-defined]
    for packet_id in order:
        if under_way[packet_id] == 1:
            wire.data_received(codec.puback(packet_id))
        else:
            wire.data_received(codec.pubrec(packet_id) + codec.pubcomp(packet_id))
    assert wire.done == [(packet_id, 0) for packet_id in order]
    assert wire._in_flight is None


def test_what_is_received_is_acknowledged_and_qos_2_passed_on_once() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    again = codec.duplicate(codec.publish(b"t", b"two", 2, 8))
    wire.data_received(codec.publish(b"t", b"one", 1, 7, retain=True) + codec.publish(b"t", b"two", 2, 8) + again)
    assert taken(transport) == codec.puback(7) + codec.pubrec(8) + codec.pubrec(8)
    assert wire.messages == [(b"t", b"one"), (b"t", b"two")]
    assert wire.headers == [0x33, 0x34]
    wire.data_received(codec.pubrel(8))
    assert taken(transport) == codec.pubcomp(8)
    assert wire._in_flight is None
    wire.data_received(codec.publish(b"t", b"new", 2, 8) + codec.pubrel(99))
    assert wire.messages[2:] == [(b"t", b"new")]
    assert taken(transport) == codec.pubrec(8) + codec.pubcomp(99)


def test_a_kept_session_sends_again_what_was_not_acknowledged() -> None:
    wire = RecordingWire(options=KEPT)
    transport = wire.opened()
    one, two, three = (wire.publish(b"up", b"%d" % number, 1 + number % 2) for number in range(3))
    wire.data_received(codec.pubrec(two) + codec.publish(b"t", b"x", 2, 5))
    wire.connection_lost(ConnectionResetError())
    assert wire.unacknowledged == 3
    with pytest.raises(LocalProtocolError):
        wire.publish(b"up", b"offline", 1)
    transport = wire.attach()
    taken(transport)
    wire.data_received(CONNACK_SESSION_PRESENT)
    assert ("accepted", True, 3) in wire.seen
    assert taken(transport) == codec.subscribe(0xFFFF, [(b"down/CP1", 2)]) + codec.duplicate(
        codec.publish(b"up", b"0", 1, one)
    ) + codec.duplicate(codec.publish(b"up", b"2", 1, three)) + codec.pubrel(two)
    wire.data_received(SUBACK + codec.duplicate(codec.publish(b"t", b"x", 2, 5)))
    assert wire.messages == [(b"t", b"x")]
    wire.data_received(codec.puback(one) + codec.pubcomp(two) + codec.puback(three) + codec.pubrel(5))
    assert wire.done == [(one, 0), (two, 0), (three, 0)]
    assert wire._in_flight is None


@pytest.mark.parametrize("forgets", ["broker", "client"])
def test_a_session_that_one_side_has_forgotten_begins_anew(forgets: str) -> None:
    wire = RecordingWire(options=KEPT)
    transport = wire.opened()
    wire.publish(b"up", b"1", 1)
    wire.data_received(codec.publish(b"t", b"x", 2, 5))
    wire.connection_lost(None)
    if forgets == "client":
        wire.forget_session()
    transport = wire.attach()
    wire.data_received(CONNACK if forgets == "broker" else CONNACK_SESSION_PRESENT)
    assert wire.seen[-1] == ("accepted", forgets == "client", int(forgets == "broker"))
    assert bytes(transport.written).endswith(codec.subscribe(0xFFFF, [(b"down/CP1", 2)]))
    wire.data_received(SUBACK + codec.publish(b"t", b"another", 2, 5))
    assert wire.messages[-1] == (b"t", b"another")


@pytest.mark.parametrize(
    ("answer", "status", "what", "reaction"),
    [
        (1, Reason.UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", Behaviour.GIVE_UP),
        (2, Reason.CLIENT_IDENTIFIER_NOT_VALID, "client identifier not valid", Behaviour.GIVE_UP),
        (3, Reason.SERVER_UNAVAILABLE, "server unavailable", Behaviour.TRY_LATER),
        (4, Reason.BAD_USER_NAME_OR_PASSWORD, "bad user name or password", Behaviour.GIVE_UP),
        (5, Reason.NOT_AUTHORISED, "not authorised", Behaviour.GIVE_UP),
        (6, 6, "reason code 0x06", Behaviour.TRY_LATER),
    ],
)
def test_a_refusal_says_why_and_what_to_do(answer: int, status: int, what: str, reaction: Behaviour) -> None:
    wire = RecordingWire()
    transport = wire.attach()
    wire.data_received(b"\x20\x02\x00" + bytes((answer,)) + codec.publish(b"t", b"ignored"))
    assert transport.ended
    wire.connection_lost(None)
    assert wire.seen == [("refused", status, what), ("closed", None, None)]
    assert behaviour(status) == reaction


def test_a_subscription_not_granted_is_a_refusal_of_its_own() -> None:
    wire = RecordingWire()
    transport = wire.attach()
    wire.data_received(CONNACK + b"\x90\x03\xff\xff\x80")
    assert transport.ended
    assert wire.seen[1:] == [("refused", 0x80, "subscription refused: unspecified error")]
    assert not wire.is_open


def test_every_reason_has_words_and_a_reaction() -> None:
    failures = [reason for reason in Reason if reason >= FIRST_FAILURE]
    assert {behaviour(reason) for reason in failures} == set(Behaviour)
    assert in_words(Reason.QOS_NOT_SUPPORTED) == "QoS not supported"
    assert behaviour(Reason.SERVER_MOVED) == Behaviour.USE_ANOTHER_SERVER


FAULTS: list[tuple[str, bytes, Fault]] = [
    ("http", b"HTTP/1.1 400 Bad Request\r\n", Fault.MALFORMED),
    ("a client's packet", b"\x10\x00", Fault.MALFORMED),
    ("the head of a client's packet", b"\x82\x7f", Fault.MALFORMED),
    ("reserved type", b"\xf0\x00", Fault.MALFORMED),
    ("reserved flags", b"\x41\x02\x00\x01", Fault.MALFORMED),
    ("PUBREL without its flags", b"\x60\x02\x00\x01", Fault.MALFORMED),
    ("PUBACK with id 0", b"\x40\x02\x00\x00", Fault.MALFORMED),
    ("short PUBACK", b"\x40\x01\x00", Fault.MALFORMED),
    ("long PUBACK", b"\x40\x03\x00\x01\x00", Fault.MALFORMED),
    ("PINGRESP with a body", b"\xd0\x01\x00", Fault.MALFORMED),
    ("QoS 3", b"\x36\x05\x00\x01a\x00\x01", Fault.MALFORMED),
    ("packet id 0", b"\x32\x05\x00\x01a\x00\x00", Fault.MALFORMED),
    ("no packet id", b"\x32\x03\x00\x01a", Fault.MALFORMED),
    ("no topic", b"\x30\x02\x00\x00", Fault.MALFORMED),
    ("half a topic's length", b"\x30\x01\x00", Fault.MALFORMED),
    ("empty PUBLISH", b"\x30\x00", Fault.MALFORMED),
    ("topic longer than the packet", b"\x30\x03\x00\x05a", Fault.MALFORMED),
    ("length without end", b"\x30\xff\xff\xff\xff\x01", Fault.MALFORMED),
    ("too large", b"\x30\xff\xff\xff\x7f", Fault.TOO_LARGE),
    ("a second CONNACK", CONNACK, Fault.OUT_OF_ORDER),
    ("a SUBACK of no SUBSCRIBE", b"\x90\x03\x00\x01\x00", Fault.OUT_OF_ORDER),
    ("SUBACK of two codes", b"\x90\x04\xff\xff\x00\x00", Fault.MALFORMED),
    ("SUBACK of QoS 3", b"\x90\x03\xff\xff\x03", Fault.MALFORMED),
]


@pytest.mark.parametrize(("sent", "fault"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
def test_a_broken_rule_ends_the_connection_with_its_cause(sent: bytes, fault: Fault, *, cut: bool) -> None:
    wire = RecordingWire()
    transport = wire.opened()
    for piece in [sent[at : at + 1] for at in range(len(sent))] if cut else [sent]:
        wire.data_received(piece)
    assert transport.ended
    wire.data_received(codec.publish(b"t", b"too late"))
    wire.connection_lost(None)
    ((_, error),) = wire.closed
    assert isinstance(error, MqttError)
    assert error.fault is fault
    assert wire.messages == []


@pytest.mark.parametrize("first", [b"\x40\x02\x00\x05", b"\xd0\x00", SUBACK, b"H", b"\x21\x02\x00\x00", b"\x30\xff"])
def test_what_comes_before_connack_is_a_refusal(first: bytes) -> None:
    wire = RecordingWire()
    transport = wire.attach()
    wire.data_received(first)
    if len(first) > 1:
        assert wire.seen[0][:2] == ("refused", 0)
        assert transport.ended
    else:
        wire.data_received(b"TTP/1.1 400\r\n")
        assert wire.seen[0][:2] == ("refused", 0)


@pytest.mark.parametrize("kind", [codec.PUBACK, codec.PUBREC, codec.PUBCOMP])
@pytest.mark.parametrize("in_flight", [(), (1,), (2,), (1, 2)])
def test_acknowledgements_of_nothing_change_nothing(kind: int, in_flight: tuple[int, ...]) -> None:
    wire = RecordingWire()
    wire.opened()
    ids = [wire.publish(b"up", b"x", qos) for qos in in_flight]
    awaited = {1: codec.PUBACK, 2: codec.PUBREC}
    wrong = [packet_id for packet_id, qos in zip(ids, in_flight, strict=True) if awaited[qos] != kind]
    for packet_id in [*wrong, 249]:
        wire.data_received(bytes((kind, 2)) + packet_id.to_bytes(2, "big"))
    assert wire.seen == [("stray", kind, packet_id) for packet_id in [*wrong, 249]]
    assert wire.unacknowledged == len(ids)


def test_a_broker_that_never_acknowledges_is_given_up() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    for _ in range(MAX_UNACKNOWLEDGED):
        wire.publish(b"up", b"x", 1)
    with pytest.raises(LocalProtocolError):
        wire.publish(b"up", b"x", 1)
    assert transport.ended
    wire.connection_lost(None)
    assert isinstance(wire.closed[0][1], MqttError)
    assert wire.closed[0][1].fault is Fault.NEVER_ACKNOWLEDGES
    assert wire.unacknowledged == MAX_UNACKNOWLEDGED


def test_leaving_says_goodbye_and_cutting_does_not() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    wire.send_ping()
    wire.data_received(b"\xd0\x00")
    wire.close()
    assert taken(transport) == codec.PINGREQ + codec.DISCONNECT
    assert not transport.ended
    wire.data_received(codec.publish(b"t", b"too late"))
    wire.connection_lost(None)
    assert wire.seen == [("pong",), ("closed", None, None)]
    transport = wire.opened()
    wire.abort()
    assert transport.ended
    assert taken(transport) == b""
    for refused in (wire.send_ping, lambda: wire.publish(b"t", b"x")):
        with pytest.raises(LocalProtocolError):
            refused()


def test_the_owner_may_end_the_connection_within_any_hook() -> None:
    class Leaving(RecordingWire):
        on: str

        def on_accepted(self, *, session_present: bool) -> None:
            super().on_accepted(session_present=session_present)
            if self.on == "accepted":
                self.abort()

        def on_open(self) -> None:
            super().on_open()
            if self.on == "open":
                self.abort()

        def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
            super().on_publish(topic, payload, header, properties)
            self.close()

    for on, count in (("accepted", 1), ("open", 2), ("message", 3)):
        wire = Leaving()
        wire.on = on
        wire.attach()
        wire.data_received(CONNACK + codec.publish(b"t", b"x", 1, 1) + SUBACK + codec.publish(b"t", b"y", 1, 2))
        assert len(wire.seen) == count


def test_a_broker_that_does_not_read_is_not_read() -> None:
    wire = RecordingWire()
    transport = wire.opened()
    wire.pause_writing()
    assert not transport.reading
    wire.resume_writing()
    assert transport.reading


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_lead_to_an_exception(noise: bytes, opened: bool) -> None:
    wire = RecordingWire()
    if opened:
        wire.opened()
    else:
        wire.attach()
    wire.data_received(noise[:20])
    wire.data_received(noise[20:])
    assert wire._rest is None or len(wire._rest) < MqttOptions().max_packet_bytes
