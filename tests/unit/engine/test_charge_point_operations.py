"""Operations: one outstanding CALL, an ordered and bounded queue, and exactly one fate for each."""

from __future__ import annotations

import pytest
from virtual_fleet import World

from loadtest.engine import payloads
from loadtest.engine.operations import (
    BOOT_NOTIFICATION,
    HEARTBEAT,
    METER_VALUES,
    STATUS_NOTIFICATION,
    STOP_TRANSACTION,
)
from loadtest.engine.sending import QUEUE_LIMIT
from loadtest.protocol.phases import DRAIN, STEADY
from loadtest.units import NS_PER_S

TIMESTAMP = b"2026-01-01T00:00:00.000Z"
METER = payloads.meter_values(1, 5, b'{"timestamp":"%b","sampledValue":[{"value":"10"}]}' % TIMESTAMP)


def offer_beats(world: World, count: int) -> None:
    for _ in range(count):
        world.one.offer(HEARTBEAT, world.clock(), payloads.HEARTBEAT)


def test_what_is_due_behind_an_outstanding_call_waits_and_counts_from_when_it_was_due() -> None:
    with World() as world:
        world.register()
        for _ in range(3):
            offer_beats(world, 1)
            world.advance_s(0.1)
        assert world.row("Heartbeat").sent == 1
        world.advance_s(0.7)
        for _ in range(3):
            world.answer({})
        intended, service = (world.samples_of(f"ramp.round_trip.Heartbeat.{kind}") for kind in ("intended", "service"))
        assert (intended.max_us, service.max_us) == (1_000_000, 1_000_000)
        assert (intended.min_us, service.min_us, service.non_positive) == (800_000, 0, 2)
        world.assert_balanced()


def test_the_queue_keeps_the_order_in_which_things_were_due() -> None:
    with World() as world:
        world.register()
        world.new()
        offer_beats(world, 1)
        world.one.offer(METER_VALUES, world.clock(), METER)
        world.one.offer(STATUS_NOTIFICATION, world.clock(), payloads.status_notification(1, b"Charging", TIMESTAMP))
        offer_beats(world, 1)
        world.answer_all()
        assert world.new() == ["Heartbeat", "MeterValues", "StatusNotification", "Heartbeat"]


def test_the_queue_has_a_limit_and_what_is_beyond_is_dropped_and_counted() -> None:
    with World() as world:
        world.register()
        offer_beats(world, 1 + QUEUE_LIMIT + 7)
        assert world.books.counters.dropped_queue_full == 7
        assert world.row("Heartbeat").dropped == 7
        world.answer_all()
        assert world.row("Heartbeat").answered == 1 + QUEUE_LIMIT
        world.assert_balanced()


def test_a_call_without_an_answer_times_out_with_the_time_it_was_waited_for_and_the_next_follows() -> None:
    with World(call_timeout_s=5) as world:
        world.register()
        offer_beats(world, 2)
        world.advance_s(4.9)
        assert world.row("Heartbeat").timed_out == 0
        world.advance_s(1.2)
        row = world.row("Heartbeat")
        assert (row.sent, row.timed_out) == (2, 1)
        waited = world.samples_of("ramp.round_trip.Heartbeat.service")
        assert 5_000_000 <= waited.max_us <= 6_100_000
        world.assert_balanced()


def test_a_call_error_is_an_answer_of_its_own_kind() -> None:
    with World() as world:
        world.register()
        offer_beats(world, 2)
        world.advance_s(0.05)
        world.answer_error()
        row = world.row("Heartbeat")
        assert (row.sent, row.call_error, row.answered) == (2, 1, 0)
        world.assert_balanced()


