"""The transaction messages that wait: which has to go when there are too many."""

from __future__ import annotations

from loadtest.engine.operations import METER_VALUES, STOP_TRANSACTION, OperationCell
from loadtest.engine.outbox import LIMIT, Outbox
from loadtest.measure.recorder import Recorder

RECORDER = Recorder()
METER, STOP = (OperationCell(0, action, RECORDER) for action in (METER_VALUES, STOP_TRANSACTION))


def gone(outbox: Outbox, cell: OperationCell) -> OperationCell | None:
    """Add one more; the cell of what had to go for it."""
    entry = outbox.append((cell, LIMIT, b"", None))
    return None if entry is None else entry[0]


def full(cell: OperationCell) -> Outbox:
    outbox = Outbox()
    for number in range(LIMIT):
        assert outbox.append((cell, number, b"", None)) is None
    return outbox


def test_the_oldest_meter_values_go_first() -> None:
    outbox = full(METER)
    assert gone(outbox, STOP) is METER
    assert [entry[1] for entry in outbox.entries] == list(range(1, LIMIT + 1))


def test_a_message_being_retried_stays_for_its_attempts_are_its_own() -> None:
    outbox = full(METER)
    outbox.attempts = 2
    assert gone(outbox, STOP) is METER
    assert [entry[1] for entry in outbox.entries][:2] == [0, 2]


def test_without_meter_values_the_newest_goes() -> None:
    outbox = full(STOP)
    assert gone(outbox, STOP) is STOP
    assert outbox.entries[-1][1] == LIMIT - 1
