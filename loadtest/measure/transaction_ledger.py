"""The ledger of transactions: did every message of each arrive exactly once and in order, and if not, why.

A message is *lost* when none of its sendings arrived, *duplicated* for each arrival beyond the first, *reordered* when
it arrived after a later one of its charge point, *late* when only a repeated sending arrived, *pending* when its charge
point still meant to send it, for the first time or again, as the run ended. Sendings that did not arrive are counted
beside: the message may have come with the next.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from loadtest.measure.run_totals import TransactionTotals
from loadtest.measure.transaction_records import (
    CROWDED_OUT,
    CUT_OFF,
    GAVE_UP,
    LINK_CUT,
    MESSAGES,
    RUN_ENDED,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from loadtest.measure.settled_transactions import SettledTransactions

NAMED = 1_000
"""Flawed messages that are listed."""

LOST, DUPLICATED, REORDERED, LATE, PENDING = "lost", "duplicated", "reordered", "late", "pending"
CUT_DELIVERED, CUT_LOST, SENDING_LOST = "sending cut off, delivered", "sending cut off, lost", "sending lost"

ON_THE_WAY = "lost on the way"
LINK_WAS_CUT = "link cut in flight"
CONNECTION_LOST = "connection lost in flight"
CHARGE_POINT_GAVE_UP = "charge point gave up"
QUEUE_FULL = "charge point's queue full"
RUN_OVER = "run ended"
REPEATED_ON_THE_WAY = "repeated on the way"
SENT_AGAIN = "sent again by the charge point"
OVERTAKEN = "overtaken on the way"

_CUT = {LINK_CUT: LINK_WAS_CUT, CUT_OFF: CONNECTION_LOST}
"""Fates of sendings that ended with their connection: taken by the charge point's own link, or by others."""


class TransactionRow(msgspec.Struct):
    """How many messages of one kind and phase have had something happen to them, by its cause."""

    phase: str
    message: str
    what: str
    cause: str
    count: int


class FlawedMessage(msgspec.Struct):
    """One message with a flaw.

    ``transaction`` is the charge point's own count, from 1; ``place`` that of the message in it, from 0.
    """

    charge_point: int
    transaction: int
    place: int
    message: str
    phase: str
    what: str
    cause: str


class TransactionLedger(TransactionTotals, kw_only=True):
    """What became of the transactions of a run.

    Attributes:
        started: Transactions begun.
        stopped: Of them, those that have ended.
        complete: Of those, all whose messages arrived exactly once and in order.
        flawed: Transactions of which a message was lost, duplicated or reordered.
        lost: Messages of which no sending arrived, and none is to come.
        duplicated: Arrivals beyond the first of a message; those of messages no longer remembered included.
        reordered: Messages that arrived after a later one of their charge point.
        late: Messages of which the first sending did not arrive, but another did.
        pending: Messages charge points still had to send when the run ended; nobody has lost them.
        rows: The same by phase, message and cause, and the sendings that were cut off or lost beside.
        flaws: The first messages with a flaw, at most :data:`NAMED`.
        unexplained: Arrivals no engine has told of.
        energy_checked: Messages whose energy registers the subscriber looked at, of a share of the charge points;
            ``None`` of a class: they are counted of the whole fleet only.
        energy_backwards: Of them, those that showed less than one before; ``None`` of a class.
    """

    rows: list[TransactionRow] = msgspec.field(default_factory=list)
    flaws: list[FlawedMessage] = msgspec.field(default_factory=list)
    unexplained: int = 0


class _Case(NamedTuple):
    """Records to which the same has happened, and each of them how often."""

    records: NDArray[np.void]
    what: str
    cause: str
    counts: NDArray[np.int64]


def settle_transactions(
    settled: SettledTransactions, phases: Sequence[str], *, hop: str = ON_THE_WAY
) -> TransactionLedger:
    """Close the ledger.

    Args:
        settled: What both ends have told.
        phases: Names of the numbers in records.
        hop: Where messages were lost that no charge point and no link lost.
    """
    stopped = settled.stopped
    ledger = TransactionLedger(started=settled.started, stopped=len(stopped))
    if not settled.observed:
        return ledger
    ledger.unexplained = settled.unexplained
    messages = _Messages(settled.sent_and_arrived, settled.sent_in_vain, settled.fates)
    flaws = [
        *messages.lost(hop),
        _case(settled.duplicated, DUPLICATED, REPEATED_ON_THE_WAY),
        *messages.sent_again(),
        _case(settled.reordered, REORDERED, OVERTAKEN),
    ]
    late = list(messages.late())
    pending = messages.pending()
    arrived, in_vain = settled.sent_and_arrived, settled.sent_in_vain
    beside = [
        case
        for fate, cause in _CUT.items()
        for case in (
            _case(arrived[arrived["fate"] == fate], CUT_DELIVERED, cause),
            _case(in_vain[in_vain["fate"] == fate], CUT_LOST, cause),
        )
    ]
    beside.append(_case(in_vain[~np.isin(in_vain["fate"], list(_CUT))], SENDING_LOST, hop))
    ledger.rows = [row for case in (*flaws, *late, pending, *beside) for row in _rows(case, phases)]
    for what in (LOST, DUPLICATED, REORDERED, LATE, PENDING):
        setattr(ledger, what, sum(row.count for row in ledger.rows if row.what == what))
    ledger.duplicated += sum(settled.unnamed_duplicates.values())
    ledger.flaws = [flaw for case in flaws for flaw in _named(case, phases)][:NAMED]
    flawed = np.unique(np.concatenate([_transactions(case.records) for case in flaws]))
    ledger.flawed = len(flawed)
    incomplete = np.concatenate([flawed, _transactions(pending.records)])
    ledger.complete = len(stopped) - int(np.count_nonzero(np.isin(stopped, incomplete)))
    return ledger


