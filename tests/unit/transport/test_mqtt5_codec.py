"""MQTT 5 packets and properties against an independent codec, written in another language."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.transport import mqtt5_codec as codec
from loadtest.transport import mqtt5_decoder as decoder
from loadtest.transport import mqtt_codec
from loadtest.transport.mqtt5_properties import Properties, decode, encode, read_variable_integer, variable_integer
from loadtest.transport.mqtt_reasons import Reason
from loadtest.transport.mqtt_terms import MQTT_5, NO_LIMIT, ConnectRequest, MqttOptions, asked, granted

if TYPE_CHECKING:
    from collections.abc import Callable

packet_ids = st.integers(1, 0xFFFF)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=30)
topics = texts.map(lambda text: text.replace("#", "x").replace("+", "x"))
payloads = st.one_of(st.binary(max_size=300), st.integers(16_000, 17_000).map(bytes))
seconds = st.integers(1, 0xFFFF_FFFF)
user_properties = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def codes_of(kind: Any) -> list[Any]:
    """All members of an enumeration of the other codec, which cannot be iterated over."""
    return [member for member in vars(kind).values() if isinstance(member, kind)]


def read(packet: bytes) -> Any:
    found, length = mqtt5.read(memoryview(packet))
    assert length == len(packet)
    return found


def body(packet: bytes) -> bytes:
    """What follows the fixed header."""
    return packet[read_variable_integer(packet, 1, len(packet))[1] :]


message_properties = st.builds(
    Properties,
    payload_format=maybe(st.just(1)),
    message_expiry_s=maybe(seconds),
    content_type=maybe(texts),
    response_topic=maybe(topics),
    correlation_data=maybe(st.binary(max_size=30)),
    user_properties=user_properties,
)


def message_fields(packet: Any) -> tuple[Any, ...]:
    """The properties of a message as the other codec has them."""
    return (
        packet.payload_format_indicator or None,
        packet.message_expiry_interval,
        packet.content_type,
        packet.response_topic,
        packet.correlation_data,
        tuple(packet.user_properties),
    )


def fields(properties: Properties) -> tuple[Any, ...]:
    return (
        properties.payload_format,
        properties.message_expiry_s,
        properties.content_type,
        properties.response_topic,
        properties.correlation_data,
        properties.user_properties,
    )


@given(topics, payloads, st.integers(0, 2), packet_ids, st.booleans(), message_properties)
def test_publish_is_read_alike(
    topic: str, payload: bytes, qos: int, packet_id: int, retain: bool, properties: Properties
) -> None:
    packet = read(codec.publish(topic.encode(), payload, qos, packet_id, retain=retain, properties=encode(properties)))
    assert (packet.topic, packet.payload, packet.qos, packet.retain) == (topic, payload, qos, retain)
    assert packet.packet_id == (packet_id if qos else None)
    assert message_fields(packet) == fields(properties)


@given(
    texts,
    maybe(texts),
    maybe(texts),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.integers(1, 0xFFFF),
    user_properties,
    maybe(st.tuples(topics, st.binary(max_size=50), st.integers(0, 2), st.booleans(), message_properties, seconds)),
)
def test_connect_is_read_alike(
    client_id: str,
    username: str | None,
    password: str | None,
    clean_start: bool,
    keep_alive_s: int,
    expiry_s: int,
    receive_maximum: int,
    users: tuple[tuple[str, str], ...],
    will: Any,
) -> None:
    options = MqttOptions(
        MQTT_5,
        clean_start=clean_start,
        session_expiry_s=expiry_s,
        keep_alive_s=keep_alive_s,
        receive_maximum=receive_maximum,
        max_packet_bytes=70_000,
        user_properties=users,
    )
    written = None
    if will is not None:
        topic, payload, qos, retain, properties, delay_s = will
        rendered = encode(properties) + encode(Properties(will_delay_s=delay_s))
        written = mqtt_codec.Will(topic.encode(), payload, qos, retain, rendered)
    packet = read(ConnectRequest(options, client_id, username, password, written).packet())
    assert (packet.client_id, packet.username) == (client_id, username)
    assert packet.password == (None if password is None else password.encode())
    assert (packet.clean_start, packet.keep_alive) == (clean_start, keep_alive_s)
    assert (packet.session_expiry_interval, packet.receive_max) == (expiry_s, receive_maximum)
    assert (packet.max_packet_size, packet.topic_alias_max) == (70_000, 0)
    assert tuple(packet.user_properties) == users
    if will is None:
        assert packet.will is None
    else:
        assert (packet.will.topic, packet.will.payload or b"") == (topic, payload)
        assert (packet.will.qos, packet.will.retain, packet.will.will_delay_interval) == (qos, retain, delay_s)
        assert message_fields(packet.will) == fields(properties)


@given(packet_ids, st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=10), st.booleans())
def test_subscribe_and_unsubscribe_are_read_alike(
    packet_id: int, filters: list[tuple[str, int]], no_local: bool
) -> None:
    wanted = [(topic_filter.encode(), qos) for topic_filter, qos in filters]
    packet = read(codec.subscribe(packet_id, wanted, no_local=no_local))
    assert packet.packet_id == packet_id
    assert [(each.pattern, each.max_qos) for each in packet.topic_filters] == filters
    for each in packet.topic_filters:
        assert (each.no_local, each.retain_as_published) == (no_local, False)
        assert each.retain_handling == mqtt5.RetainHandling.SEND_ALWAYS
    packet = read(codec.unsubscribe(packet_id, [topic_filter for topic_filter, _ in wanted]))
    assert (packet.packet_id, packet.patterns) == (packet_id, [topic_filter for topic_filter, _ in filters])


ACKNOWLEDGEMENTS: list[tuple[Callable[[int], bytes], Any, Any]] = [
    (mqtt_codec.puback, mqtt5.PubAckPacket, mqtt5.PubAckReasonCode),
    (mqtt_codec.pubrec, mqtt5.PubRecPacket, mqtt5.PubRecReasonCode),
    (mqtt_codec.pubrel, mqtt5.PubRelPacket, mqtt5.PubRelReasonCode),
    (mqtt_codec.pubcomp, mqtt5.PubCompPacket, mqtt5.PubCompReasonCode),
]


@pytest.mark.parametrize(("ours", "theirs", "codes"), ACKNOWLEDGEMENTS, ids=["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"])
@given(data=st.data())
def test_acknowledgements_are_written_and_read_alike(
    ours: Callable[[int], bytes], theirs: Any, codes: Any, data: st.DataObject
) -> None:
    packet_id, code = data.draw(packet_ids), data.draw(st.sampled_from(codes_of(codes)))
    packet = read(codec.acknowledgement(ours(packet_id), int(code)))
    assert (type(packet), packet.packet_id, packet.reason_code) == (theirs, packet_id, code)
    reason, users = data.draw(maybe(texts)), data.draw(user_properties)
    written = theirs(packet_id, reason_code=code, reason_str=reason, user_properties=list(users)).write()
    assert written[0] == ours(packet_id)[0]
    assert body(written)[:2] == packet_id.to_bytes(2, "big")
    outcome = decoder.outcome(body(written)[2:])
    assert outcome.code == int(code)
    assert decode(outcome.properties) == Properties(reason_string=reason, user_properties=users)


@given(
    st.sampled_from(codes_of(mqtt5.DisconnectReasonCode)), maybe(texts), maybe(texts), user_properties, maybe(seconds)
)
def test_disconnect_is_written_and_read_alike(
    code: Any, reference: str | None, reason: str | None, users: Any, expiry_s: int | None
) -> None:
    packet = read(codec.disconnect(int(code), encode(Properties(session_expiry_s=expiry_s, reason_string=reason))))
    assert (packet.reason_code, packet.session_expiry_interval, packet.reason_str) == (code, expiry_s, reason)
    written = mqtt5.DisconnectPacket(
        reason_code=code, server_reference=reference, reason_str=reason, user_properties=list(users)
    ).write()
    outcome = decoder.outcome(body(written))
    assert outcome.code == int(code)
    assert decode(outcome.properties) == Properties(
        server_reference=reference, reason_string=reason, user_properties=users
    )


@given(st.sampled_from(codes_of(mqtt5.AuthReasonCode)), maybe(texts), maybe(st.binary(max_size=20)))
def test_auth_is_read_as_it_was_written(code: Any, method: str | None, proof: bytes | None) -> None:
    packet = mqtt5.AuthPacket(reason_code=code, authentication_method=method, authentication_data=proof)
    outcome = decoder.outcome(body(packet.write()))
    assert outcome.code == int(code)
    assert decode(outcome.properties) == Properties(authentication_method=method, authentication_data=proof)


@given(
    st.booleans(),
    st.sampled_from(codes_of(mqtt5.ConnAckReasonCode)),
    maybe(seconds),
    maybe(texts),
    maybe(st.integers(0, 0xFFFF)),
    maybe(texts),
    st.integers(1, 0xFFFF),
    st.sampled_from(codes_of(mqtt5.QoS)),
    st.booleans(),
    maybe(st.integers(20, 0xFFFF_FFFF)),
    user_properties,
)
def test_connack_and_its_limits_are_read_alike(
    present: bool,
    code: Any,
    expiry_s: int | None,
    client_id: str | None,
    keep_alive_s: int | None,
    reference: str | None,
    receive_maximum: int,
    max_qos: Any,
    retain: bool,
    max_packet_bytes: int | None,
    users: Any,
) -> None:
    written = mqtt5.ConnAckPacket(
        session_present=present,
        reason_code=code,
        session_expiry_interval=expiry_s,
        assigned_client_id=client_id,
        server_keep_alive=keep_alive_s,
        server_reference=reference,
        receive_max=receive_maximum,
        topic_alias_max=10,
        max_qos=max_qos,
        retain_available=retain,
        max_packet_size=max_packet_bytes,
        shared_subscription_available=False,
        user_properties=list(users),
    ).write()
    found_present, outcome = decoder.connack(body(written))
    assert (found_present, outcome.code) == (present, int(code))
    found = decode(outcome.properties)
    assert (found.assigned_client_id, found.server_reference) == (client_id, reference)
    assert (found.user_properties, found.topic_alias_maximum) == (users, 10)
    assert found.shared_subscriptions_available == 0
    terms = granted(asked(MqttOptions(MQTT_5, keep_alive_s=77)), outcome.properties)
    assert terms.keep_alive_s == (77 if keep_alive_s is None else keep_alive_s)
    assert (terms.receive_maximum, terms.max_qos, terms.retain_available) == (receive_maximum, max_qos, retain)
    assert terms.session_expiry_s == expiry_s
    if max_packet_bytes is not None:
        assert terms.max_packet_bytes == max_packet_bytes


def test_connack_without_limits_grants_everything() -> None:
    _, outcome = decoder.connack(body(mqtt5.ConnAckPacket().write()))
    terms = granted(asked(MqttOptions(MQTT_5)), outcome.properties)
    assert (terms.receive_maximum, terms.max_qos, terms.retain_available) == (NO_LIMIT, 2, True)
    assert terms is granted(asked(MqttOptions(MQTT_5)), outcome.properties)  # one object for all connections


@given(packet_ids, st.lists(st.sampled_from(codes_of(mqtt5.SubAckReasonCode)), min_size=1, max_size=9), maybe(texts))
def test_suback_and_unsuback_are_read_alike(packet_id: int, codes: list[Any], reason: str | None) -> None:
    for written in (
        mqtt5.SubAckPacket(packet_id, codes, reason_str=reason).write(),
        mqtt5.UnsubAckPacket(packet_id, [mqtt5.UnsubAckReasonCode.SUCCESS] * len(codes), reason_str=reason).write(),
    ):
        found_id, properties, found = decoder.suback(body(written))
        assert found_id == packet_id
        assert decode(properties).reason_string == reason
        assert list(found) == ([int(code) for code in codes] if written[0] == mqtt_codec.SUBACK else [0] * len(codes))


def test_reason_codes_are_those_of_the_other_codec() -> None:
    kinds = [kind for name, kind in vars(mqtt5).items() if name.endswith("ReasonCode")]
    theirs = {int(code) for kind in kinds for code in codes_of(kind)}
    ours = {int(code) for code in Reason}
    granted_qos, re_authenticate = {1, 2}, 0x19  # which only a client sends
    assert theirs - ours == {*granted_qos, re_authenticate}
    assert ours <= theirs


@given(st.integers(0, (1 << 28) - 1))
def test_variable_integers_come_back(value: int) -> None:
    written = variable_integer(value)
    assert read_variable_integer(b"x" + written + b"y", 1, len(written) + 1) == (value, len(written) + 1)
    with pytest.raises(RemoteProtocolError):
        read_variable_integer(written, 0, len(written) - 1)


@pytest.mark.parametrize(
    "malformed",
    [
        b"\x00\x01",  # no such property
        b"\x7e",
        b"\x01\x02",  # payload format 2
        b"\x01",
        b"\x24\x02",  # Maximum QoS 2
        b"\x21\x00\x00",  # Receive Maximum 0
        b"\x27\x00\x00\x00\x00",
        b"\x0b\x00",
        b"\x23\x00\x00",
        b"\x02\x00\x00\x00",
        b"\x03\x00\x05abc",
        b"\x03\x00\x01\xff",  # no UTF-8
        b"\x26\x00\x01a",
        b"\x26\x00\x01a\x00\x09b",
        b"\x01\x01\x01\x01",  # twice
        b"\x0b\xff\xff\xff\xff\x01",
        b"\xff\xff\xff\xff",
    ],
)
def test_malformed_properties_are_refused(malformed: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(malformed)


@given(st.binary(max_size=40))
def test_no_bytes_lead_to_another_error(noise: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [decode, decoder.connack, decoder.outcome, decoder.suback]
    for reader in readers:
        with contextlib.suppress(RemoteProtocolError):
            reader(noise)


@given(st.binary(max_size=60))
def test_what_is_read_is_written_the_same_way(noise: bytes) -> None:
    try:
        properties = decode(noise)
    except RemoteProtocolError:
        return
    assert decode(encode(properties)) == properties


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: codec.subscribe(1, []),
        lambda: codec.unsubscribe(1, []),
        lambda: codec.publish(bytes(65_536), b""),
        lambda: codec.publish(b"t", bytes(mqtt_codec.MAX_REMAINING_LENGTH)),
        lambda: codec.connect("c", keep_alive_s=65_536, clean_start=True),
        lambda: encode(Properties(receive_maximum=65_536)),
        lambda: encode(Properties(content_type="x" * 65_536)),
        lambda: encode(Properties(subscription_ids=(1 << 28,))),
        lambda: encode(Properties(message_expiry_s=-1)),
    ],
)
def test_what_the_protocol_forbids_is_not_written(forbidden: Callable[[], bytes]) -> None:
    with pytest.raises(LocalProtocolError):
        forbidden()
