"""Brokers that send charge points to other servers (MQTT 5.0 section 4.11); the test plays all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from broker_wire import Broker5Wire
from virtual_fleet import World

from loadtest.engine.redirects import MOST_REDIRECTS
from loadtest.engine.sending import CONNECTING, OFFLINE, REGISTERED
from loadtest.scenario.links import RESET, LinkModel
from loadtest.scenario.reconnect import fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.engine.registration import RegisteringConnection

V5 = {"mqtt_version": "5", "qos": 0}
WAIT_S = 10.0


@pytest.fixture
def world() -> Iterator[World]:
    with World(direct=V5, reconnect=fixed(WAIT_S), call_timeout_s=30.0) as world:
        yield world


def reached(world: World, server: str | None = None) -> Broker5Wire:
    """TCP connects to this server; None: the configured one."""
    assert 0 in world.fleet.dialled, "no attempt is under way"
    going_to = world.fleet.connections.redirects.server(0)
    assert (None if going_to is None else str(going_to)) == (server and f"mqtt://{server}")
    wire = world.reach()
    assert isinstance(wire, Broker5Wire)
    return wire


def let_in(world: World, server: str | None = None) -> Broker5Wire:
    wire = reached(world, server)
    wire.accept()
    while wire.outstanding is not None:
        world.answer({"status": "Accepted", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"})
    assert world.one.state == REGISTERED
    return wire


def fails(world: World) -> None:
    """TCP cannot be made."""
    world.fleet.dialled.clear()
    world.fleet.connections.failed(world.one, ConnectionRefusedError("Connection refused"))


def remembers_nothing(world: World) -> bool:
    redirects = world.fleet.connections.redirects
    return not (redirects._routes or redirects._next or redirects._moved)


def test_for_this_time_it_goes_elsewhere_in_the_same_attempt(world: World) -> None:
    wire = reached(world)
    world.advance_s(2)
    wire.turn_away("b:1884")
    assert wire.ending
    assert (world.one.state, world.fleet.dialled) == (CONNECTING, {}), "one object is charge point and protocol"
    wire.end()
    world.advance_s(1)
    wire = let_in(world, "b:1884")
    counters = world.books.counters
    assert (counters.connect_attempts, counters.connects, counters.mqtt_redirected) == (1, 1, 1)
    assert (counters.connect_refused, counters.connect_failed, counters.disconnects) == (0, 0, 0)
    assert world.samples_of("ramp.connect.MQTT.intended").max_us == pytest.approx(3e6, abs=5e3)
    assert world.samples_of("ramp.connect.MQTT.service").max_us == pytest.approx(3e6, abs=5e3)
    assert world.fleet.connections.redirects.take_untold() == ["cp-000000: use another server, mqtt://b:1884"]
    assert remembers_nothing(world)

    wire.end(ConnectionResetError())
    world.advance_s(WAIT_S)
    let_in(world)
    world.assert_balanced()


def test_a_server_that_has_moved_is_not_asked_again(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b", for_good=True)
    wire.end()
    for _ in range(2):
        let_in(world, "b:1883").end(ConnectionResetError())
        world.advance_s(WAIT_S)
    wire = reached(world, "b:1883")
    wire.turn_away("c")
    wire.end()
    let_in(world, "c:1883").end(ConnectionResetError())
    world.advance_s(WAIT_S)
    fails(world)
    told = world.fleet.connect_failures.first["connection_refused"]
    assert told == "cp-000000, sent on to mqtt://b:1883: Connection refused"
    world.advance_s(WAIT_S)
    let_in(world, "b:1883")
    world.fleet.cohorts.remove(0)
    assert remembers_nothing(world)


@pytest.mark.parametrize("for_good", [False, True])
def test_who_is_sent_away_later_goes_there_when_its_policy_says_so(world: World, for_good: bool) -> None:
    wire = let_in(world)
    wire.send_away("b:1884", for_good=for_good)
    assert (world.one.state, world.books.counters.disconnects) == (OFFLINE, 1)
    world.advance_s(WAIT_S - 0.1)
    assert not world.fleet.dialled
    world.advance_s(0.1)
    let_in(world, "b:1884").end(ConnectionResetError())
    world.advance_s(WAIT_S)
    let_in(world, "b:1884" if for_good else None)
    assert world.books.counters.mqtt_redirected == 1


def test_one_of_several_is_the_first_that_answers(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b:70000 c:1 d:2 e:3")
    wire.end()
    assert world.books.counters.mqtt_references_failed == 1, "there is no such port"
    fails(world)
    reached(world, "d:2").end()
    let_in(world, "e:3")
    counters = world.books.counters
    assert (counters.mqtt_redirected, counters.mqtt_references_failed, counters.connects) == (1, 3, 1)
    assert world.fleet.connect_failures.report() == {}, "the attempt has not failed"
    told = "cp-000000: use another server, mqtt://c:1 or mqtt://d:2 or mqtt://e:3"
    assert world.fleet.connections.redirects.take_untold() == [told]


def test_an_attempt_fails_once_when_nobody_answers(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b c")
    wire.end()
    fails(world)
    assert world.one.state == CONNECTING
    reached(world, "c:1883").end()
    counters = world.books.counters
    assert (counters.connect_failed, counters.mqtt_references_failed, world.one.state) == (1, 2, OFFLINE)
    (text,) = world.fleet.connect_failures.first.values()
    assert text.startswith("cp-000000, sent on to mqtt://c:1883: the connection ended during the MQTT handshake; ")
    world.advance_s(WAIT_S)
    let_in(world)


def test_who_is_refused_elsewhere_is_refused(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b c")
    wire.end()
    reached(world, "b:1883")
    world.one.data_received(b"\x20\x03\x00\x89\x00")
    world.wire().end()
    assert world.fleet.connect_failures.first == {
        "mqtt_server_busy": "cp-000000, sent on to mqtt://b:1883: CONNECT refused: server busy"
    }
    assert world.books.counters.connect_refused == 1
    world.advance_s(WAIT_S)
    let_in(world)


def test_to_be_sent_round_in_circles_is_a_refusal(world: World) -> None:
    server = None
    for turn in range(MOST_REDIRECTS):
        wire = reached(world, server)
        server = "ab"[turn % 2] + ":1883"
        wire.turn_away(server)
        wire.end()
    wire = reached(world, server)
    wire.turn_away("b", for_good=True)
    wire.end()
    counters = world.books.counters
    assert (counters.mqtt_redirected, counters.connect_refused, counters.connect_in_vain) == (MOST_REDIRECTS, 1, 1)
    assert world.fleet.connect_failures.first == {
        "mqtt_redirected_too_often": "cp-000000, sent on to mqtt://a:1883: CONNECT refused: server moved, "
        "mqtt://b:1883, for the 6th time in a row"
    }
    world.advance_s(WAIT_S)
    let_in(world)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("", "nothing is named"),
        ("b:70000 b:0", "Port out of range"),
        ("mqtts://b", "mqtts://b:8883: this fleet connects without TLS"),
    ],
)
def test_a_reference_that_names_no_server_is_a_refusal(world: World, reference: str, words: str) -> None:
    wire = reached(world)
    wire.turn_away(reference)
    assert wire.ending
    wire.end()
    (text,) = world.fleet.connect_failures.first.values()
    assert text.startswith("cp-000000: CONNECT refused: use another server, but ")
    assert words in text
    counters = world.books.counters
    assert (counters.mqtt_redirected, counters.connect_refused, counters.connect_failed) == (0, 1, 0)
    world.advance_s(WAIT_S)
    let_in(world).send_away(reference)
    assert (counters.mqtt_redirected, counters.disconnects) == (0, 1)
    world.advance_s(WAIT_S)
    let_in(world)


def test_servers_named_during_the_handshake_are_gone_to_at_once(world: World) -> None:
    wire = reached(world)
    world.one.data_received(b"\x20\x03\x00\x00\x00")  # accepted, the subscription is not yet
    wire.send_away("b:1884")
    let_in(world, "b:1884")
    assert (world.books.counters.connect_attempts, world.books.counters.disconnects) == (1, 0)


def test_all_of_an_attempt_has_one_timeout(world: World) -> None:
    def cancel(charge_point: RegisteringConnection) -> bool:
        return world.fleet.dialled.pop(charge_point.number, None) is not None

    world.fleet.connections.diallers["direct"].cancel = cancel  # type: ignore[method-assign]
    wire = reached(world)
    world.advance_s(20)
    wire.turn_away("b c")
    wire.end()
    world.advance_s(9.9)
    assert (world.one.state, len(world.fleet.dialled)) == (CONNECTING, 1)
    world.advance_s(1.1)
    assert (world.books.counters.connect_timed_out, world.one.state, world.fleet.dialled) == (1, OFFLINE, {})
    world.advance_s(WAIT_S)
    let_in(world)


def test_a_restart_in_between_ends_the_attempt(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b")
    world.one.reboot(world.clock(), 60.0)
    wire.end()
    assert not world.fleet.dialled
    world.advance_s(60)
    let_in(world)


def test_it_is_gone_to_over_the_same_link() -> None:
    model = LinkModel(mean_up_s=3e8, latency_s=0.5)
    with World(direct=V5, reconnect=fixed(WAIT_S), link=model) as world:
        link = world.fleet.links.of(0)
        assert link is not None
        world.advance_s(1.1)
        wire = reached(world)
        world.advance_s(1)
        wire.turn_away("b")
        world.advance_s(1)
        wire.end()
        world.advance_s(0.9)
        assert not world.fleet.dialled, "that takes a round trip"
        world.advance_s(0.2)
        wire = reached(world, "b:1883")
        world.advance_s(1)
        wire.turn_away("c")
        world.advance_s(1)
        link.go_down(RESET)  # what takes the connection now is not the broker
        wire.end()
        counters = world.books.counters
        assert (counters.connect_failed, counters.mqtt_redirected) == (1, 2)
        assert world.one.state == OFFLINE
        assert world.fleet.link_cuts.is_away(0)
        link.come_up()
        world.advance_s(WAIT_S + 1.1)
        reached(world)


def test_who_leaves_for_good_in_between_goes_nowhere(world: World) -> None:
    wire = reached(world)
    wire.turn_away("b", for_good=True)
    world.fleet.retire()
    wire.end()
    assert not world.fleet.dialled
    assert remembers_nothing(world)


def test_who_has_taken_leave_is_sent_nowhere(world: World) -> None:
    wire = let_in(world)
    world.fleet.retire()
    wire.send_away("b", for_good=True)
    assert remembers_nothing(world)
    assert world.books.counters.mqtt_redirected == 0
