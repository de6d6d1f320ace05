"""Joins what engines and subscribers say about the messages of transactions, while the run goes on.

A message that was sent once, answered, and arrived once and in order is forgotten as soon as both ends have told of
it. What is kept is bounded: the newest of what waits for its other half and of what has been joined (its second
arrival may still come) as objects, everything older, and everything remarkable, as packed records of 18 and 8 bytes.
"""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from loadtest.measure.sequence import DUPLICATE, REORDERED
from loadtest.measure.settled_transactions import SettledTransactions
from loadtest.measure.transaction_records import (
    ANSWERED,
    CUT_OFF,
    DTYPE,
    FATE_BITS,
    LINK_CUT,
    NOT_SENT,
    RECORD,
    SEQUENCE_BITS,
    TIMED_OUT,
    sending_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """

    def __init__(self) -> None:
        self.sendings = 0
        self._started: dict[str, dict[str, int]] = {}
        self._unnamed_duplicates: Counter[int] = Counter()
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
            by_class = {name: each.transactions_started for name, each in report.classes.items()}
            self._started[source] = {"": report.transactions_started} | by_class
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
        return self.started_of("")

    def started_of(self, fleet_class: str) -> int:
        """Of one class; with an empty name, of all."""
        return sum(started.get(fleet_class, 0) for started in self._started.values())

    @property
    def cut_off_in_vain(self) -> int:
        """Sendings that others cut off with their connection, and that have not arrived."""
        waiting = np.frombuffer(b"".join([self._cold_sent, *self._waiting.values()]), DTYPE)
        return int(np.count_nonzero(waiting["fate"] == CUT_OFF))

    def close(self, in_flight: Iterable[InFlight] = (), *, observed: bool = True) -> SettledTransactions:
        """Everything remarkable. To be called once, when every report is in.

        Args:
            in_flight: Messages that may have been lost with their charge points' links; of others that did not arrive,
                a link cut later is no excuse.
            observed: Whether subscribers took part and have told everything; else nothing can be said about arrivals.
        """
        stopped = np.frombuffer(bytes(self._stopped), "<u8")
        if not observed:
            return SettledTransactions(started=self.started, stopped=stopped)
        self._cold_sent += b"".join(self._waiting.values())
        self._cold_arrived.extend(self._early)
        self._waiting.clear()
        reordered_early = [key for key, fate in self._early.items() if fate == REORDERED]
        sent = np.frombuffer(bytes(self._cold_sent), DTYPE)
        keys = sent["charge_point"].astype(np.uint64) << np.uint64(24) | sent["sequence"].astype(np.uint64)
        arrived = np.frombuffer(self._cold_arrived.tobytes(), np.uint64) & np.uint64(_KEY)
        found = np.isin(keys, arrived)
        known = np.isin(keys, np.array(list(self._early_duplicates), np.uint64))
        twice = [
            record.tobytes()
            for record, key in zip(sent[known], keys[known].tolist(), strict=True)
            for _ in range(self._early_duplicates.pop(key, 0))
        ]
        for key, count in self._early_duplicates.items():
            self._unnamed_duplicates[key >> SEQUENCE_BITS] += count
        in_vain = sent[~found]
        doubtful = np.array([sending_key(each.charge_point, each.sequence) for each in in_flight], np.uint64)
        in_vain["fate"][in_vain["fate"] == LINK_CUT] = TIMED_OUT
        in_vain["fate"][np.isin(keys[~found], doubtful)] = LINK_CUT
        reordered = sent[np.isin(keys, np.array(reordered_early, np.uint64))]
        return SettledTransactions(
            started=self.started,
            stopped=stopped,
            observed=True,
            sent_and_arrived=np.concatenate([np.frombuffer(bytes(self._arrived), DTYPE), sent[found]]),
            sent_in_vain=in_vain,
            fates=np.frombuffer(bytes(self._fates), DTYPE),
            duplicated=np.frombuffer(bytes(self._duplicated) + b"".join(twice), DTYPE),
            reordered=np.concatenate([np.frombuffer(bytes(self._reordered), DTYPE), reordered]),
            unnamed_duplicates=self._unnamed_duplicates,
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
            self._unnamed_duplicates[key >> SEQUENCE_BITS] += 1

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


def _beyond(kept: dict[int, _Value]) -> list[tuple[int, _Value]]:
    """Take out the oldest, an eighth at a time, once there are more than :data:`KEPT`."""
    if len(kept) <= KEPT:
        return []
    return [(key, kept.pop(key)) for key in list(itertools.islice(kept, KEPT // 8))]
