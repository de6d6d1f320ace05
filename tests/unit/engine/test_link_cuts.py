"""Who took a connection away: the charge point's own link, a fault that cut it, its restart, or somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from virtual_fleet import World

from loadtest.engine.network_fault import NetworkFault
from loadtest.engine.operations import DATA_TRANSFER, HEARTBEAT
from loadtest.engine.sending import OFFLINE
from loadtest.measure.interval import IntervalReport
from loadtest.measure.link_cuts import ABSENCE, STILL_AWAY_US, LinkCutBooks
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET, LinkModel
from loadtest.scenario.reconnect import fixed
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.link import Link

NEVER_DOWN = LinkModel(mean_up_s=3e8)


def linked_world(**options: Any) -> World:
    return World(reconnect=fixed(5), **({"link": NEVER_DOWN} | options))


def link_of(world: World) -> Link:
    link = world.fleet.links.of(0)
    assert link is not None
    return link


def send(world: World) -> int:
    """A heartbeat is due now; returns its number."""
    world.one.offer(HEARTBEAT, world.clock(), b"{}")
    assert world.one.call_id is not None
    return world.one.sequence - 1


def told(world: World) -> tuple[list[int], list[tuple[int, ...]]]:
    """The numbers of the CALLs in flight, and the absences."""
    in_flight, absences = world.fleet.link_cuts.report(final=False)
    books = LinkCutBooks()
    books.take(IntervalReport(index=0, calls_in_flight=in_flight))
    return [call.sequence for call in books.calls()], list(ABSENCE.iter_unpack(absences))


def registered(world: World) -> World:
    world.register(interval_s=10_000)
    return world


@pytest.mark.parametrize("ending", [RESET, CLOSE])
@pytest.mark.parametrize(("age_s", "in_doubt"), [(0.0, True), (1.9, True), (2.1, False), (20.0, False)])
def test_a_call_just_sent_when_the_link_is_cut_may_not_have_arrived(ending: Any, age_s: float, in_doubt: bool) -> None:
    with linked_world() as world:
        wire, sequence = registered(world).wire(), send(world)
        world.advance_s(age_s)
        link_of(world).go_down(ending)
        wire.flush()
        wire.end()
        row = world.row("Heartbeat")
        assert (row.link_cut, row.cut_off, row.timed_out) == (1, 0, 0)
        assert told(world)[0] == [sequence] * in_doubt
        world.assert_balanced()


@pytest.mark.parametrize("noticed_by", ["answer", "ping"])
def test_a_call_into_silence_is_lost_with_the_link_however_that_is_noticed(noticed_by: str) -> None:
    ping = {"WebSocketPingInterval": "8"} if noticed_by == "ping" else {}
    with linked_world(configuration=ping) as world:
        registered(world)
        link_of(world).go_down(HALF_OPEN)
        link_of(world).come_up()
        world.advance_s(5)
        sequence = send(world)
        world.advance_s(32)
        row = world.row("Heartbeat")
        assert (row.link_cut, row.cut_off, row.timed_out) == (1, 0, 0)
        assert told(world)[0] == [sequence]
        assert len(world.sent) == sequence, "the gateway has not heard it"


def test_what_went_out_long_before_the_silence_has_arrived_only_its_answer_is_lost() -> None:
    with linked_world() as world:
        registered(world)
        send(world)
        world.advance_s(3)
        link_of(world).go_down(HALF_OPEN)
        world.advance_s(32)
        assert world.row("Heartbeat").link_cut == 1
        assert told(world)[0] == []


def test_what_the_run_s_end_finds_on_a_silent_connection_is_not_unfinished() -> None:
    with linked_world() as world:
        registered(world)
        link_of(world).go_down(HALF_OPEN)
        sequence = send(world)
        world.fleet.draining = True
        world.fleet.retire()
        row = world.row("Heartbeat")
        assert (row.link_cut, row.unfinished) == (1, 0)
        assert told(world)[0] == [sequence]


def test_what_is_given_up_before_it_has_left_a_slow_link_may_be_lost_with_it() -> None:
    narrow = LinkModel(mean_up_s=3e8, bandwidth_bit_s=8_000)
    with linked_world(link=narrow) as world:
        wire = world.reach()
        world.advance_s(1)
        wire.accept()
        for _ in range(8):
            world.advance_s(1)
            if world.wire().outstanding is not None:
                world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 10_000})
        world.one.offer(DATA_TRANSFER, world.clock(), b'{"vendorId":"%b"}' % (b"x" * 60_000))
        sequence = world.one.sequence - 1
        world.advance_s(32)
        assert world.row("DataTransfer").timed_out == 1, "slow is not cut"
        link_of(world).go_down(RESET)
        wire.end()
        assert told(world)[0] == [sequence]


@pytest.mark.parametrize("end", ["cut", "timeout"])
def test_what_has_left_a_slow_link_is_not_excused_by_what_follows_it(end: str) -> None:
    slow = LinkModel(mean_up_s=3e8, latency_s=5.0)
    with linked_world(link=slow) as world:
        world.advance_s(11)  # TCP is a round trip
        wire = world.reach()
        world.advance_s(5)
        wire.accept()
        for _ in range(13):
            world.advance_s(5)
            if world.wire().outstanding is not None:
                world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 10_000})
        send(world)
        world.advance_s(20)
        world.one.send_ping()
        if end == "cut":
            link_of(world).go_down(RESET)
            wire.end()
        else:
            world.advance_s(7)
            world.one.send_ping()
            world.advance_s(4)
        row = world.row("Heartbeat")
        assert (row.link_cut, row.timed_out) == ((1, 0) if end == "cut" else (0, 1))
        assert told(world)[0] == []


def test_what_a_charge_point_throws_away_with_a_slow_link_is_not_lost_by_others() -> None:
    slow = LinkModel(mean_up_s=3e8, latency_s=4.0)
    with linked_world(link=slow, configuration={"WebSocketPingInterval": "7"}) as world:
        world.advance_s(9)  # TCP is a round trip
        wire = world.reach()
        world.advance_s(4)
        wire.accept()
        world.advance_s(11.5)  # open, and the first ping is on its way 7 s later
        world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 10_000})
        world.advance_s(5)
        sequence = world.one.sequence - 1
        assert world.one.call_id is not None
        assert len(world.sent) == sequence
        world.advance_s(2)  # no pong for seven seconds
        wire.end()
        assert world.row("StatusNotification").cut_off == 1
        assert told(world)[0] == [sequence]


def test_a_fault_that_cuts_charge_points_off_and_a_restart_are_told_apart_from_the_gateway_s_end() -> None:
    with World(reconnect=fixed(1)) as world:

        def again() -> int:
            world.register(interval_s=10_000)
            return send(world)

        first, wire = again(), world.wire()
        world.fleet.fault_cuts.cut_off(NetworkFault(seed=1, share=1.0, draw=99, regions=(), until_ns=0))
        wire.end()
        world.advance_s(1.1)
        second, wire = again(), world.wire()
        world.one.reboot(world.clock(), 3)
        wire.flush()
        wire.end()
        world.advance_s(4)
        again()
        world.wire().end()
        row = world.row("Heartbeat")
        assert (row.link_cut, row.cut_off) == (2, 1)
        assert told(world)[0] == [first, second]
        world.assert_balanced()


def test_a_missing_pong_on_a_link_that_is_up_is_the_gateway_s_doing() -> None:
    with linked_world(configuration={"WebSocketPingInterval": "5"}) as world:
        registered(world)
        world.wire().write = lambda data: None  # type: ignore[method-assign]  # the gateway is deaf
        world.one.offer(HEARTBEAT, world.clock(), b"{}")
        wire = world.wire()
        world.advance_s(11)
        wire.end()
        assert (world.row("Heartbeat").cut_off, world.row("Heartbeat").link_cut) == (1, 0)


def excused(world: World) -> dict[str, int]:
    at_end = world.fleet.at_end()
    assert at_end.pop("registered_at_end") == world.fleet.gauges()["registered"]
    return at_end


def test_whom_the_gateway_cuts_for_the_silence_of_the_drain_is_not_missing() -> None:
    with World(count=2, reconnect=fixed(5)) as world:
        wire = registered(world).wire()
        world.fleet.begin_drain()
        wire.end()
        world.fleet.begin_drain()  # somebody has become impatient
        assert world.fleet.gauges()["registered"] == 0
        assert world.fleet.at_end() == {"registered_at_end": 1, "away_by_link": 0, "never_by_link": 0}


def test_a_charge_point_is_away_from_before_the_cut_until_it_is_registered_again() -> None:
    with linked_world() as world:
        registered(world)
        world.advance_s(50)
        cut_ns, wire = world.clock(), world.wire()
        link_of(world).go_down(RESET)
        wire.end()
        world.advance_s(20)
        assert excused(world) == {"away_by_link": 1, "never_by_link": 0}
        assert world.fleet.gauges()["never_by_link"] == 0
        assert told(world)[1] == []
        link_of(world).come_up()
        assert world.fleet.at_end()["away_by_link"] == 1, "its own patience is not over"
        world.advance_s(5)
        registered(world)
        (absence,) = told(world)[1]
        epoch_ns = world.fleet.epoch_ns
        assert absence[1] == (cut_ns - 2 * NS_PER_S - epoch_ns) // NS_PER_US
        assert cut_ns + 20 * NS_PER_S < absence[2] * NS_PER_US + epoch_ns <= world.clock()
        assert excused(world) == {"away_by_link": 0, "never_by_link": 0}


@pytest.mark.parametrize("refusal", ["refused", "ended", "no connection", "silence"])
def test_who_is_not_let_in_again_is_excused_no_longer(refusal: str) -> None:
    with linked_world() as world:
        registered(world)
        wire = world.wire()
        link_of(world).go_down(RESET)
        wire.end()
        link_of(world).come_up()
        world.advance_s(5.1)
        match refusal:
            case "refused":
                wire = world.reach()
                wire.refuse(503, "busy")
                wire.end()
            case "ended":
                world.reach().end()
            case "no connection":
                world.fleet.dialled.clear()
                world.fleet.connections.failed(world.one, ConnectionRefusedError("Connection refused"))
            case "silence":
                wire = world.reach()
                world.advance_s(31)
                wire.end()
        assert excused(world) == {"away_by_link": 0, "never_by_link": 0}
        assert len(told(world)[1]) == 1


@pytest.mark.parametrize("boot", ["Rejected", "Pending", "error", "silence"])
def test_who_is_connected_and_not_accepted_is_excused_no_longer(boot: str) -> None:
    with linked_world() as world:
        registered(world)
        wire = world.wire()
        link_of(world).go_down(RESET)
        wire.end()
        link_of(world).come_up()
        world.one.standing = OFFLINE  # it is to boot again
        world.advance_s(5.1)
        world.open()
        match boot:
            case "error":
                world.answer_error()
            case "silence":
                assert excused(world) == {"away_by_link": 0, "never_by_link": 0}, "the run may end before"
                world.advance_s(31)
            case _:
                world.answer({"status": boot, "currentTime": "now", "interval": 60})
        assert excused(world) == {"away_by_link": 0, "never_by_link": 0}
        assert len(told(world)[1]) == 1


@pytest.mark.parametrize("ending", [RESET, HALF_OPEN])
def test_whose_link_is_down_from_the_beginning_has_not_been_turned_away(ending: Any) -> None:
    with linked_world(count=1) as world:
        world.fleet.dialled.clear()
        world.reach().end()
        link_of(world).go_down(ending)
        world.advance_s(100)
        assert excused(world) == {"away_by_link": 0, "never_by_link": 1}
        assert world.fleet.gauges()["never_by_link"] == 1, "the ramp does not wait for it"
        _, absences = world.fleet.link_cuts.report(final=True)
        assert [until for _, _, until in ABSENCE.iter_unpack(absences)] == [STILL_AWAY_US]


def test_a_handshake_that_the_link_cuts_off_is_no_fault_of_the_gateway() -> None:
    with linked_world() as world:
        wire = world.reach()
        link_of(world).go_down(RESET)
        wire.end()
        assert world.books.counters.connect_failed == 1
        assert world.fleet.connect_failures.report() == {"engine.connect_failures.no_network": 1}
        assert world.fleet.connect_failures.first == {}, "nothing is told of the gateway"


def test_an_attempt_that_a_silent_outage_has_delayed_is_not_held_against_the_gateway() -> None:
    with linked_world(call_timeout_s=10.0) as world:
        registered(world)
        wire = world.wire()
        link_of(world).go_down(HALF_OPEN)
        world.one.abort()
        world.advance_s(5.1)  # the attempt waits for the link
        world.advance_s(9)
        link_of(world).come_up()
        world.advance_s(2)
        assert world.books.counters.connect_timed_out == 1
        assert world.fleet.at_end()["away_by_link"] == 1
        wire.end()


def test_what_is_dropped_while_the_link_is_down_is_told_from_what_others_keep_from_being_sent() -> None:
    with linked_world() as world:
        registered(world)
        wire = world.wire()
        link_of(world).go_down(RESET)
        wire.end()
        for _ in range(3):
            world.one.offer(HEARTBEAT, world.clock(), b"{}")
        link_of(world).come_up()
        world.advance_s(5.1)
        wire = world.reach()
        wire.refuse(503, "busy")
        wire.end()
        world.one.offer(HEARTBEAT, world.clock(), b"{}")
        counters = world.books.counters
        assert (counters.dropped_offline, counters.dropped_by_link) == (4, 3)
        world.assert_balanced()


def test_a_refusal_is_a_refusal_however_long_the_link_has_delayed_the_attempt() -> None:
    with linked_world(call_timeout_s=10.0) as world:
        registered(world)
        link_of(world).go_down(HALF_OPEN)
        world.one.abort()
        world.advance_s(5.1)  # the attempt waits for the link
        link_of(world).come_up()
        wire = world.reach()
        wire.refuse(503, "busy")
        wire.end()
        assert excused(world) == {"away_by_link": 0, "never_by_link": 0}


def test_whom_a_fault_of_the_network_keeps_away_is_excused_until_it_is_over() -> None:
    with World(reconnect=fixed(1)) as world:
        registered(world)
        wire = world.wire()
        until_ns = world.clock() + 5 * NS_PER_S
        world.fleet.fault_cuts.cut_off(NetworkFault(seed=1, share=1.0, draw=99, regions=(), until_ns=until_ns))
        wire.end()
        world.advance_s(4)
        assert excused(world) == {"away_by_link": 1, "never_by_link": 0}
        assert told(world)[1] == []
        world.advance_s(2)
        wire = world.reach()
        wire.refuse(503, "busy")
        wire.end()
        assert excused(world) == {"away_by_link": 0, "never_by_link": 0}


def test_nothing_is_kept_of_charge_points_that_are_back() -> None:
    with linked_world() as world:
        for _ in range(3):
            registered(world)
            wire = world.wire()
            link_of(world).go_down(RESET)
            wire.end()
            link_of(world).come_up()
            world.advance_s(5.1)
        registered(world)
        world.fleet.link_cuts.report(final=False)
        cuts = world.fleet.link_cuts
        assert [len(kept) for kept in (cuts._doubtful, cuts._away, cuts._in_flight, cuts._absences)] == [0] * 4