def test_late_and_second_answers_are_counted_and_change_nothing() -> None:
    with World(call_timeout_s=5) as world:
        world.register()
        offer_beats(world, 1)
        late = world.sent[-1]
        world.advance_s(7)
        world.answered_by()
        world.tell(b'[3,"%b",{}]' % late.message_id.encode())
        assert world.books.counters.late_or_duplicate_answers == 1
        offer_beats(world, 1)
        again = world.answer({})
        world.tell(b'[3,"%b",{}]' % again.message_id.encode())
        assert world.books.counters.late_or_duplicate_answers == 2
        row = world.row("Heartbeat")
        assert (row.answered, row.timed_out) == (1, 1)
        world.assert_balanced()


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        (b'[3,"no-such-id",{}]', "unknown_answers"),
        (b'[4,"no-such-id","InternalError","",{}]', "unknown_answers"),
        (b'[3,"","x"]', "unknown_answers"),
        ('[3,"é",{}]'.encode(), "unknown_answers"),
        (b"not json", "malformed"),
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b'{"a":1}', "malformed"),
        (b'[5,"x",{}]', "malformed"),
        (b"[" * 50_000, "malformed"),
    ],
)
def test_garbage_is_counted_and_survived(text: bytes, counter: str) -> None:
    with World() as world:
        world.register()
        offer_beats(world, 1)
        world.tell(text)
        assert getattr(world.books.counters, counter) == 1
        assert world.row("Heartbeat").answered == 0
        world.answer({})
        assert world.row("Heartbeat").answered == 1
        world.assert_balanced()


def test_an_answer_for_another_charge_point_is_none_of_ours() -> None:
    with World(count=2) as world:
        for each in world.charge_points:
            world.open(each)
        world.tell(b'[3,"%b",{}]' % world.sent[0].message_id.encode(), world.charge_points[1])
        assert world.books.counters.unknown_answers == 1


@pytest.mark.parametrize("ending", [b"", b"}", b'{"a"', b"]"])
def test_a_broken_answer_with_the_right_id_is_garbage_not_an_answer(ending: bytes) -> None:
    with World() as world:
        world.register()
        offer_beats(world, 1)
        world.tell(b'[3,"%b",' % world.sent[-1].message_id.encode() + ending)
        assert world.books.counters.malformed == 1
        assert world.row("Heartbeat").answered == 0


@pytest.mark.parametrize("blank", [b"", b" ", b"\n"])
def test_messages_in_one_text_are_all_taken(blank: bytes) -> None:
    """EMQX writes messages that leave together into one text; the answer may be anywhere in it."""
    with World() as world:
        world.register()
        call = b'[2,"q","GetLocalListVersion",{}]'
        for order in (0, 1):
            offer_beats(world, 1)
            answer = b'[3,"%b",{"currentTime":"now"}]' % world.answered_by().message_id.encode()
            world.tell(blank.join((answer, call) if order else (call, answer)))
        assert world.row("Heartbeat").answered == 2
        assert [reply.message_id for reply in world.replies] == ["q", "q"]
        assert world.books.counters.calls_answered == 2
        world.assert_balanced()


def test_a_lost_connection_cuts_off_what_was_outstanding_and_drops_what_needs_a_connection() -> None:
    with World() as world:
        world.register()
        offer_beats(world, 3)
        world.one.offer(METER_VALUES, world.clock(), METER)
        world.wire().end(ConnectionResetError())
        row = world.row("Heartbeat")
        assert (row.sent, row.cut_off, row.dropped) == (1, 1, 2)
        assert world.row("MeterValues").dropped == 0
        assert world.books.counters.disconnects == 1
        assert world.books.counters.dropped_offline == 2
        world.assert_balanced()


def test_offline_only_transaction_messages_are_kept_and_they_go_first_and_in_order_after_reconnection() -> None:
    with World(boot_on_reconnect=True) as world:
        world.register()
        world.wire().end()
        world.new()
        offer_beats(world, 2)
        world.one.offer(METER_VALUES, world.clock(), METER)
        world.one.offer(STOP_TRANSACTION, world.clock(), payloads.stop_transaction(5, b"T", 9, TIMESTAMP, b"Local"))
        assert world.row("Heartbeat").dropped == 2
        world.advance_s(3)
        world.open()
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 300})
        world.answer_all()
        assert world.new() == [
            "BootNotification",
            "MeterValues",
            "StopTransaction",
            "StatusNotification",
            "StatusNotification",
        ]
        world.assert_balanced()


