"""The ledger of transactions on stories whose outcome is known, told in pieces and in any order."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure import transaction_join
from loadtest.measure.interval import IntervalReport
from loadtest.measure.link_cuts import InFlight
from loadtest.measure.sequence import SequenceWindows
from loadtest.measure.transaction_join import TransactionJoin
from loadtest.measure.transaction_ledger import TransactionLedger, settle_transactions
from loadtest.measure.transaction_records import (
    ANSWERED,
    CROWDED_OUT,
    CUT_OFF,
    DTYPE,
    FATE_BITS,
    GAVE_UP,
    LINK_CUT,
    MESSAGES,
    NOT_SENT,
    RECORD,
    RUN_ENDED,
    TIMED_OUT,
    sending_key,
)
from loadtest.protocol.phases import PHASES

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from loadtest.measure.settled_transactions import SettledTransactions

STEADY = 2


class Sending(NamedTuple):
    """One sending: its fate at the charge point, and how often it arrives."""

    fate: int
    arrivals: int = 1


class Story:
    """Charge points that go through transactions; what both ends tell of it is collected in order."""

    def __init__(self) -> None:
        self.sequences: dict[int, int] = {}
        self.records: list[bytes] = []
        self.stopped: list[int] = []
        self.started = 0
        self.arrivals: list[tuple[int, int]] = []
        self.in_flight: list[InFlight] = []
        self.transactions: dict[int, int] = {}

    def transaction(
        self, charge_point: int, messages: Sequence[Sequence[Sending | int]], *, stops: bool = True
    ) -> None:
        """One transaction: for each message its sendings, and at their end perhaps the message's own fate."""
        ordinal = self.transactions[charge_point] = self.transactions.get(charge_point, 0) + 1
        self.started += 1
        for place, steps in enumerate(messages):
            kind = 0 if place == 0 else 2 if stops and place == len(messages) - 1 else 1
            before = 0
            for step in steps:
                if isinstance(step, int):
                    self.records.append(RECORD.pack(charge_point, NOT_SENT, ordinal, place, kind, step, STEADY, before))
                    continue
                sequence = self.sequences.get(charge_point, 0)
                self.sequences[charge_point] = sequence + 1
                sent = RECORD.pack(charge_point, sequence, ordinal, place, kind, step.fate, STEADY, before)
                self.records.append(sent)
                if step.fate == LINK_CUT:
                    self.in_flight.append(InFlight(charge_point, sequence, "steady", MESSAGES[kind]))
                self.arrivals += [(charge_point, sequence)] * step.arrivals
                before += 1
        if stops:
            self.stopped.append(charge_point << 32 | ordinal)

    def settled(self, pieces: int = 1, *, arrivals_first: bool = False) -> TransactionLedger:
        """Report it in so many intervals, one end before the other, and settle."""
        return settle_transactions(self.told(pieces, arrivals_first=arrivals_first), PHASES)

    def told(self, pieces: int = 1, *, arrivals_first: bool = False) -> SettledTransactions:
        """Report it in so many intervals, one end before the other."""
        windows, told = SequenceWindows(), array("Q")
        for charge_point, sequence in self.arrivals:
            told.append(windows.observe(charge_point, sequence) << FATE_BITS | sending_key(charge_point, sequence))
        join = TransactionJoin()
        for piece in range(pieces):
            sendings = IntervalReport(
                index=piece,
                transaction_sendings=b"".join(self.records[_cut(self.records, piece, pieces)]),
                transactions_stopped=b"".join(
                    key.to_bytes(8, "little") for key in self.stopped[_cut(self.stopped, piece, pieces)]
                ),
                transactions_started=self.started,
            )
            arrivals = IntervalReport(index=piece, transaction_arrivals=told[_cut(told, piece, pieces)].tobytes())
            reports = [("engine", sendings), ("subscriber", arrivals)]
            for source, report in reversed(reports) if arrivals_first else reports:
                join.take(source, report)
        return join.close(self.in_flight)


