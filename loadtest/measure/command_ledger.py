"""The books of the central system's commands: their fates, and their two legs.

At the subscriber: ``offered = dropped + sent`` and
``sent = answered + call_error + timed_out + link_cut + expired + unfinished``. ``link_cut`` is a command that was not
answered, of a charge point whose own link or restart kept it away at some time between sending and giving up, or when
it wrote its answer if it did; ``expired`` is one that was never delivered, of a charge point so kept away when the
command's expiry was over. On both legs ``sent = delivered + link_cut + lost``, where ``link_cut`` belongs to either.
``lost`` is found from totals and, on the downlink by name, on the reply leg from the answers of which only one half is
known; both must agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.interval import (
    AnswerRow,
    ChargePointWindow,
    CommandArrivalRow,
    DeliveryRow,
    OperationRow,
    SentCounts,
)
from loadtest.measure.leg import LegRow, LostMessages, excuse, leg_rows, name_losses
from loadtest.measure.link_cuts import CutCommand, by_row
from loadtest.measure.tags import COMMAND, COMMAND_LEGS, DOWNLINK, INTENDED, REPLY, SERVICE, Tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loadtest.measure.link_cuts import InFlight
    from loadtest.measure.reply_join import ReplyJoin


class CommandLedger(msgspec.Struct, kw_only=True):
    """The settled books of commands.

    Attributes:
        operations: Their fates by phase and action, all subscribers together.
        answers: What charge points said, by action.
        downlink: Commands on their way to the charge points, by phase and action.
        downlink_lost: Commands that were sent and never arrived, but for those of charge points whose link was cut.
        downlink_lost_charge_points: Charge points with at least one of them.
        lost_commands: The worst of those charge points.
        replies: Answers on their way back, by phase and action; ``sent`` counts one for each command answered.
        replies_lost: Answers that were written and never arrived, but for those of charge points whose link was cut.
    """

    operations: list[OperationRow] = []
    answers: list[AnswerRow] = []
    downlink: list[LegRow] = []
    downlink_lost: int = 0
    downlink_lost_charge_points: int = 0
    lost_commands: list[LostMessages] = []
    replies: list[LegRow] = []
    replies_lost: int = 0


class CommandBooks(msgspec.Struct, kw_only=True):
    """What all processes said about commands, merged, before it is settled.

    Attributes:
        operations: Fates, from subscribers.
        answers: What charge points said, from subscribers.
        downlink: Arrivals at charge points, from engines.
        replies: Arrivals of answers, from subscribers.
        sent: Commands sent to each charge point, from final reports of subscribers.
        windows: Commands that arrived at each charge point, from final reports, by engine.
        cut: Commands that were not answered because links were cut.
    """

    operations: list[OperationRow]
    answers: list[AnswerRow]
    downlink: list[CommandArrivalRow]
    replies: list[DeliveryRow]
    sent: list[SentCounts]
    windows: list[list[ChargePointWindow]]
    cut: list[CutCommand]


def merge_answers(sources: Iterable[Iterable[AnswerRow]]) -> list[AnswerRow]:
    """Add up what several subscribers were told, by action; the commonest answer of an action first."""
    merged: dict[tuple[str, str], AnswerRow] = {}
    for rows in sources:
        for row in rows:
            known = merged.setdefault((row.action, row.answer), AnswerRow(row.action, row.answer))
            known.count += row.count
    return sorted(merged.values(), key=lambda row: (row.action, -row.count, row.answer))


def settle_commands(
    books: CommandBooks, join: ReplyJoin, histogram_counts: Mapping[Tag, int], *, named: bool
) -> tuple[CommandLedger | None, list[str]]:
    """Close the books of commands.

    Args:
        books: What was counted.
        join: The answers, of which both halves should be known.
        histogram_counts: Samples by series, which must tell the same as the rows.
        named: Every engine and subscriber has sent its final report.

    Returns:
        The ledger, ``None`` when no command was offered, and one sentence for each equation that does not hold.
    """
    if not books.operations and not books.downlink and not books.replies:
        return None, []
    ledger = CommandLedger(
        operations=books.operations,
        answers=books.answers,
        downlink=leg_rows({(row.phase, row.action): row.sent for row in books.operations}, books.downlink),
        replies=leg_rows({(row.phase, row.action): row.replied for row in books.downlink}, books.replies),
    )
    unbalanced = _unmatched_histograms(books, histogram_counts)
    _excuse_fates(ledger.operations, books.cut)
    unbalanced += _unmatched_answers(ledger)
    ledger.downlink_lost = sum(leg.lost for leg in ledger.downlink)
    ledger.replies_lost = sum(leg.lost for leg in ledger.replies)
    if named:
        cut = [command.message for command in books.cut]
        unbalanced += _settle_downlink(ledger, books, cut)
        unbalanced += _settle_replies(ledger, join, cut)
    else:  # a process that counted died: what it knew is not known
        ledger.downlink_lost, ledger.replies_lost = max(0, ledger.downlink_lost), max(0, ledger.replies_lost)
    return ledger, unbalanced


def _unmatched_histograms(books: CommandBooks, counts: Mapping[Tag, int]) -> list[str]:
    expected = {
        (row.phase, COMMAND, row.action): row.answered + row.call_error + row.timed_out for row in books.operations
    }
    expected |= {(row.phase, DOWNLINK, row.action): row.delivered for row in books.downlink}
    expected |= {(row.phase, REPLY, row.action): row.delivered for row in books.replies}
    wrong = []
    for key in sorted({tag[:3] for tag in counts if tag.leg in COMMAND_LEGS} | expected.keys()):
        for kind in (INTENDED, SERVICE):
            tag = Tag(*key, kind)
            if counts.get(tag, 0) != expected.get(key, 0):
                wrong.append(f"{tag}: {counts.get(tag, 0)} samples for {expected.get(key, 0)} counted")
    return wrong


def _excuse_fates(rows: Iterable[OperationRow], cut: Iterable[CutCommand]) -> None:
    """Commands whose charge point was away did not time out, nor are they unfinished. Their samples stay."""
    by_key = {(row.phase, row.action): row for row in rows}
    for message, timed_out, _ in cut:
        row = by_key.get((message.phase, message.action))
        if row is None:
            continue  # whoever sent it has not said so: its report is missing, and that is told
        row.link_cut += 1
        row.timed_out -= timed_out
        row.unfinished -= not timed_out


def _book_expired(rows: Iterable[OperationRow], expired: Mapping[tuple[str, str], int]) -> None:
    for row in rows:
        row.expired = expired.get((row.phase, row.action), 0)
        row.link_cut -= row.expired


def _unmatched_answers(ledger: CommandLedger) -> list[str]:
    answered = sum(row.answered + row.call_error for row in ledger.operations)
    told = sum(row.count for row in ledger.answers)
    return [] if answered == told else [f"{answered} commands were answered, but {told} answers are on the books"]


def _settle_downlink(ledger: CommandLedger, books: CommandBooks, cut: Iterable[InFlight]) -> list[str]:
    wrong = []
    named = name_losses(books.sent, books.windows, cut)
    excuse(ledger.downlink, by_row(named.link_cut))
    expirable = {command.message for command in books.cut if command.may_have_expired}
    _book_expired(ledger.operations, by_row(message for message in named.link_cut if message in expirable))
    ledger.downlink_lost_charge_points = named.charge_points
    ledger.lost_commands = named.worst
    all_sent = sum(row.sent for row in ledger.operations)
    by_totals = ledger.downlink_lost + named.seen_by_several - len(named.link_cut)
    ledger.downlink_lost = max(named.lost, by_totals)
    if named.sent != all_sent:
        wrong.append(f"subscribers counted {named.sent} commands by charge point, {all_sent} by action")
    if named.lost != by_totals:
        wrong.append(f"{by_totals} commands lost by totals, {named.lost} by sequence numbers")
    if named.unexpected:
        wrong.append(f"{named.unexpected} commands arrived that no subscriber has on its books as sent")
    return wrong


def _settle_replies(ledger: CommandLedger, join: ReplyJoin, cut: Iterable[InFlight]) -> list[str]:
    wrong = []
    link_cut = [message for message in cut if join.give_up(message.charge_point, message.sequence)]
    excuse(ledger.replies, by_row(link_cut))
    ledger.replies_lost -= len(link_cut)
    if join.given_up:
        wrong.append(f"{join.given_up} answers to commands were too many to be joined with their arrival")
    elif ledger.replies_lost != join.on_their_way:
        wrong.append(f"{ledger.replies_lost} answers lost by totals, {join.on_their_way} by name")
    if join.unexplained:
        wrong.append(f"{join.unexplained} answers to commands arrived that no engine has on its books as written")
    wrong += [
        f"{leg.phase} {leg.action}: {leg.delivered} different answers arrived of {leg.sent} written"
        for leg in ledger.replies
        if leg.lost < 0
    ]
    return wrong
