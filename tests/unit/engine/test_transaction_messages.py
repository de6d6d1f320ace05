"""What a charge point tells of the messages of its transactions: every sending, every fate, nothing twice."""

from __future__ import annotations

from typing import Any

import numpy as np
from virtual_fleet import World

from loadtest.engine import outbox
from loadtest.measure.transaction_records import (
    ANSWERED,
    CALL_ERROR,
    CROWDED_OUT,
    CUT_OFF,
    DTYPE,
    GAVE_UP,
    MESSAGES,
    NOT_SENT,
    RUN_ENDED,
    TIMED_OUT,
    UNFINISHED,
)


def told(world: World) -> list[Any]:
    """Place, fate and number of earlier sendings of each record since the last look."""
    records = np.frombuffer(world.fleet.transaction_book.take()[0], DTYPE)
    return [(row["place"].item(), row["fate"].item(), row["before"].item()) for row in records]


def test_a_transaction_that_goes_well_is_told_message_by_message() -> None:
    with World(meter_interval_s=10) as world:
        world.register()
        world.answer_all()
        world.charge(25)
        world.run_for(40)
        records, stopped = world.fleet.transaction_book.take()
        rows = np.frombuffer(records, DTYPE)
        assert rows["place"].tolist() == [0, 1, 2, 3]
        assert rows["message"].tolist() == [0, 1, 1, 2]
        assert set(rows["fate"].tolist()) == {ANSWERED}
        assert set(rows["transaction"].tolist()) == {1}
        sent = {call.stamp.sequence for call in world.sent if call.action in MESSAGES}
        assert set(rows["sequence"].tolist()) == sent
        assert np.frombuffer(stopped, "<u8").tolist() == [1]
        assert world.books.transactions_started == 1


def test_refused_unanswered_and_cut_sendings_are_told_and_what_becomes_of_the_message() -> None:
    with World(
        call_timeout_s=5,
        meter_interval_s=0,
        configuration={"TransactionMessageAttempts": "2", "TransactionMessageRetryInterval": "1"},
    ) as world:
        world.register()
        world.answer_all()
        world.charge(1e6)
        told(world)
        transaction = world.one.transactions[0]
        transaction.offer_meter_values(world.clock(), world.one.configuration.sampled, "Trigger")
        world.answer_error()
        assert told(world) == [(1, CALL_ERROR, 0)]
        world.advance_s(1.1)
        world.advance_s(6.1)
        assert told(world) == [(1, TIMED_OUT, 1), (1, GAVE_UP, 2)]
        transaction.offer_meter_values(world.clock(), world.one.configuration.sampled, "Trigger")
        world.wire().end()
        assert told(world) == [(2, CUT_OFF, 0)]
        world.fleet.retire()
        assert told(world) == [(2, RUN_ENDED, 1)]


def test_what_is_under_way_when_the_run_ends_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox, "LIMIT", 2)
    with World(meter_interval_s=0) as world:
        world.register()
        world.answer_all()
        world.charge(1e6)
        told(world)
        transaction = world.one.transactions[0]
        for _ in range(4):
            transaction.offer_meter_values(world.clock(), world.one.configuration.sampled, "Trigger")
        assert told(world) == [(2, CROWDED_OUT, 0)]
        world.fleet.retire()
        assert sorted(told(world)) == [(1, UNFINISHED, 0), (3, RUN_ENDED, 0), (4, RUN_ENDED, 0)]


def test_meter_values_of_no_transaction_are_not_told() -> None:
    with World() as world:
        world.register()
        world.one.meter_values_now(1, world.clock())
        world.answer_all()
        assert told(world) == []
        assert NOT_SENT > 1 << 24
