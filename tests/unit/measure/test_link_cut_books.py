"""What engines and subscribers tell of link cuts, put together: which commands it excuses, and what is refused."""

from __future__ import annotations

import pytest

from loadtest.measure import link_cuts
from loadtest.measure.interval import IntervalReport
from loadtest.measure.link_cuts import (
    ABSENCE,
    IN_FLIGHT,
    STILL_AWAY_US,
    CutCommand,
    InFlight,
    LinkCutBooks,
    UnansweredCommands,
)
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.protocol.phases import PHASES, STEADY
from loadtest.units import US_PER_S

HEARTBEAT = FROM_CHARGE_POINT.index("Heartbeat")


def told(**fields: bytes) -> LinkCutBooks:
    books = LinkCutBooks()
    books.take(IntervalReport(index=0, **fields))  # type: ignore[arg-type]
    return books


def test_calls_in_flight_come_with_their_phase_and_action() -> None:
    record = IN_FLIGHT.pack(70_000, 12, PHASES.index(STEADY), HEARTBEAT)
    assert told(calls_in_flight=record * 2).calls() == [InFlight(70_000, 12, STEADY, "Heartbeat")] * 2


@pytest.mark.parametrize(
    ("sent_us", "given_up_us", "excused"),
    [(0, 99, False), (0, 100, True), (150, 160, True), (200, 300, True), (201, 300, False), (950, 960, True)],
)
def test_a_command_is_excused_when_its_charge_point_was_away_in_its_life(
    sent_us: int, given_up_us: int, excused: bool
) -> None:
    commands = UnansweredCommands()
    commands.add(7, 3, (sent_us, given_up_us), PHASES.index(STEADY), "Reset", timed_out=True)
    commands.add(8, 3, (sent_us, given_up_us), PHASES.index(STEADY), "Reset", timed_out=True)
    absences = ABSENCE.pack(7, 100, 200) + ABSENCE.pack(7, 900, STILL_AWAY_US)
    found = told(absences=absences, commands_unanswered=commands.take()).commands()
    assert found == ([CutCommand(InFlight(7, 3, STEADY, "Reset"), timed_out=True)] if excused else [])
    assert commands.take() == b""


@pytest.mark.parametrize(
    ("sent_s", "expiry_s", "expired"),
    [(8, 3, True), (12, 3, True), (5, 3, False), (15, 6, True), (15, 7, False), (15, 0, False), (30, 1, False)],
)
def test_a_command_may_have_expired_when_its_charge_point_was_away_as_its_time_was_over(
    sent_s: int, expiry_s: int, expired: bool
) -> None:
    """It was away from the 10th to the 20th second."""
    commands = UnansweredCommands()
    lifetime_us = sent_s * US_PER_S, (sent_s + 15) * US_PER_S
    commands.add(7, 3, lifetime_us, PHASES.index(STEADY), "Reset", timed_out=True, expiry_s=expiry_s)
    books = told(absences=ABSENCE.pack(7, 10 * US_PER_S, 20 * US_PER_S), commands_unanswered=commands.take())
    assert [command.may_have_expired for command in books.commands()] == [expired] * (sent_s < 30)


@pytest.mark.parametrize(
    ("answered_us", "excused"), [(99, False), (100, True), (200, True), (201, False), (None, True)]
)
def test_an_answer_written_while_the_link_was_up_is_not_excused_by_a_later_cut(
    answered_us: int | None, excused: bool
) -> None:
    commands = UnansweredCommands()
    commands.add(7, 3, (50, 500), PHASES.index(STEADY), "Reset", timed_out=True)
    books = told(absences=ABSENCE.pack(7, 100, 200), commands_unanswered=commands.take())
    assert len(books.commands(lambda number, sequence: answered_us if (number, sequence) == (7, 3) else 0)) == excused


@pytest.mark.parametrize(
    "fields",
    [
        {"calls_in_flight": b"123"},
        {"absences": b"1"},
        {"commands_unanswered": b"1"},
        {"calls_in_flight": IN_FLIGHT.pack(1, 1, 99, HEARTBEAT)},
        {"calls_in_flight": IN_FLIGHT.pack(1, 1, 0, 99)},
    ],
)
def test_what_is_no_record_is_refused(fields: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="record"):
        told(**fields)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_cuts, "KEPT", 3)
    books = LinkCutBooks()
    for sequence in range(5):
        books.take(IntervalReport(index=0, calls_in_flight=IN_FLIGHT.pack(1, sequence, 0, HEARTBEAT)))
    assert [message.sequence for message in books.calls()] == [0, 1, 2]