class _Messages:
    """Messages with something remarkable about them, each with all that is known of its sendings."""

    def __init__(self, arrived: NDArray[np.void], in_vain: NDArray[np.void], fates: NDArray[np.void]) -> None:
        records = np.concatenate([arrived, in_vain, fates])
        came = np.concatenate([np.ones(len(arrived), np.int64), np.zeros(len(in_vain) + len(fates), np.int64)])
        # By message; within it in the order of sending, its own fate last.
        order = np.lexsort((records["sequence"], records["place"], records["transaction"], records["charge_point"]))
        self._records, self._came = records[order], came[order]
        same = np.ones(len(records), bool)
        for field in ("charge_point", "transaction", "place"):
            same[1:] &= self._records[field][1:] == self._records[field][:-1]
        self._first = np.flatnonzero(~same | (np.arange(len(records)) == 0))
        self._last = np.append(self._first[1:], len(records)) - 1
        if not len(records):
            self._last = self._first
        self._arrivals = np.add.reduceat(self._came, self._first) if len(records) else came

    def lost(self, hop: str) -> Iterator[_Case]:
        """Those of which nothing arrived, nor will, by cause."""
        last = self._records[self._last[self._arrivals == 0]]
        last = last[last["fate"] != RUN_ENDED]
        causes = {GAVE_UP: CHARGE_POINT_GAVE_UP, CROWDED_OUT: QUEUE_FULL} | _CUT
        for fate, cause in causes.items():
            yield _case(last[last["fate"] == fate], LOST, cause)
        yield _case(last[~np.isin(last["fate"], list(causes))], LOST, hop)

    def pending(self) -> _Case:
        """Those of which nothing had arrived when the run ended before they could be sent, or sent again."""
        last = self._records[self._last[self._arrivals == 0]]
        return _case(last[last["fate"] == RUN_ENDED], PENDING, RUN_OVER)

    def sent_again(self) -> Iterator[_Case]:
        """Those of which several sendings arrived; the first had been cut off with its connection, or not."""
        several = self._arrivals > 1
        records, counts = self._records[self._first[several]], self._arrivals[several] - 1
        for fate, cause in _CUT.items():
            cut = records["fate"] == fate
            yield _Case(records[cut], DUPLICATED, cause, counts[cut])
        others = ~np.isin(records["fate"], list(_CUT))
        yield _Case(records[others], DUPLICATED, SENT_AGAIN, counts[others])

    def late(self) -> Iterator[_Case]:
        """Those of which another than the first sending arrived."""
        late = self._records[self._first[(self._arrivals > 0) & (self._came[self._first] == 0)]]
        for fate, cause in _CUT.items():
            yield _case(late[late["fate"] == fate], LATE, cause)
        yield _case(late[~np.isin(late["fate"], list(_CUT))], LATE, SENT_AGAIN)


def _case(records: NDArray[np.void], what: str, cause: str) -> _Case:
    return _Case(records, what, cause, np.ones(len(records), np.int64))


def _transactions(records: NDArray[np.void]) -> NDArray[np.uint64]:
    return records["charge_point"].astype(np.uint64) << np.uint64(32) | records["transaction"].astype(np.uint64)


def _rows(case: _Case, phases: Sequence[str]) -> list[TransactionRow]:
    counts: Counter[tuple[int, int]] = Counter()
    kinds = case.records["phase"].astype(np.int64) << 8 | case.records["message"]
    for kind in np.unique(kinds).tolist():
        counts[kind >> 8, kind & 0xFF] = int(case.counts[kinds == kind].sum())
    return [
        TransactionRow(phases[phase], MESSAGES[message], case.what, case.cause, count)
        for (phase, message), count in counts.items()
    ]


def _named(case: _Case, phases: Sequence[str]) -> list[FlawedMessage]:
    return [
        FlawedMessage(
            charge_point=int(record["charge_point"]),
            transaction=int(record["transaction"]),
            place=int(record["place"]),
            message=MESSAGES[record["message"]],
            phase=phases[record["phase"]],
            what=case.what,
            cause=case.cause,
        )
        for record in case.records[:NAMED]
    ]
