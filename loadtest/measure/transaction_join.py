"""Joins what engines and subscribers say about the messages of transactions, while the run goes on.

A message that was sent once, answered, and arrived once and in order is forgotten as soon as both ends have told of
it. What is kept is bounded: the newest of what waits for its other half and of what has been joined (its second
arrival may still come) as objects, everything older, and everything remarkable, as packed records of 18 and 8 bytes.
"""

from __future__ import annotations

import itertools
from array import array
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from loadtest.measure.sequence import DUPLICATE, REORDERED
from loadtest.measure.transaction_records import (
    ANSWERED,
    CUT_OFF,
    DTYPE,
    FATE_BITS,
    LINK_CUT,
    NOT_SENT,
    RECORD,
    TIMED_OUT,
    sending_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.link_cuts import InFlight

KEPT = 100_000
"""Sendings kept as objects, of each kind."""

_KEY = (1 << FATE_BITS) - 1
_Value = TypeVar("_Value")


class TransactionJoin:
    """What is known of the sendings of all transaction messages.

    Attributes:
        started: Transactions begun, as of the last reports.
        sendings: Records taken of messages that were sent.
        unnamed_duplicates: Repeated arrivals of messages too old to be remembered.
    """

    def __init__(self) -> None:
        self.sendings = self.unnamed_duplicates = 0
        self._started: dict[str, int] = {}
        self._stopped = bytearray()
        self._waiting: dict[int, bytes] = {}
        self._early: dict[int, int] = {}
        self._joined: dict[int, bytes] = {}
        self._early_duplicates: dict[int, int] = {}
        # What is settled at the end.
        self._cold_sent = bytearray()
        self._cold_arrived = array("Q")
        self._arrived = bytearray()
        self._fates = bytearray()
        self._duplicated = bytearray()
        self._reordered = bytearray()

    def take(self, source: str, report: IntervalReport) -> None:
        """Take a report.

        Raises:
            ValueError: Something in it is no whole number of records.
        """
        if report.transactions_started:
            self._started[source] = report.transactions_started
        if len(report.transactions_stopped) % 8 or len(report.transaction_sendings) % RECORD.size:
            raise ValueError("transactions are no whole number of records")
        self._stopped += report.transactions_stopped
        self._add_sendings(report.transaction_sendings)
        arrivals = array("Q")
        arrivals.frombytes(report.transaction_arrivals)
        for arrival in arrivals:
            self._add_arrival(arrival & _KEY, arrival >> FATE_BITS)

    @property
    def started(self) -> int:
        """Transactions begun."""
        return sum(self._started.values())

    @property
    def cut_off_in_vain(self) -> int:
        """Sendings that others cut off with their connection, and that have not arrived."""
        waiting = np.frombuffer(b"".join([self._cold_sent, *self._waiting.values()]), DTYPE)
        return int(np.count_nonzero(waiting["fate"] == CUT_OFF))

    def stopped(self) -> NDArray[np.uint64]:
        """Transactions that are over: charge point above 32 bits of its own count."""
        return np.frombuffer(bytes(self._stopped), "<u8")

    def close(self, in_flight: Iterable[InFlight] = ()) -> Settled:
        """Everything remarkable. To be called once, when every report is in.

        Args:
            in_flight: Messages that may have been lost with their charge points' links; of others that did not arrive,
                a link cut later is no excuse.
        """
        self._cold_sent += b"".join(self._waiting.values())
        self._cold_arrived.extend(self._early)
        self._waiting.clear()
        reordered_early = [key for key, fate in self._early.items() if fate == REORDERED]
        sent = np.frombuffer(bytes(self._cold_sent), DTYPE)
        keys = sent["charge_point"].astype(np.uint64) << np.uint64(24) | sent["sequence"].astype(np.uint64)
        arrived = np.frombuffer(self._cold_arrived.tobytes(), np.uint64) & np.uint64(_KEY)
        found = np.isin(keys, arrived)
        twice = [
            record.tobytes()
            for record in sent[np.isin(keys, np.array(list(self._early_duplicates), np.uint64))]
            for _ in range(self._early_duplicates[sending_key(int(record["charge_point"]), int(record["sequence"]))])
        ]
        self.unnamed_duplicates += sum(self._early_duplicates.values()) - len(twice)
        in_vain = sent[~found]
        doubtful = np.array([sending_key(each.charge_point, each.sequence) for each in in_flight], np.uint64)
        in_vain["fate"][in_vain["fate"] == LINK_CUT] = TIMED_OUT
        in_vain["fate"][np.isin(keys[~found], doubtful)] = LINK_CUT
        reordered = sent[np.isin(keys, np.array(reordered_early, np.uint64))]
        return Settled(
            sent_and_arrived=np.concatenate([np.frombuffer(bytes(self._arrived), DTYPE), sent[found]]),
            sent_in_vain=in_vain,
            fates=np.frombuffer(bytes(self._fates), DTYPE),
            duplicated=np.frombuffer(bytes(self._duplicated) + b"".join(twice), DTYPE),
            reordered=np.concatenate([np.frombuffer(bytes(self._reordered), DTYPE), reordered]),
            unexplained=int(np.count_nonzero(~np.isin(np.unique(arrived), keys))),
        )

    # Inside -----------------------------------------------------------------------------------------------------

    def _add_sendings(self, records: bytes) -> None:
        size = RECORD.size
        for start in range(0, len(records), size):
            record = records[start : start + size]
            charge_point, sequence, *_ = RECORD.unpack(record)
            if sequence == NOT_SENT:
                self._fates += record
                continue
            self.sendings += 1
            key = sending_key(charge_point, sequence)
            judged = self._early.pop(key, None)
            if judged is None:
                self._waiting[key] = record
            else:
                self._join(key, record, judged)
        for _, cold in _beyond(self._waiting):
            self._cold_sent += cold

    def _add_arrival(self, key: int, judged: int) -> None:
        if judged == DUPLICATE or key in self._joined:  # the latter when two subscribers heard it
            self._repeat(key)
            return
        record = self._waiting.pop(key, None)
        if record is not None:
            self._join(key, record, judged)
            return
        self._early[key] = judged
        for cold, _ in _beyond(self._early):
            self._cold_arrived.append(cold)

    def _repeat(self, key: int) -> None:
        record = self._joined.get(key)
        if record is not None:
            self._duplicated += record
        elif key in self._early:
            self._early_duplicates[key] = self._early_duplicates.get(key, 0) + 1
        else:
            self.unnamed_duplicates += 1

    def _join(self, key: int, record: bytes, judged: int) -> None:
        self._joined[key] = record
        for _ in _beyond(self._joined):
            pass
        if judged == REORDERED:
            self._reordered += record
        repeated = self._early_duplicates.pop(key, 0) if self._early_duplicates else 0
        self._duplicated += record * repeated
        *_, fate, _phase, before = RECORD.unpack(record)
        if fate != ANSWERED or before:
            self._arrived += record


class Settled:
    """The remarkable sendings of a run, as arrays of :data:`loadtest.measure.transaction_records.DTYPE`.

    Attributes:
        sent_and_arrived: Those that arrived, though not answered or not the first of their message.
        sent_in_vain: Those that never arrived.
        fates: Messages that were not sent, or not again.
        duplicated: One for each further arrival.
        reordered: Those that arrived after a later one of the same charge point.
        unexplained: Arrivals no engine has told of.
    """

    def __init__(
        self,
        *,
        sent_and_arrived: NDArray[np.void],
        sent_in_vain: NDArray[np.void],
        fates: NDArray[np.void],
        duplicated: NDArray[np.void],
        reordered: NDArray[np.void],
        unexplained: int,
    ) -> None:
        self.sent_and_arrived = sent_and_arrived
        self.sent_in_vain = sent_in_vain
        self.fates = fates
        self.duplicated = duplicated
        self.reordered = reordered
        self.unexplained = unexplained


def _beyond(kept: dict[int, _Value]) -> list[tuple[int, _Value]]:
    """Take out the oldest, an eighth at a time, once there are more than :data:`KEPT`."""
    if len(kept) <= KEPT:
        return []
    return [(key, kept.pop(key)) for key in list(itertools.islice(kept, KEPT // 8))]
