"""The books of commands: what balances passes, and each single miscount is named."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest

from loadtest.measure.command_ledger import CommandBooks, CommandLedger, merge_answers, settle_commands
from loadtest.measure.interval import AnswerRow, CommandArrivalRow, DeliveryRow, OperationRow, SentCounts
from loadtest.measure.ledger import unbalanced_operations
from loadtest.measure.leg import LostMessages
from loadtest.measure.link_cuts import CutCommand, InFlight
from loadtest.measure.reply_join import ReplyInstants, ReplyJoin
from loadtest.measure.sequence import SequenceWindows
from loadtest.measure.tags import Tag

HOW = "steady", "Reset"


def counts(command: int = 4, downlink: int = 4, reply: int = 3) -> dict[Tag, int]:
    return {
        Tag("steady", leg, "Reset", kind): count
        for leg, count in (("command", command), ("downlink", downlink), ("reply", reply))
        for kind in ("intended", "service")
    }


def books(**changes: Any) -> CommandBooks:
    """Five commands to charge points 3 and 4; (4, 1) is lost on its way down, the answer to (4, 0) on its way back."""
    windows = SequenceWindows()
    for charge_point, sequence in ((3, 0), (3, 1), (3, 2), (4, 0)):
        windows.observe(charge_point, sequence)
    facts: dict[str, Any] = {
        "operations": [OperationRow(*HOW, offered=6, dropped=1, sent=5, answered=3, timed_out=1, unfinished=1)],
        "answers": [AnswerRow("Reset", "Accepted", 2), AnswerRow("Reset", "Rejected", 1)],
        "downlink": [CommandArrivalRow(*HOW, delivered=4, replied=4)],
        "replies": [DeliveryRow(*HOW, delivered=3)],
        "sent": [SentCounts(3, struct.pack("<2I", 3, 2))],
        "windows": [windows.export()],
        "cut": [],
    }
    return CommandBooks(**(facts | changes))


def join(*, written: int = 4, arrived: int = 3) -> ReplyJoin:
    known = ReplyJoin()
    for add, count in ((known.add_written, written), (known.add_arrived, arrived)):
        instants = ReplyInstants()
        for charge_point, sequence in ((3, 0), (3, 1), (3, 2), (4, 0), (9, 9))[:count]:
            instants.add(charge_point, sequence, 5, 2, "Reset")
        add(instants.take())
    return known


def settled(
    known: ReplyJoin | None = None, samples: dict[Tag, int] | None = None, *, named: bool = True, **changes: Any
) -> tuple[CommandLedger, list[str]]:
    ledger, unbalanced = settle_commands(books(**changes), known or join(), samples or counts(), named=named)
    assert ledger is not None
    return ledger, unbalanced


def test_books_that_balance_name_what_was_lost() -> None:
    ledger, unbalanced = settled()
    assert unbalanced == []
    assert (ledger.downlink_lost, ledger.downlink_lost_charge_points, ledger.replies_lost) == (1, 1, 1)
    assert ledger.lost_commands == [LostMessages(4, 1, [1])]
    (down,), (back,) = ledger.downlink, ledger.replies
    assert (down.sent, down.delivered, down.lost) == (5, 4, 1)
    assert (back.sent, back.delivered, back.lost) == (4, 3, 1)
    assert msgspec.json.decode(msgspec.json.encode(ledger), type=CommandLedger) == ledger


def test_commands_and_answers_that_links_took_are_nobody_s_loss() -> None:
    """(4, 1) never got there; (4, 0) was answered to no avail."""
    cut = [
        CutCommand(InFlight(4, 0, *HOW), timed_out=True),
        CutCommand(InFlight(4, 1, *HOW), timed_out=False),
    ]
    ledger, unbalanced = settled(cut=cut)
    assert unbalanced == []
    (row,), (down,), (back,) = ledger.operations, ledger.downlink, ledger.replies
    assert (row.sent, row.answered, row.timed_out, row.link_cut, row.unfinished) == (5, 3, 0, 2, 0)
    assert (down.sent, down.delivered, down.link_cut, down.lost) == (5, 4, 1, 0)
    assert (back.sent, back.delivered, back.link_cut, back.lost) == (4, 3, 1, 0)
    assert (ledger.downlink_lost, ledger.replies_lost, ledger.lost_commands) == (0, 0, [])


def test_a_command_that_expired_on_its_way_is_told_apart_from_one_that_got_there() -> None:
    """Both charge points were away when the commands' time was over; (4, 0) had its command by then."""
    cut = [
        CutCommand(InFlight(4, 0, *HOW), timed_out=True, may_have_expired=True),
        CutCommand(InFlight(4, 1, *HOW), timed_out=False, may_have_expired=True),
    ]
    ledger, unbalanced = settled(cut=cut)
    assert unbalanced == []
    (row,), (down,) = ledger.operations, ledger.downlink
    assert (row.sent, row.answered, row.link_cut, row.expired, row.timed_out, row.unfinished) == (5, 3, 1, 1, 0, 0)
    assert unbalanced_operations(ledger.operations) == []
    assert (down.link_cut, down.lost) == (1, 0)


def test_a_run_without_commands_has_no_such_books() -> None:
    empty: dict[str, Any] = {name: [] for name in CommandBooks.__struct_fields__}
    assert settle_commands(CommandBooks(**empty), ReplyJoin(), {}, named=True) == (None, [])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"answers": [AnswerRow("Reset", "Accepted", 2)]}, "3 commands were answered, but 2 answers"),
        ({"sent": [SentCounts(3, struct.pack("<2I", 3, 3))]}, "6 commands by charge point, 5 by action"),
        ({"windows": [[]]}, "1 commands lost by totals, 5 by sequence numbers"),
        ({"sent": [SentCounts(3, struct.pack("<2I", 2, 2))]}, "1 commands arrived that no subscriber"),
        ({"samples": counts(command=3)}, "steady.command.Reset.intended: 3 samples for 4"),
        ({"samples": counts(downlink=5)}, "steady.downlink.Reset.service: 5 samples for 4"),
        ({"samples": counts(reply=2)}, "steady.reply.Reset.service: 2 samples for 3"),
        ({"known": join(written=3)}, "1 answers lost by totals, 0 by name"),
        ({"known": join(written=4, arrived=5)}, "answers to commands arrived that no engine"),
        ({"replies": [DeliveryRow(*HOW, delivered=5)]}, "5 different answers arrived of 4 written"),
    ],
)
def test_each_miscount_is_named(changes: dict[str, Any], complaint: str) -> None:
    _, unbalanced = settled(**changes)
    assert any(complaint in sentence for sentence in unbalanced), unbalanced


def test_without_every_final_report_losses_are_known_by_totals_only() -> None:
    ledger, unbalanced = settled(ReplyJoin(), named=False, sent=[], windows=[])
    assert unbalanced == []
    assert (ledger.downlink_lost, ledger.replies_lost) == (1, 1)


def test_answers_of_several_subscribers_are_added_up_the_commonest_first() -> None:
    rows = [AnswerRow("Reset", "Rejected", 1), AnswerRow("Reset", "Accepted", 1)]
    assert merge_answers([rows, [AnswerRow("Reset", "Accepted", 2)]]) == [
        AnswerRow("Reset", "Accepted", 3),
        AnswerRow("Reset", "Rejected", 1),
    ]