def test_without_a_boot_only_they_and_what_has_changed_is_sent() -> None:
    with World(boot_on_reconnect=False) as world:
        world.register()
        world.wire().end()
        world.new()
        world.one.offer(METER_VALUES, world.clock(), METER)
        world.advance_s(3)
        world.open()
        world.answer_all()
        assert world.new() == ["MeterValues"]


def test_not_even_kept_messages_are_sent_before_accepted() -> None:
    with World() as world:
        world.register()
        world.wire().end()
        world.one.offer(METER_VALUES, world.clock(), METER)
        world.new()
        world.advance_s(3)
        world.open()
        world.answer({"status": "Pending", "currentTime": "now", "interval": 500})
        world.advance_s(499)
        assert world.new() == ["BootNotification"]
        world.assert_balanced()


def test_on_a_connection_that_closes_a_transaction_message_is_kept_and_others_are_dropped() -> None:
    """The gateway has sent its Close frame and TCP is still there: the message is not lost for that."""
    with World() as world:
        world.register()
        wire = world.wire()
        wire.gateway.send_close(1001)
        wire.flush()
        world.new()
        offer_beats(world, 1)
        world.one.offer(METER_VALUES, world.clock(), METER)
        offer_beats(world, 1)
        world.one.offer(STOP_TRANSACTION, world.clock(), payloads.stop_transaction(5, b"T", 9, TIMESTAMP, b"Local"))
        wire.end()
        assert world.row("Heartbeat").dropped == 2
        world.advance_s(3)
        world.open()
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 300})
        world.answer_all()
        assert world.new()[:3] == ["BootNotification", "MeterValues", "StopTransaction"]
        world.assert_balanced()


def test_an_operation_belongs_to_the_phase_it_was_due_in() -> None:
    with World() as world:
        world.register()
        world.fleet.enter_phase(STEADY, world.clock() + NS_PER_S)  # announced ahead, as the master does
        offer_beats(world, 1)
        world.answer({})
        world.advance_s(1.5)
        world.one.offer(HEARTBEAT, world.clock() - NS_PER_S, payloads.HEARTBEAT)  # was due before, released late
        world.answer({})
        offer_beats(world, 1)
        world.answer({})
        rows = {(row.phase, row.action): row.answered for row in world.books.operations.rows()}
        assert (rows["ramp", "Heartbeat"], rows["steady", "Heartbeat"]) == (2, 1)
        assert world.sent[-1].stamp.phase == 2
        world.assert_balanced()


def test_draining_offers_nothing_new_finishes_what_waits_and_closes() -> None:
    with World(transaction_gap_s=5.0) as world:
        world.register(interval_s=5)
        offer_beats(world, 3)
        offered = world.row().offered
        assert [each.idle for each in world.charge_points] == [False]
        world.fleet.enter_phase(DRAIN, world.clock())
        world.fleet.draining = True
        world.advance_s(4)
        assert world.row().offered == offered
        world.answer_all()
        assert world.fleet.idle
        wire = world.wire()
        world.fleet.retire()
        world.advance_s(100)
        closing = wire.gateway.close_rcvd
        assert closing is not None
        assert closing.code == 1000
        assert world.row().answered == world.row().sent == offered
        world.assert_balanced()


def test_what_the_drain_could_not_finish_is_unfinished_or_dropped() -> None:
    with World() as world:
        world.register()
        offer_beats(world, 3)
        world.fleet.draining = True
        wire = world.wire()
        world.fleet.retire()
        wire.end()
        row = world.row("Heartbeat")
        assert (row.offered, row.sent, row.unfinished, row.dropped) == (3, 1, 1, 2)
        assert world.books.counters.dropped_at_end == 2
        assert world.books.counters.disconnects == 0, "a close of ours is no disturbance"
        world.assert_balanced()


def test_a_boot_while_draining_is_not_offered() -> None:
    with World() as world:
        world.fleet.draining = True
        world.open()
        assert world.new() == []
        assert world.books.operations.cell(BOOT_NOTIFICATION, world.clock()).offered == 0
