"""Connecting and losing connections: every attempt has one outcome, every loss is followed by another attempt."""

from __future__ import annotations

from array import array

import pytest
from virtual_fleet import World

from loadtest.engine.sending import CONNECTING, OFFLINE, RETIRED
from loadtest.scenario.reconnect import CappedDoubling


def assert_attempts_add_up(world: World) -> None:
    counters = world.books.counters
    under_way = sum(each.state == CONNECTING for each in world.charge_points)
    outcomes = counters.connects + counters.connect_refused + counters.connect_failed + counters.connect_timed_out
    assert counters.connect_attempts == outcomes + under_way


def test_a_refused_handshake_is_tried_again_and_the_first_reason_kept() -> None:
    with World(reconnect=CappedDoubling(minimum_s=1)) as world:
        wire = world.reach()
        wire.refuse(404, "unknown charge point")
        wire.end()
        assert world.books.counters.connect_refused == 1
        assert world.fleet.connect_failures.first == {
            "http_404": "cp-000000: handshake refused with 404 unknown charge point"
        }
        world.advance_s(2)
        assert world.one.state == CONNECTING
        assert_attempts_add_up(world)


def test_a_connection_cut_in_the_handshake_is_a_failed_attempt() -> None:
    with World() as world:
        world.reach().end(ConnectionResetError("reset"))
        assert world.books.counters.connect_failed == 1
        assert (
            "during the WebSocket handshake; a gateway out of"
            in world.fleet.connect_failures.first["ended_in_handshake"]
        )
        assert world.one.state == OFFLINE
        assert_attempts_add_up(world)


def test_a_handshake_that_takes_too_long_is_given_up_once() -> None:
    with World(call_timeout_s=5) as world:
        wire = world.reach()
        world.advance_s(4.9)
        assert world.one.state == CONNECTING
        world.advance_s(1.2)
        assert wire.ending
        wire.end()
        assert world.books.counters.connect_timed_out == 1
        assert world.books.counters.connect_failed == 0
        world.advance_s(2)
        assert world.one.state == CONNECTING
        assert world.books.counters.connect_attempts == 2
        assert_attempts_add_up(world)


def test_waits_grow_while_it_fails_and_begin_again_after_a_registration() -> None:
    with World(reconnect=CappedDoubling(minimum_s=1, maximum_s=8)) as world:

        def waited_s() -> float:
            lost_ns = world.clock()
            while world.one.state == OFFLINE:
                world.advance_s(0.01)
            return (world.clock() - lost_ns) / 1e9

        for expected_s in (1, 2, 4, 8, 8):
            world.reach().end()
            assert expected_s <= waited_s() <= 2 * expected_s + 0.02
        world.register()
        world.wire().end()
        assert waited_s() <= 2.02
        assert_attempts_add_up(world)


@pytest.mark.parametrize("stage", ["before TCP", "in the handshake", "open", "registered"])
def test_a_removed_charge_point_is_gone_whatever_it_was_doing(stage: str) -> None:
    """Also one whose handshake was under way: it would come alive, unknown to all, and be missing in the books."""
    with World() as world:
        wire = None
        if stage == "in the handshake":
            wire = world.reach()
        elif stage == "open":
            wire = world.open()
        elif stage == "registered":
            world.register(interval_s=10)
            wire = world.wire()
        world.fleet.cohorts.remove(0)
        sent = len(world.sent)
        if wire is not None and stage == "in the handshake":
            assert wire.ending
            wire.accept()
        if wire is not None:
            wire.end()
        world.advance_s(1000)
        assert world.one.state == RETIRED
        assert len(world.sent) == sent
        assert world.fleet.gauges()["charge_points"] == 0
        (counts,) = world.fleet.cohorts.sent()
        assert int.from_bytes(counts.counts, "little") == sent
        world.assert_balanced()


def test_a_cohort_added_during_the_run_connects_at_once() -> None:
    with World() as world:
        world.fleet.cohorts.add(5, 2, world.profile)
        world.advance_s(0.002)
        assert world.books.counters.connect_attempts == 3


def test_while_the_run_drains_nobody_connects_again() -> None:
    with World() as world:
        world.register()
        world.fleet.draining = True
        world.wire().end()
        world.advance_s(100)
        assert world.books.counters.connect_attempts == 1
        assert world.one.state == OFFLINE


def instants_ms(world: World) -> list[list[int]]:
    return [array("I", taken).tolist() for taken in world.fleet.comings.take()]


def test_the_instants_of_registrations_and_losses_are_known_once_each() -> None:
    with World(reconnect=CappedDoubling(minimum_s=1.0, maximum_s=30.0)) as world:
        start_ms = (world.clock() - world.fleet.epoch_ns) // 1_000_000
        world.register()
        registered, lost = instants_ms(world)
        assert (len(registered), lost) == (1, [])
        world.tell(b'[2,"c","TriggerMessage",{"requestedMessage":"BootNotification"}]')
        world.answer_all()  # accepted once more on the same connection, which is nobody's return
        world.advance_s(3)
        world.wire().end()
        world.advance_s(3)
        world.reach().end(ConnectionResetError("reset"))  # it was lost already
        registered, lost = instants_ms(world)
        assert registered == []
        assert len(lost) == 1
        assert start_ms + 3000 <= lost[0] <= start_ms + 3200
        world.fleet.retire()
        assert instants_ms(world) == [[], []]


def test_transaction_messages_that_wait_are_the_backlog() -> None:
    with World() as world:
        world.register()
        world.wire().end()
        assert world.fleet.gauges()["backlog"] == 0
        world.one.meter_values_now(1, world.clock())
        world.one.meter_values_now(2, world.clock())
        assert world.fleet.gauges()["backlog"] == 2
