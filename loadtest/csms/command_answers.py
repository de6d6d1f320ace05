"""Answers to commands: each known for what it answers, checked, learnt from, and booked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.measure.interval import INVALID, NO_STATUS
from loadtest.measure.reply_join import ReplyInstants
from loadtest.measure.sequence import DUPLICATE, REORDERED, SequenceWindows
from loadtest.protocol import call_errors, schemas, stamp
from loadtest.protocol.frames import CALL_RESULT
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.csms.addressees import Addressees
    from loadtest.csms.command_books import CommandBooks
    from loadtest.csms.command_learning import Learning
    from loadtest.csms.command_properties import CommandClient, CommandProperties
    from loadtest.csms.outstanding_commands import OutstandingCommands, Sent
    from loadtest.csms.settings import CsmsSettings
    from loadtest.measure.interval import IntervalReport
    from loadtest.protocol.envelope import Envelope

OTHER = "Other"
"""Books a further answer to a command so long ago that nobody remembers what it was."""


class CommandAnswers:
    """What comes back to one subscriber.

    Args:
        client: Carries the answers; knows the properties of the one that is being taken.
        settings: The subscriber's.
        properties: Those that commands were sent with.
        books: Where commands are accounted for.
        outstanding: The commands that wait for an answer.
        addressees: Who answers.
        learning: What they say of themselves.
        on_invalid: Called with a sentence for an answer that its schema does not allow.

    Attributes:
        arrivals: Answers to our commands, repeated ones included.
    """

    def __init__(
        self,
        client: CommandClient,
        settings: CsmsSettings,
        properties: CommandProperties,
        books: CommandBooks,
        outstanding: OutstandingCommands,
        addressees: Addressees,
        learning: Learning,
        on_invalid: Callable[[str], None],
    ) -> None:
        self.arrivals = 0
        self._client = client
        self._settings = settings
        self._properties = properties
        self._books = books
        self._outstanding = outstanding
        self._addressees = addressees
        self._learning = learning
        self._on_invalid = on_invalid
        self._replies = SequenceWindows()
        self._instants = ReplyInstants()
        self._late = self._foreign = 0

    def take(self, envelope: Envelope, arrived_ns: int) -> None:
        """A CALLRESULT or CALLERROR has come: to one of our commands, to another subscriber's, or to nobody's."""
        known = stamp.decode(envelope.unique_id)
        if known is None or known.run_tag != self._settings.run_tag:
            self._foreign += 1
            return
        if known.charge_point % self._settings.subscriber_count != self._settings.subscriber_index:
            return
        to = self._addressees.get(known.charge_point)
        if to is None or known.sequence >= to.sequence or known.phase >= len(self._settings.phases):
            self._foreign += 1
            return
        self.arrivals += 1
        self._properties.take_answer(self._client.properties, envelope.unique_id)
        sent = self._outstanding.get(envelope.unique_id)
        fate = self._replies.observe(known.charge_point, known.sequence)
        if sent is not None:
            action = sent.cell.row.action
        else:
            action = self._outstanding.action_given_up(known.charge_point, known.sequence) or OTHER
        reply = self._books.cell(known.phase, action).reply
        if fate == DUPLICATE:
            reply.duplicated += 1
            return
        reply.delivered += 1
        reply.reordered += fate == REORDERED
        if action != OTHER:
            arrived_us = (arrived_ns - self._settings.epoch_ns) // NS_PER_US
            self._instants.add(known.charge_point, known.sequence, arrived_us, known.phase, action)
        if sent is None:
            self._late += 1
            return
        self._outstanding.answered(envelope.unique_id)
        self._close(sent, envelope, arrived_ns)

    def _close(self, sent: Sent, envelope: Envelope, arrived_ns: int) -> None:
        row = sent.cell.row
        sent.cell.sample(sent.intended_ns, sent.sent_ns, arrived_ns)
        if envelope.message_type == CALL_RESULT:
            row.answered += 1
            answer = self._read(sent, envelope, arrived_ns)
        else:
            row.call_error += 1
            answer = envelope.error_code if envelope.error_code in call_errors.CODES else "unknown error code"
        self._books.answers[row.action, answer] += 1
        self._addressees.answered(sent.to)

    def _read(self, sent: Sent, envelope: Envelope, arrived_ns: int) -> str:
        """Check an answer, learn from it, and return what it says."""
        action = sent.cell.row.action
        validator = schemas.response(action)
        assert validator is not None  # every action has schemas
        fault = validator.check(envelope.payload)
        if fault is not None:
            self._on_invalid(f"charge point {sent.to.number} answered {action}: {fault.text}")
            return INVALID
        answer: dict[str, Any] = msgspec.json.decode(envelope.payload)
        self._learning.from_answer(sent.to, action, dict(sent.payload), answer, arrived_ns)
        return str(answer.get("status", NO_STATUS))

    def report(self, report: IntervalReport) -> None:
        """Add what there is to say about answers."""
        report.command_answers = self._books.answer_rows()
        report.replies = self._books.replies()
        report.reply_instants = self._instants.take()
        report.counters |= {
            "csms.command_replies": self.arrivals,
            "csms.late_command_answers": self._late,
            "csms.foreign_answers": self._foreign,
            "csms.correlated_answers": self._properties.correlated,
        }
