"""Links at work, on a clock turned by hand: outages end connections, hold attempts back, and delay data in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from virtual_fleet import Wire, World

from loadtest.engine.link_transport import LinkTransport
from loadtest.engine.sending import CONNECTING, OFFLINE, REGISTERED
from loadtest.measure.interval import RegionalOutage
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET, LinkModel, RegionalOutages
from loadtest.scenario.reconnect import fixed
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.link import Link

NEVER_DOWN = LinkModel(mean_up_s=3e8)
"""A link whose outages the test makes itself."""


def quiet_world(**options: Any) -> World:
    return World(reconnect=fixed(5), **({"link": NEVER_DOWN} | options))


def link_of(world: World, number: int = 0) -> Link:
    link = world.fleet.links.of(number)
    assert link is not None
    return link


def since_the_ramp_s(world: World) -> float:
    return (world.clock() - world.fleet.schedules_from_ns) / NS_PER_S


def end_aborted(wire: Wire) -> None:
    """What a loop does some time after ``abort()``."""
    assert wire.ending
    wire.end()


def test_a_charge_point_without_a_model_has_no_link() -> None:
    with World() as world:
        world.register()
        assert world.fleet.links.of(0) is None
        assert isinstance(world.one.transport, Wire)
        assert (world.fleet.gauges()["links_down"], world.fleet.gauges()["half_open"]) == (0, 0)


def test_an_ideal_link_changes_nothing() -> None:
    with quiet_world() as world:
        world.register(interval_s=10)
        assert isinstance(world.one.transport, LinkTransport)
        world.run_for(60)
        assert world.row("Heartbeat").answered >= 5
        world.assert_balanced()


def test_a_reset_cuts_what_is_outstanding_and_attempts_fail_until_the_link_is_back() -> None:
    with quiet_world() as world:
        world.register(interval_s=10)
        world.advance_s(10)
        wire, counters = world.wire(), world.books.counters
        assert wire.outstanding is not None
        link_of(world).go_down(RESET)
        end_aborted(wire)
        assert world.row("Heartbeat").link_cut == 1
        assert (counters.link_outages, counters.link_resets, counters.disconnects) == (1, 1, 1)
        world.advance_s(21)
        assert counters.connect_failed == 4
        assert world.fleet.connect_failures.first == {}, "nobody else is to blame"
        assert world.one.state == OFFLINE
        assert world.fleet.dialled == {}
        assert world.fleet.gauges()["backing_off"] == world.fleet.gauges()["links_down"] == 1
        link_of(world).come_up()
        world.advance_s(5)
        world.register()
        assert world.one.is_registered
        assert world.fleet.gauges()["backing_off"] == world.fleet.gauges()["links_down"] == 0
        world.assert_balanced()


def test_a_clean_close_is_a_closing_handshake() -> None:
    with quiet_world() as world:
        world.register()
        wire = world.wire()
        link_of(world).go_down(CLOSE)
        assert wire.gateway.close_rcvd is not None
        assert wire.gateway.close_rcvd.code == 1000
        wire.flush()
        wire.end()
        assert world.books.counters.link_closes == 1
        assert world.one.state == OFFLINE
        world.assert_balanced()


def test_a_half_open_connection_is_silent_until_an_answer_is_missed_and_leaves_a_ghost() -> None:
    with quiet_world(call_timeout_s=30.0) as world:
        world.register(interval_s=10)
        wire, link = world.wire(), link_of(world)
        heard = len(wire.gateway.events_received())
        seen = len(world.sent)
        link.go_down(HALF_OPEN)
        world.advance_s(15)
        assert world.one.is_registered, "it does not know"
        assert len(world.sent) == seen, "the gateway hears nothing"
        assert world.row().sent == seen + 1
        assert not wire.ending
        assert world.fleet.gauges()["half_open"] == 1
        wire.gateway.send_ping(b"")
        wire.flush()
        assert heard == len(wire.gateway.events_received()) == 0, "nor does the charge point"
        link.come_up()
        world.advance_s(31)
        assert world.row("Heartbeat").link_cut == 1, "who was silent is not the gateway"
        assert world.one.state in (OFFLINE, CONNECTING)
        assert not wire.ending, "what the charge point gave up, the gateway still has"
        assert link.ghost is not None
        assert world.fleet.gauges()["half_open"] == 0
        assert (world.books.counters.link_half_open, world.books.counters.disconnects) == (1, 1)
        wire.end()
        assert link.ghost is None


def test_a_missing_pong_ends_a_half_open_connection_too() -> None:
    with quiet_world(configuration={"WebSocketPingInterval": "5"}) as world:
        world.register(interval_s=10_000)
        link_of(world).go_down(HALF_OPEN)
        world.advance_s(10.2)
        assert world.books.counters.pongs_missing == 1
        assert world.one.state == OFFLINE
        world.assert_balanced()


def test_attempts_in_a_silent_outage_time_out_or_get_through_when_the_link_is_back() -> None:
    with quiet_world(call_timeout_s=10.0) as world:
        link = link_of(world)
        world.fleet.dialled.clear()  # the attempt of the ramp, which got through before
        world.reach().end()
        link.go_down(HALF_OPEN)
        world.advance_s(5.1)
        assert world.one.state == CONNECTING
        world.advance_s(11)
        assert world.books.counters.connect_timed_out == 1
        world.advance_s(5.1)
        assert world.one.state == CONNECTING
        assert world.fleet.dialled == {}
        link.come_up()
        assert list(world.fleet.dialled) == [0]
        world.register()
        assert world.one.is_registered
        world.assert_balanced()


def test_transactions_go_on_without_a_link_and_their_messages_follow_in_order() -> None:
    with quiet_world(meter_interval_s=10) as world:
        world.register(interval_s=1000)
        world.charge()
        seen = len(world.sent)
        wire = world.wire()
        link_of(world).go_down(RESET)
        end_aborted(wire)
        world.advance_s(65)
        assert len(world.sent) == seen
        link_of(world).come_up()
        world.advance_s(5)
        world.register(interval_s=1000)
        world.answer_all()
        meter_values = [call for call in world.sent[seen:] if call.action == "MeterValues"]
        assert len(meter_values) >= 6
        instants = [call.stamp.intended_us for call in meter_values]
        assert instants == sorted(instants)
        world.assert_balanced()


@pytest.mark.parametrize("jitter_s", [0.0, 0.4])
def test_latency_is_part_of_every_time_and_keeps_the_order(jitter_s: float) -> None:
    slow = LinkModel(mean_up_s=3e8, latency_s=0.2, jitter_s=jitter_s)
    with quiet_world(link=slow) as world:
        began_ns = world.clock()
        world.advance_s(0.401)  # TCP takes a round trip
        wire = world.reach()
        world.advance_s(0.21 + jitter_s)  # the request arrives
        wire.accept()
        assert world.books.counters.connects == 0
        world.advance_s(0.21 + jitter_s)
        assert world.books.counters.connects == 1
        for _ in range(40):
            world.advance_s(0.21 + jitter_s)
            if world.wire().outstanding is not None:
                world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 1})
        assert world.one.is_registered
        assert world.clock() - began_ns >= 1.2 * NS_PER_S
        sequences = [call.stamp.sequence for call in world.sent]
        assert sequences == sorted(sequences)
        assert world.row().sent - len(world.sent) <= 1, "one may be on its way"
        assert world.samples_of("ramp.round_trip.Heartbeat.service").percentiles((1,))[0] >= 400_000


def test_bandwidth_makes_long_messages_take_longer() -> None:
    narrow = LinkModel(mean_up_s=3e8, bandwidth_bit_s=1000)
    with quiet_world(link=narrow) as world:
        wire = world.reach()
        assert not hasattr(wire, "request"), "the request takes more than a second at 125 bytes a second"
        world.advance_s(1)
        assert not hasattr(wire, "request")
        world.advance_s(3)
        assert wire.request.path.endswith("cp-000000")


def test_a_slow_link_reads_no_more_than_it_can_pass_on() -> None:
    narrow = LinkModel(mean_up_s=3e8, bandwidth_bit_s=80_000)
    with quiet_world(link=narrow) as world:
        world.advance_s(0.001)
        wire = world.reach()
        reading: list[str] = []
        wire.pause_reading = lambda: reading.append("pause")  # type: ignore[method-assign]
        wire.resume_reading = lambda: reading.append("resume")  # type: ignore[method-assign]
        world.advance_s(1)
        wire.accept()
        for _ in range(10):
            wire.gateway.send_text(b"x" * 10_000)
            wire.flush()
        assert reading == ["pause"]
        world.advance_s(11)
        assert reading == ["pause", "resume"]
        assert world.books.counters.malformed == 10


def test_what_is_on_its_way_over_a_slow_link_is_lost_with_the_socket() -> None:
    with quiet_world(link=LinkModel(mean_up_s=3e8, latency_s=0.2)) as world:
        world.advance_s(0.401)  # TCP takes a round trip
        wire = world.reach()
        world.advance_s(0.21)
        wire.write = closed  # type: ignore[method-assign]  # as uvloop's are when they are closed
        wire.accept()
        world.advance_s(0.21)
        assert world.row("BootNotification").sent == 1
        assert link_of(world).held_since_ns == world.one.call_sent_ns
        wire.end(ConnectionResetError())
        world.advance_s(1)
        assert world.row("BootNotification").cut_off == 1, "it was no link that took it"
        assert world.one.state == OFFLINE
        assert world.sent == []


def closed(data: object) -> None:
    raise RuntimeError("the handler is closed")


def test_a_region_fails_for_all_its_charge_points_at_once() -> None:
    regional = RegionalOutages(regions=2, mean_between_s=500, median_s=60, spread=1)
    model = LinkModel(mean_up_s=3e8, half_open_weight=0, close_weight=0, regional=regional)
    with World(count=6, reconnect=fixed(1000), link=model) as world:
        start_s, end_s = model.regional_outage(1, 1, 0, 0.0)
        elapsed_s = since_the_ramp_s(world)
        other_s, _ = model.regional_outage(1, 0, 0, 0.0)
        wires = [world.open(each) for each in world.charge_points]
        world.advance_s(start_s - elapsed_s + 0.01)
        down = [link_of(world, number).is_down for number in range(6)]
        assert down[1::2] == [True] * 3
        assert [wire.ending for wire in wires[1::2]] == [True] * 3
        if other_s > start_s + 0.01:
            assert down[::2] == [False] * 3
        world.advance_s(end_s - start_s)
        assert [link_of(world, number).is_down for number in range(1, 6, 2)] == [False] * 3
        assert world.books.counters.link_outages_regional >= 3
        ramp_s = (world.clock() - world.fleet.epoch_ns) / NS_PER_S - since_the_ramp_s(world)
        told = {"start_s": round(ramp_s + start_s, 3), "end_s": round(ramp_s + end_s, 3)}
        hit = RegionalOutage(region=1, charge_points=3, **told)
        assert hit in world.fleet.links.take_regional_outages()
        assert world.fleet.links.take_regional_outages() == []


def test_outages_come_when_the_schedule_says_whatever_happens_in_between() -> None:
    model = LinkModel(mean_up_s=50, down_median_s=10, down_spread=2)
    with World(link=model, reconnect=fixed(3)) as world:
        after_s, index = 0.0, 0
        while after_s < 600:
            outage = model.outage(1, 0, index, after_s)
            after_s, index = outage.end_s, index + 1
            for instant_s, down in ((outage.start_s, True), (outage.end_s, False)):
                elapsed_s = since_the_ramp_s(world)
                if instant_s > elapsed_s + 0.005:
                    world.advance_s(instant_s - elapsed_s - 0.002)
                    assert link_of(world).is_down is not down
                    world.advance_s(0.004)
                    assert link_of(world).is_down is down
            if world.one.state == CONNECTING and 0 in world.fleet.dialled:
                world.register()
        assert world.books.counters.link_outages == index


def test_a_charge_point_that_leaves_takes_its_ghost_along_and_says_goodbye() -> None:
    with quiet_world(count=2, call_timeout_s=5.0) as world:
        for each in world.charge_points:
            world.open(each)
            world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 3}, each)
            world.answer_all(each)
        ghost, open_wire = world.wire(world.charge_points[0]), world.wire(world.charge_points[1])
        link_of(world).go_down(HALF_OPEN)
        for _ in range(120):
            world.advance_s(0.1)
            world.answer_all(world.charge_points[1])
        before = ghost.ending
        world.fleet.cohorts.remove(0)
        assert (before, ghost.ending) == (False, True)
        assert open_wire.gateway.close_rcvd is not None
        world.advance_s(1000)


def test_while_the_run_drains_links_end_nothing() -> None:
    with quiet_world() as world:
        world.register()
        world.fleet.draining = True
        link_of(world).go_down(RESET)
        assert world.one.state == REGISTERED
        assert not world.wire().ending
