"""The books of a run: what balances passes, and each single miscount is named."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure import leg
from loadtest.measure.interval import ChargePointWindow, DeliveryRow, OperationRow, SentCounts
from loadtest.measure.ledger import Ledger, settle
from loadtest.measure.leg import LostMessages
from loadtest.measure.link_cuts import InFlight
from loadtest.measure.rows import merge_rows
from loadtest.measure.run_totals import OperationTotals
from loadtest.measure.sequence import SequenceWindows
from loadtest.measure.tags import Tag

STEADY = ("steady", "Heartbeat")
small = st.integers(0, 1000)
operation_rows = st.builds(
    OperationRow,
    phase=st.sampled_from(["ramp", "steady"]),
    action=st.sampled_from(["Heartbeat", "Authorize"]),
    **dict.fromkeys(OperationTotals.__struct_fields__, small),
)


def books(**changes: object) -> Ledger:
    """One phase, two charge points with three messages each; (1, 2) is lost, (0, 0) comes twice."""
    windows = SequenceWindows()
    for charge_point, sequence in ((0, 0), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        windows.observe(charge_point, sequence)
    facts: dict[str, object] = {
        "operations": [OperationRow("steady", "Heartbeat", offered=7, dropped=1, sent=6, answered=5, timed_out=1)],
        "deliveries": [DeliveryRow("steady", "Heartbeat", delivered=5, duplicated=1)],
        "sent": [SentCounts(0, struct.pack("<2I", 3, 3))],
        "windows": [windows.export()],
        "histogram_counts": {
            Tag("steady", leg, "Heartbeat", kind): count
            for leg, count in (("round_trip", 6), ("uplink", 5))
            for kind in ("intended", "service")
        },
        "observed": True,
    }
    return settle(**(facts | changes))  # type: ignore[arg-type]


def test_books_that_balance_name_what_was_lost() -> None:
    ledger = books()
    assert ledger.unbalanced == []
    assert (ledger.lost, ledger.lost_charge_points, ledger.duplicated, ledger.delivered) == (1, 1, 1, 5)
    assert ledger.lost_messages == [LostMessages(1, 1, [2])]
    (leg,) = ledger.legs
    assert (leg.sent, leg.delivered, leg.lost) == (6, 5, 1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"operations": [OperationRow(*STEADY, offered=8, sent=6, answered=6)]}, "offered 8 is not dropped 0 + sent 6"),
        (
            {"operations": [OperationRow(*STEADY, offered=6, sent=6, answered=5, timed_out=1, cut_off=1)]},
            "sent 6, but the fates .* to 7",
        ),
        ({"deliveries": [DeliveryRow("steady", "Heartbeat", 4)]}, "2 messages lost by totals, 1 by sequence numbers"),
        ({"deliveries": [DeliveryRow("steady", "Heartbeat", 7)]}, "7 different messages arrived of 6 sent"),
        ({"sent": [SentCounts(0, struct.pack("<2I", 3, 4))]}, "counted 7 messages sent, their operations 6"),
        ({"sent": [SentCounts(0, struct.pack("<1I", 3))]}, "2 messages arrived that no engine has on its books"),
        ({"windows": [[ChargePointWindow(0, 3), ChargePointWindow(1, 9)]]}, "6 messages arrived that no engine"),
        ({"histogram_counts": {}}, "steady.round_trip.Heartbeat.intended: 0 samples for 6 counted"),
    ],
)
def test_each_miscount_is_named(changes: dict[str, object], complaint: str) -> None:
    unbalanced = books(**changes).unbalanced
    assert unbalanced
    assert any(_found(complaint, sentence) for sentence in unbalanced), unbalanced


def _found(complaint: str, sentence: str) -> bool:
    start, _, end = complaint.partition(" .* ")
    return start in sentence and end in sentence


def test_samples_of_operations_nobody_counted_are_named() -> None:
    counts = {Tag("ramp", "uplink", "Authorize", "service"): 3}
    ledger = settle([], [], [], [], counts, observed=False)
    assert ledger.unbalanced == ["ramp.uplink.Authorize.service: 3 samples for 0 counted"]


def test_without_a_subscriber_nothing_is_said_about_loss() -> None:
    counts = {Tag("steady", "round_trip", "Heartbeat", kind): 6 for kind in ("intended", "service")}
    ledger = books(deliveries=[], windows=[], histogram_counts=counts, observed=False)
    assert (ledger.observed, ledger.lost, ledger.legs, ledger.unbalanced) == (False, 0, [], [])


def test_what_was_in_flight_when_a_link_was_cut_is_lost_with_it_or_delivered_and_nobody_s_fault() -> None:
    """Of charge point 1 number 2 never arrived; number 1 did, though its answer was not waited for."""
    in_flight = [InFlight(1, 1, "steady", "Heartbeat"), InFlight(1, 2, "steady", "Heartbeat")]
    ledger = books(in_flight=[*in_flight, in_flight[1]])
    assert ledger.unbalanced == []
    assert (ledger.link_cut, ledger.lost, ledger.lost_charge_points, ledger.lost_messages) == (1, 0, 0, [])
    assert ledger.link_cut_messages == [LostMessages(1, 1, [2])]
    (leg,) = ledger.legs
    assert (leg.sent, leg.delivered, leg.link_cut, leg.lost) == (6, 5, 1, 0)


def test_beside_a_link_cut_the_system_under_test_is_still_told_what_it_lost() -> None:
    in_flight = [InFlight(0, 3, "steady", "Heartbeat")]
    counts = {
        Tag("steady", leg, "Heartbeat", kind): count
        for leg, count in (("round_trip", 6), ("uplink", 5))
        for kind in ("intended", "service")
    }
    row = OperationRow("steady", "Heartbeat", offered=7, sent=7, answered=5, timed_out=1, link_cut=1)
    ledger = books(
        operations=[row],
        sent=[SentCounts(0, struct.pack("<2I", 4, 3))],
        in_flight=in_flight,
        histogram_counts=counts,
    )
    assert ledger.unbalanced == []
    assert (ledger.link_cut, ledger.lost, ledger.lost_messages) == (1, 1, [LostMessages(1, 1, [2])])


def test_a_message_in_flight_that_nobody_has_sent_unbalances_the_books() -> None:
    assert books(in_flight=[InFlight(1, 7, "steady", "Heartbeat")]).unbalanced == [
        "0 messages lost by totals, 1 by sequence numbers"
    ]


def test_a_message_two_subscribers_booked_counts_as_delivered_once() -> None:
    first, second = SequenceWindows(), SequenceWindows()
    for sequence in range(3):
        first.observe(0, sequence)
        second.observe(1, sequence)
    second.observe(0, 2)
    counts = {
        Tag("steady", leg, "Heartbeat", kind): count
        for leg, count in (("round_trip", 6), ("uplink", 7))
        for kind in ("intended", "service")
    }
    ledger = books(
        deliveries=[DeliveryRow("steady", "Heartbeat", delivered=7)],
        windows=[first.export(), second.export()],
        histogram_counts=counts,
    )
    assert ledger.unbalanced == []
    assert (ledger.lost, ledger.delivered, ledger.duplicated, ledger.seen_by_several) == (0, 6, 1, 1)


def test_the_worst_are_named_first_and_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "NAMED_CHARGE_POINTS", 2)
    monkeypatch.setattr(leg, "NAMED_SEQUENCES", 3)
    ledger = books(
        sent=[SentCounts(10, struct.pack("<3I", 1, 5, 2))],
        windows=[],
        operations=[OperationRow("steady", "Heartbeat", offered=8, sent=8, answered=8)],
        deliveries=[],
        histogram_counts={Tag("steady", "round_trip", "Heartbeat", kind): 8 for kind in ("intended", "service")},
    )
    assert ledger.unbalanced == []
    assert (ledger.lost, ledger.lost_charge_points) == (8, 3)
    assert ledger.lost_messages == [LostMessages(11, 5, [0, 1, 2]), LostMessages(12, 2, [0, 1])]


def test_a_cohort_reported_twice_is_not_counted_twice() -> None:
    assert books(sent=[SentCounts(0, struct.pack("<2I", 3, 1)), SentCounts(1, struct.pack("<I", 3))]).unbalanced == []


@given(st.lists(st.lists(operation_rows, max_size=5), max_size=4))
def test_merging_adds_up_every_column_and_leaves_the_sources_alone(sources: list[list[OperationRow]]) -> None:
    before = msgspec.json.encode(sources)
    merged = merge_rows(sources)
    assert len({(row.phase, row.action) for row in merged}) == len(merged)
    for name in OperationTotals.__struct_fields__:
        assert sum(getattr(row, name) for row in merged) == sum(getattr(row, name) for rows in sources for row in rows)
    assert msgspec.json.encode(sources) == before
    assert [row.phase for row in merged] == sorted((row.phase for row in merged), key=["ramp", "steady"].index)
