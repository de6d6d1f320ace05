"""Hop by hop the counts add up: what the gateway dropped and what nobody explains stand between the lines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from loadtest.measure.command_ledger import CommandLedger
from loadtest.measure.hops import counted_by
from loadtest.measure.interval import OperationRow
from loadtest.measure.leg import LegRow

if TYPE_CHECKING:
    from loadtest.measure.ledger import Ledger


def ledger(sent: int, delivered: int, answered: int, commands: CommandLedger | None = None) -> Ledger:
    total = SimpleNamespace(sent=sent, answered=answered, call_error=0, timed_out=0)
    books = SimpleNamespace(
        total=total, delivered=delivered, duplicated=0, link_cut=0, observed=True, commands=commands
    )
    return cast("Ledger", books)


COUNTERS = {
    "gateway.upstream_calls": 95,
    "gateway.published": 97,
    "gateway.upstream_dropped_schema": 3,
    "gateway.upstream_dropped_not_json": 0,
    "csms.answered": 95,
    "gateway.downstream_results": 93,
    "gateway.downstream_errors": 1,
    "gateway.downstream_dropped_offline": 1,
}


def lines(counters: dict[str, int], sent: int = 98, delivered: int = 95, answered: int = 94) -> dict[str, int]:
    return {
        f"{hop.way}: {hop.counted_by}": hop.count for hop in counted_by(ledger(sent, delivered, answered), counters, {})
    }


def test_books_that_close_have_no_unexplained_line() -> None:
    found = lines(COUNTERS)
    assert found["up: gateway: frames dropped: schema"] == 3
    assert found["back: gateway: envelopes dropped: offline"] == 1
    assert not [text for text in found if "not json" in text], "what did not happen takes no line"
    assert not [text for text in found if "no counter" in text]


def test_what_nobody_explains_is_shown_where_it_went_missing() -> None:
    found = lines(COUNTERS, sent=100, delivered=96, answered=90)
    assert {text: count for text, count in found.items() if "no counter" in text} == {
        "up: between charge points and gateway: explained by no counter": 2,
        "up: between gateway and subscriber: explained by no counter": -1,
        "back: between gateway and charge points: explained by no counter": 4,
    }


def test_what_vanished_with_links_is_explained_as_far_as_it_vanished_beside_the_charge_points() -> None:
    books = ledger(100, 95, 94)
    for link_cut, explained, unexplained in ((1, 1, 1), (2, 2, 0), (5, 2, 0)):
        books.link_cut = link_cut
        found = {hop.counted_by: hop.count for hop in counted_by(books, COUNTERS, {}) if hop.way == "up"}
        assert found["charge points' links: messages lost with them"] == explained
        assert found.get("between charge points and gateway: explained by no counter", 0) == unexplained


def test_given_up_and_late_messages_are_explained() -> None:
    more = {"gateway.dropped_without_broker": 5, "engine.late_or_duplicate_answers": 4}
    found = lines(COUNTERS | more, delivered=90, answered=90)
    assert not [text for text in found if "no counter" in text]


def test_without_our_gateway_there_are_no_lines_about_it() -> None:
    found = lines({"csms.answered": 95})
    assert not [text for text in found if "gateway" in text]
    assert found["back: central system: answers published"] == 95


def test_of_a_gateway_that_some_go_around_nothing_is_said() -> None:
    found = lines(COUNTERS | {"engine.mqtt_connects": 5}, sent=100, delivered=99)
    assert not [text for text in found if "gateway" in text]
    assert found["up: between charge points and subscriber: explained by no counter"] == 1


def test_dropped_commands_are_not_taken_for_dropped_answers() -> None:
    commands = CommandLedger(
        operations=[OperationRow("steady", "Reset", sent=10)],
        downlink=[LegRow(phase="steady", action="Reset", sent=10, delivered=7, duplicated=2)],
    )
    counters = COUNTERS | {
        "gateway.downstream_calls": 7,
        "gateway.downstream_dropped_call_offline": 2,
        "gateway.downstream_dropped_queue_full": 1,
        "gateway.strict_repeated": 2,
    }
    found = {
        f"{hop.way}: {hop.counted_by}": hop.count for hop in counted_by(ledger(98, 95, 94, commands), counters, {})
    }
    assert not [text for text in found if "no counter" in text]
    assert found["back: gateway: envelopes dropped: offline"] == 1
    assert found["down: gateway: envelopes dropped: call offline"] == 2
    assert found["down: gateway: commands repeated"] == 2
