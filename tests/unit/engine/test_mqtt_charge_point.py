"""A charge point on the direct path: topics, sessions, refusals, wills, keep alive; the test plays the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from broker_wire import BrokerWire
from virtual_fleet import World

from loadtest.engine.mqtt_charge_point import MqttChargePoint
from loadtest.engine.sending import OFFLINE, OPEN, REGISTERED
from loadtest.protocol import frames
from loadtest.protocol.message_topics import TopicTexts

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = {"session_expiry_s": 60.0, "keep_alive_s": 0.0}


def broker(world: World) -> BrokerWire:
    wire = world.wire()
    assert isinstance(wire, BrokerWire)
    return wire


def reached(world: World) -> BrokerWire:
    """TCP connects anew."""
    wire = world.reach()
    assert isinstance(wire, BrokerWire)
    return wire


@pytest.fixture
def world() -> Iterator[World]:
    with World(direct={}) as world:
        yield world


def test_it_connects_subscribes_and_registers(world: World) -> None:
    world.register()
    wire, identity = broker(world), world.one.identity
    assert wire.connect is not None
    assert (wire.connect.client_id, wire.connect.clean_session_flag, wire.connect.keep_alive) == (identity, True, 60)
    assert not wire.connect.will_flag
    assert wire.filters == [(f"ocpp/cs/{identity}", 1)]
    assert [call.action for call in world.sent] == ["BootNotification", "StatusNotification", "StatusNotification"]
    assert {(topic, qos) for topic, _, qos, _, _ in wire.published} == {(f"ocpp/cp/{identity}", 1)}
    assert world.one.state == REGISTERED
    world.samples_of("")
    assert "ramp.connect.MQTT.intended" in world.samples


def test_commands_are_answered_on_the_topic_of_answers(world: World) -> None:
    world.register()
    reply = world.ask("GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert isinstance(reply, frames.CallResult)
    refusal = world.ask("GetConfiguration", {"key": 1}, "csms-2")
    assert isinstance(refusal, frames.CallError)
    assert [topic for topic, *_ in broker(world).published[-2:]] == [f"ocpp/cp/{world.one.identity}/Reply"] * 2


def test_topics_can_be_others() -> None:
    topics = TopicTexts("our/cp/${action}/${cid}", "our/cp/${cid}", "down/${cid}")
    with World(direct={"topics": topics}) as world:
        world.register()
        wire, identity = broker(world), world.one.identity
        assert wire.filters == [(f"down/{identity}", 1)]
        assert [topic for topic, *_ in wire.published] == [
            f"our/cp/BootNotification/{identity}",
            *[f"our/cp/StatusNotification/{identity}"] * 2,
        ]
        world.ask("GetConfiguration", {})
        assert wire.published[-1][0] == f"our/cp/{identity}"


@pytest.mark.parametrize(
    ("code", "cause", "for_good"),
    [
        (1, "unsupported_protocol_version", 1),
        (2, "client_identifier_not_valid", 1),
        (3, "server_unavailable", 0),
        (4, "bad_user_name_or_password", 1),
        (5, "not_authorised", 1),
    ],
)
def test_refusals_are_counted_by_cause_and_tried_again(world: World, code: int, cause: str, for_good: int) -> None:
    wire = world.reach()
    wire.refuse(code, "")
    assert world.fleet.connect_failures.report() == {f"engine.connect_failures.mqtt_{cause}": 1}
    assert (world.books.counters.connect_refused, world.books.counters.connect_in_vain) == (1, for_good)
    wire.end()
    assert world.one.state == OFFLINE
    world.advance_s(700)
    world.register()
    assert world.one.state == REGISTERED


def test_a_subscription_refused_is_a_refusal_of_its_own(world: World) -> None:
    wire = world.reach()
    world.one.data_received(b"\x20\x02\x00\x00\x90\x03\xff\xff\x80")
    assert world.fleet.connect_failures.report() == {"engine.connect_failures.mqtt_subscription_refused": 1}
    assert world.one.state == OFFLINE
    assert wire.ending


def test_a_broker_that_closes_without_a_word_may_have_no_descriptors_left(world: World) -> None:
    reached(world).end(ConnectionResetError("reset"))
    first = world.fleet.connect_failures.first["ended_in_handshake"]
    assert first.startswith(
        "cp-000000: the connection ended during the MQTT handshake; a broker out of file descriptors"
    )


def test_what_is_no_mqtt_is_told_so(world: World) -> None:
    world.reach()
    world.one.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert world.fleet.connect_failures.report() == {"engine.connect_failures.not_mqtt": 1}


def test_status_and_last_will() -> None:
    with World(direct={"status_topic": "state/${cid}"}) as world:
        world.register()
        wire, topic = broker(world), f"state/{world.one.identity}"
        assert wire.connect is not None
        assert wire.connect.will_topic == topic
        assert bytes(wire.connect.will_message) == b"offline"
        assert wire.connect.will_retain_flag
        assert wire.published[0] == (topic, b"online", 1, False, True)
        world.one.close()
        assert wire.published[-1] == (topic, b"offline", 1, False, True)
        assert wire.left


def test_keep_alive_pings_and_a_pong_that_is_missing_ends_the_connection(world: World) -> None:
    world.register()
    wire = broker(world)
    world.advance_s(55)
    assert wire.pings == 1
    wire.flush()
    world.advance_s(54)
    assert wire.pings == 2
    assert world.books.counters.pongs_missing == 0
    world.advance_s(54)
    assert wire.ending
    assert world.books.counters.pongs_missing == 1


def test_without_keep_alive_nobody_pings() -> None:
    with World(direct={"keep_alive_s": 0.0}) as world:
        world.register()
        world.advance_s(3000)
        assert broker(world).pings == 0


def test_a_kept_session_gets_what_was_not_acknowledged_again_and_queued_commands() -> None:
    with World(direct=KEPT) as world:
        world.register()
        wire = broker(world)
        assert wire.connect is not None
        assert not wire.connect.clean_session_flag
        wire.acknowledging = False
        world.advance_s(301)
        beats = [payload for topic, payload, *_ in wire.published if b"Heartbeat" in payload]
        assert len(beats) == 1
        wire.end(ConnectionResetError())
        assert world.row().cut_off == 1
        world.advance_s(700)
        wire = reached(world)
        queued = wire.message(b'[2,"q","GetConfiguration",{}]', 1, 9)
        wire.accept(session_present=True)
        assert [payload for _, payload, _, again, _ in wire.published if again] == beats
        world.one.data_received(queued)
        assert [reply.message_id for reply in world.replies] == ["q"]
        counters = world.books.counters
        assert (counters.sessions_resumed, counters.messages_resent, counters.messages_forgotten) == (1, 1, 0)


def test_a_session_that_was_not_kept_is_forgotten() -> None:
    with World(direct=KEPT) as world:
        world.register()
        wire = broker(world)
        wire.acknowledging = False
        world.advance_s(301)
        wire.end(ConnectionResetError())
        world.advance_s(700)
        wire = reached(world)
        wire.accept()
        assert not [payload for _, payload, _, again, _ in wire.published if again]
        counters = world.books.counters
        assert (counters.sessions_resumed, counters.messages_resent, counters.messages_forgotten) == (0, 0, 1)


def test_a_broker_that_breaks_the_protocol_is_counted_and_left(world: World) -> None:
    world.register()
    wire = broker(world)
    world.one.data_received(b"\x00\x00")
    assert wire.ending
    wire.end()
    assert world.books.counters.broker_violations == 1
    assert world.one.state == OFFLINE
    world.advance_s(700)
    world.open()
    assert world.one.state == OPEN


def test_a_place_taken_by_another_client_is_counted(world: World) -> None:
    world.register()
    world.one.on_closed(0x8E, None)
    assert (world.books.counters.sessions_taken_over, world.books.counters.disconnects) == (1, 1)


def test_what_the_broker_takes_no_packet_for_is_counted_and_never_answered() -> None:
    with World(direct={"keep_alive_s": 0.0}) as world:
        world.register()
        assert world.one.terms is not None  # type: ignore[attr-defined]  # it is on the direct path
        world.one._terms = world.one.terms._replace(max_packet_bytes=50)  # type: ignore[attr-defined]
        world.advance_s(332)
        assert world.books.counters.messages_too_large == 1
        assert (world.row().sent, world.row().timed_out) == (4, 1)


def test_what_is_no_ocpp_is_counted(world: World) -> None:
    world.register()
    wire = broker(world)
    for payload in (b"", b"\xff", b"[]", b"{}", msgspec.json.encode({"MessageTypeId": 9, "UniqueId": "x"})):
        topic = f"ocpp/cs/{world.one.identity}".encode()
        world.one.data_received(bytes((0x30, 2 + len(topic) + len(payload), 0, len(topic))) + topic + payload)
    assert world.books.counters.malformed == 5
    assert not wire.ending


@pytest.mark.parametrize("qos", [0, 2])
def test_every_quality_of_service(qos: Any) -> None:
    with World(direct={"qos": qos}) as world:
        world.register()
        assert {each[2] for each in broker(world).published} == {qos}
        assert world.row().answered == 3


def test_kinds_of_message_have_their_own_quality_of_service() -> None:
    with World(direct={"qos": 1, "qos_of": {"StatusNotification": 0, "BootNotification": 2}}) as world:
        world.register()
        assert [each[2] for each in broker(world).published] == [2, 0, 0]


def test_what_the_broker_did_not_take_and_acknowledged_for_nothing_is_counted(world: World) -> None:
    world.register()
    counters = world.books.counters
    world.one.data_received(b"\x40\x02\x7f\xff")
    assert (counters.stray_acknowledgements, counters.broker_violations) == (1, 0)
    assert isinstance(world.one, MqttChargePoint)
    world.one.on_acknowledged(1, 0x10)  # no matching subscribers: taken all the same
    assert counters.messages_refused == 0
    world.one.on_acknowledged(2, 0x97)
    assert counters.messages_refused == 1
    assert world.one.is_registered