def _cut(things: object, piece: int, pieces: int) -> slice:
    length = len(things)  # type: ignore[arg-type]
    return slice(length * piece // pieces, length * (piece + 1) // pieces)


FINE: list[Sending | int] = [Sending(ANSWERED)]


AGAIN = "sent again by the charge point"
CUT = "sending cut off, delivered"
GONE = "connection lost in flight"


def causes(ledger: TransactionLedger) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in ledger.rows:
        found[row.what, row.cause] = found.get((row.what, row.cause), 0) + row.count
    return found


@pytest.mark.parametrize("arrivals_first", [False, True])
def test_what_goes_well_leaves_nothing_but_counts(arrivals_first: bool) -> None:
    story = Story()
    for charge_point in range(5):
        story.transaction(charge_point, [FINE, FINE, FINE])
    story.transaction(0, [FINE, FINE], stops=False)
    assert story.settled(pieces=3, arrivals_first=arrivals_first) == TransactionLedger(started=6, stopped=5, complete=5)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ([Sending(TIMED_OUT, 0), Sending(ANSWERED)], {("late", AGAIN): 1, "sending lost": 1}),
        ([Sending(CUT_OFF, 0), Sending(ANSWERED)], {("late", GONE): 1, "sending cut off, lost": 1}),
        ([Sending(CUT_OFF, 1), Sending(ANSWERED)], {("duplicated", GONE): 1, CUT: 1}),
        ([Sending(LINK_CUT, 0), Sending(ANSWERED)], {("late", "link cut in flight"): 1, "sending cut off, lost": 1}),
        ([Sending(LINK_CUT, 1), Sending(ANSWERED)], {("duplicated", "link cut in flight"): 1, CUT: 1}),
        ([Sending(LINK_CUT, 0)], {("lost", "link cut in flight"): 1, "sending cut off, lost": 1}),
        ([Sending(TIMED_OUT, 1), Sending(ANSWERED)], {("duplicated", AGAIN): 1}),
        ([Sending(CUT_OFF, 1), RUN_ENDED], {"sending cut off, delivered": 1}),
        ([Sending(TIMED_OUT, 0), GAVE_UP], {("lost", "charge point gave up"): 1, "sending lost": 1}),
        ([Sending(CUT_OFF, 0), RUN_ENDED], {("pending", "run ended"): 1, "sending cut off, lost": 1}),
        ([CROWDED_OUT], {("lost", "charge point's queue full"): 1}),
        ([Sending(ANSWERED, 0)], {("lost", "lost on the way"): 1, "sending lost": 1}),
        ([Sending(ANSWERED, 3)], {("duplicated", "repeated on the way"): 2}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("arrivals_first", [False, True])
def test_each_flaw_has_its_cause(
    message: list[Sending | int], expected: dict[object, int], arrivals_first: bool
) -> None:
    story = Story()
    story.transaction(0, [FINE, message, FINE])
    story.transaction(1, [FINE, FINE, FINE])
    ledger = story.settled(pieces=2, arrivals_first=arrivals_first)
    found: dict[object, int] = {}
    for (what, cause), count in causes(ledger).items():
        found[what if what.startswith("sending") else (what, cause)] = count
    assert found == expected
    found_in = {key[0] for key in expected if isinstance(key, tuple)} - {"late"}
    flawed = found_in - {"pending"}
    assert (ledger.started, ledger.stopped, ledger.flawed, ledger.complete) == (2, 2, len(flawed), 2 - len(found_in))
    assert [(flaw.charge_point, flaw.transaction, flaw.place) for flaw in ledger.flaws[:1]] == [(0, 1, 1)] * len(flawed)
    assert {row.phase for row in ledger.rows} == {"steady"}


def test_a_link_cut_long_after_a_sending_is_no_excuse_for_its_loss() -> None:
    story = Story()
    story.transaction(0, [FINE, [Sending(LINK_CUT, 0)], FINE])
    story.in_flight.clear()
    found = causes(story.settled())
    assert found == {("lost", "lost on the way"): 1, ("sending lost", "lost on the way"): 1}


def test_swapped_messages_are_reordered_once_and_named() -> None:
    story = Story()
    story.transaction(7, [FINE] * 6)
    story.arrivals[2], story.arrivals[3] = story.arrivals[3], story.arrivals[2]
    for arrivals_first in (False, True):
        ledger = story.settled(arrivals_first=arrivals_first)
        assert (ledger.reordered, ledger.flawed, ledger.complete) == (1, 1, 0)
        assert [(flaw.place, flaw.message, flaw.cause) for flaw in ledger.flaws] == [
            (2, "MeterValues", "overtaken on the way")
        ]


@given(st.randoms(use_true_random=False), st.integers(1, 5), st.booleans())
def test_any_story_is_settled_as_it_was_told(dice: random.Random, pieces: int, arrivals_first: bool) -> None:
    """With room for three of everything, so that most is packed away before its other half comes."""
    story = Story()
    lost = duplicated = late = 0
    for _ in range(dice.randint(1, 12)):
        messages: list[list[Sending | int]] = []
        for _ in range(dice.randint(2, 6)):
            arrivals = dice.choice([1, 1, 1, 0])
            kind = dice.choice(["fine", "fine", "again", "gives up"])
            if kind == "fine":
                messages.append([Sending(ANSWERED)])
            elif kind == "again":
                messages.append([Sending(dice.choice([TIMED_OUT, CUT_OFF]), arrivals), Sending(ANSWERED)])
                duplicated += arrivals
                late += not arrivals
            else:
                messages.append([Sending(TIMED_OUT, arrivals), GAVE_UP])
                lost += not arrivals
        story.transaction(dice.randrange(3), messages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction_join, "KEPT", 3)
        told = story.told(pieces, arrivals_first=arrivals_first)
        ledger = settle_transactions(told, PHASES)
    kinds = {range(1): story.transactions.get(0, 0), range(1, 9): story.started - story.transactions.get(0, 0)}
    parts = [settle_transactions(told.of(charge_points, started), PHASES) for charge_points, started in kinds.items()]
    for name in ("started", "stopped", "complete", "flawed", "lost", "duplicated", "late", "reordered", "pending"):
        assert sum(getattr(part, name) for part in parts) == getattr(ledger, name), name
    assert (ledger.lost, ledger.duplicated, ledger.late, ledger.reordered) == (lost, duplicated, late, 0)
    assert ledger.unexplained == 0
    assert ledger.complete + ledger.flawed == ledger.stopped == story.started


def test_arrivals_no_engine_told_of_are_not_explained_away() -> None:
    story = Story()
    story.transaction(0, [FINE, FINE])
    story.arrivals.append((9, 0))
    assert story.settled().unexplained == 1


def test_an_arrival_at_two_subscribers_is_a_duplicate() -> None:
    join = TransactionJoin()
    record = RECORD.pack(4, 0, 1, 0, 0, ANSWERED, STEADY, 0)
    join.take("engine", IntervalReport(index=0, transaction_sendings=record, transactions_started=1))
    for subscriber in ("one", "other"):
        told = array("Q", [sending_key(4, 0)]).tobytes()
        join.take(subscriber, IntervalReport(index=0, transaction_arrivals=told))
    ledger = settle_transactions(join.close(), PHASES)
    assert (ledger.duplicated, ledger.lost, ledger.flaws[0].charge_point) == (1, 0, 4)


def test_without_a_subscriber_nothing_is_said_about_arrivals() -> None:
    join = TransactionJoin()
    record = RECORD.pack(4, 0, 1, 0, 0, ANSWERED, STEADY, 0)
    join.take("engine", IntervalReport(index=0, transaction_sendings=record, transactions_started=1))
    assert settle_transactions(join.close(observed=False), PHASES) == TransactionLedger(started=1)


def test_reports_that_are_cut_short_are_refused() -> None:
    for field in ("transaction_sendings", "transactions_stopped", "transaction_arrivals"):
        report = IntervalReport(index=0)
        setattr(report, field, b"123")
        with pytest.raises(ValueError, match=r"whole number|multiple"):
            TransactionJoin().take("engine", report)


def test_many_transactions_fit_into_memory() -> None:
    """Two messages each; the stop of one in a hundred is lost. Eight bytes of each are kept, objects of the newest."""
    join, charge_points, rounds = TransactionJoin(), 10_000, 20
    numbers = np.arange(charge_points, dtype=np.uint64)
    for ordinal in range(1, rounds + 1):
        records = np.zeros(2 * charge_points, DTYPE)
        records["charge_point"] = np.repeat(numbers, 2)
        records["place"] = np.tile([0, 1], charge_points)
        records["message"] = records["place"] * 2
        records["sequence"] = 2 * (ordinal - 1) + records["place"]
        records["transaction"] = ordinal
        records["phase"] = STEADY
        told = records["charge_point"].astype(np.uint64) << np.uint64(24) | records["sequence"].astype(np.uint64)
        arrived = (records["place"] == 0) | (records["charge_point"] % 100 != 0)
        sendings = IntervalReport(
            index=ordinal,
            transaction_sendings=records.tobytes(),
            transactions_started=ordinal * charge_points,
            transactions_stopped=(numbers << np.uint64(32) | np.uint64(ordinal)).tobytes(),
        )
        join.take("engine", sendings)
        join.take("subscriber", IntervalReport(index=ordinal, transaction_arrivals=told[arrived].tobytes()))
    kept = vars(join).values()
    assert sum(len(each) for each in kept if isinstance(each, bytearray)) == 8 * 200_000
    assert max(len(each) for each in kept if isinstance(each, dict)) <= transaction_join.KEPT
    ledger = settle_transactions(join.close(), PHASES)
    assert (ledger.started, ledger.stopped, ledger.complete) == (200_000, 200_000, 198_000)
    assert (ledger.lost, ledger.flawed, len(ledger.flaws)) == (2_000, 2_000, 1_000)
