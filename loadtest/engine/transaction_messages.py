"""The messages of transactions, followed from the charge point's end: every sending and every fate, in compact form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.operations import METER_VALUES
from loadtest.measure.transaction_records import (
    ANSWERED,
    GAVE_UP,
    MESSAGES,
    MOST_PLACES,
    MOST_SENDINGS,
    NOT_SENT,
    RECORD,
    RUN_ENDED,
)
from loadtest.protocol.actions import FROM_CHARGE_POINT

if TYPE_CHECKING:
    from loadtest.engine.transaction import Transaction

_POSITIONS = {FROM_CHARGE_POINT.index(name): position for position, name in enumerate(MESSAGES)}


class TransactionBook:
    """What became of the messages of all transactions of a process, until it is reported.

    Attributes:
        stopped: Transactions whose StopTransaction was due.
    """

    __slots__ = ("_records", "_stopped", "stopped")

    def __init__(self) -> None:
        self.stopped = 0
        self._records = bytearray()
        self._stopped = bytearray()

    def stop(self, charge_point: int, transaction: int) -> None:
        """A transaction is over."""
        self.stopped += 1
        self._stopped += (charge_point << 32 | transaction).to_bytes(8, "little")

    def book(self, message: TransactionMessage, sequence: int, fate: int) -> None:
        """A sending, or the message, has met its fate."""
        self._records += RECORD.pack(
            message.transaction.charge_point.number,
            sequence,
            message.transaction.ordinal,
            message.place,
            _POSITIONS[message.action],
            fate,
            message.phase,
            min(message.before, MOST_SENDINGS),
        )

    def take(self) -> tuple[bytes, bytes]:
        """The records and the transactions that are over since the last call."""
        taken = bytes(self._records), bytes(self._stopped)
        self._records.clear()
        self._stopped.clear()
        return taken


class TransactionMessage:
    """One message of a transaction; waits for its answer on behalf of the transaction.

    Args:
        transaction: Whose.
        action: Position in ``FROM_CHARGE_POINT``.
        due_ns: When it is due, which decides its phase.

    Attributes:
        place: Its number in the transaction, from 0.
        before: Sendings that were not answered.
    """

    __slots__ = ("action", "before", "phase", "place", "transaction")

    def __init__(self, transaction: Transaction, action: int, due_ns: int) -> None:
        self.transaction = transaction
        self.action = action
        self.place = transaction.messages
        self.phase = transaction.charge_point.fleet.phases.at(due_ns)
        self.before = 0
        transaction.messages = min(self.place + 1, MOST_PLACES)

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        """It was answered."""
        self._book_sending(ANSWERED)
        if action != METER_VALUES:
            self.transaction.on_result(action, payload, now_ns)

    def on_failure(self, action: int, now_ns: int) -> None:
        """It will not be sent again."""
        fleet = self.transaction.charge_point.fleet
        fleet.transaction_book.book(self, NOT_SENT, RUN_ENDED if fleet.draining else GAVE_UP)
        if action != METER_VALUES:
            self.transaction.on_failure(action, now_ns)

    def not_answered(self, fate: int) -> None:
        """The sending under way has ended without an answer; it may be sent again."""
        self._book_sending(fate)
        self.before += 1

    def dropped(self, fate: int) -> None:
        """It waits no longer to be sent."""
        self.transaction.charge_point.fleet.transaction_book.book(self, NOT_SENT, fate)

    def _book_sending(self, fate: int) -> None:
        charge_point = self.transaction.charge_point
        charge_point.fleet.transaction_book.book(self, charge_point.sequence - 1, fate)
