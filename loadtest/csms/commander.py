"""Sends commands as load, on time whatever became of those before, and accounts for each of them.

A command is *offered* when due. It is *dropped* when no charge point is free, else *sent*; what was sent ends answered,
refused (call_error), timed out, or unfinished when the run ends.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import monotonic_ns, utc_now
from loadtest.csms.addressees import Addressees
from loadtest.csms.command_answers import CommandAnswers
from loadtest.csms.command_books import CommandBooks
from loadtest.csms.command_certificates import command_certificates
from loadtest.csms.command_draw import Draw
from loadtest.csms.command_learning import Learning
from loadtest.csms.command_payloads import MAKERS
from loadtest.csms.command_properties import CommandProperties
from loadtest.csms.command_schedule import CommandSchedule
from loadtest.csms.outstanding_commands import OutstandingCommands, Sent
from loadtest.measure.link_cuts import UnansweredCommands
from loadtest.protocol import schemas, stamp
from loadtest.protocol.encodings import encoding
from loadtest.protocol.message_topics import MessageTopics
from loadtest.protocol.phases import DRAIN, UNDER_LOAD
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtest.csms.addressees import Addressee
    from loadtest.csms.command_books import CommandCell
    from loadtest.csms.command_properties import CommandClient
    from loadtest.csms.settings import CsmsSettings
    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.recorder import Recorder
    from loadtest.pacing.pacer import Pacer
    from loadtest.protocol.envelope import Envelope


class Commander:
    """The commands of one subscriber.

    Args:
        client: Carries them.
        settings: The subscriber's.
        recorder: Takes the samples.
        pacer: Releases them.
        on_invalid: Called with a sentence for an answer that its schema does not allow.

    Attributes:
        on_answer: Takes a CALLRESULT or CALLERROR, and the instant at which it arrived.
    """

    def __init__(
        self,
        client: CommandClient,
        settings: CsmsSettings,
        recorder: Recorder,
        pacer: Pacer,
        on_invalid: Callable[[str], None],
    ) -> None:
        assert settings.commands is not None
        self._client = client
        self._settings = settings
        self._call = encoding(settings.encoding, settings.envelope).call
        self._properties = CommandProperties(
            MessageTopics(settings.topics), settings.command_expiry_s, settings.response_topic
        )
        self._load = settings.commands
        self._chosen = frozenset(self._load.charge_points)
        self._schedule = CommandSchedule(
            self._load.rates,
            pacer,
            self._due,
            seed=settings.seed,
            index=settings.subscriber_index,
            count=settings.subscriber_count,
        )
        self._addressees = Addressees()
        self._learning = Learning(self._addressees)
        self._books = CommandBooks(recorder, settings.phases)
        self._phase = 0
        self._begun = False
        self._choice = random.Random(f"{settings.seed} {settings.subscriber_index} choice")
        self._numbers = 0
        self._outstanding = OutstandingCommands(int(self._load.timeout_s * NS_PER_S))
        self._unanswered = UnansweredCommands()
        self._answers = CommandAnswers(
            client,
            settings,
            self._properties,
            self._books,
            self._outstanding,
            self._addressees,
            self._learning,
            on_invalid,
        )
        self.on_answer = self._answers.take  # as it is, without the cost of passing it on
        command_certificates()  # made now, like the schemas, and not between the messages of a run
        for action in self._load.rates:
            schemas.response(action)

    @property
    def arrivals(self) -> int:
        """Answers to our commands, repeated ones included."""
        return self._answers.arrivals

    # When -------------------------------------------------------------------------------------------------------

    def enter_phase(self, phase: str, start_ns: int) -> None:
        """Commands are due from the end of the ramp to the beginning of the drain, whatever breaks between."""
        self._phase = self._settings.phases.index(phase)
        if phase in UNDER_LOAD and not self._begun:  # it is steady again after every fault
            self._begun = True
            self._schedule.begin(max(start_ns, monotonic_ns()))  # a subscriber may join late
        elif phase == DRAIN:
            self._schedule.end()

    def _due(self, action: str, due_ns: int) -> None:
        cell = self._books.cell(self._phase, action)
        cell.row.offered += 1
        maker = MAKERS[action]
        to = self._addressees.pick(self._choice, maker.suits)
        if to is None:
            cell.row.dropped += 1
            return
        payload = self._load.payloads.get(action)
        if payload is None:
            payload = maker.make(Draw(to, self._choice, utc_now(), self._number()))
        self._send(to, cell, action, payload, due_ns)

    def _number(self) -> int:
        """A number no command of any subscriber has had before."""
        self._numbers += 1
        return self._numbers * self._settings.subscriber_count + self._settings.subscriber_index

    def _send(self, to: Addressee, cell: CommandCell, action: str, payload: Mapping[str, Any], due_ns: int) -> None:
        text = msgspec.json.encode(payload)
        sent_ns = monotonic_ns()
        unique_id = stamp.encode(
            self._settings.run_tag,
            cell.phase,
            to.number,
            to.sequence,
            (due_ns - self._settings.epoch_ns) // NS_PER_US,
            (sent_ns - due_ns) // NS_PER_US,
        ).decode()
        self._addressees.ask(to)
        self._outstanding.add(unique_id, Sent(to, cell, to.sequence, payload, due_ns, sent_ns))
        to.sequence += 1
        cell.row.sent += 1
        properties = self._properties.of(to.topic, unique_id)
        self._client.publish(to.topic, self._call(unique_id, action, text), self._settings.qos, properties)

    # Who is there -----------------------------------------------------------------------------------------------

    def heard(self, envelope: Envelope, topic: bytes, answer: bytes | None, now_ns: int) -> None:
        """A CALL of this run's charge points has come, and been answered with ``answer`` if at all.

        Args:
            envelope: The CALL.
            topic: Where commands for its sender are published.
            answer: The payload of our answer.
            now_ns: When it came.
        """
        known = stamp.decode(envelope.unique_id)
        assert known is not None  # else it would not be of this run
        number = known.charge_point
        if not self._is_ours(number):
            return
        # Whoever was heard has its downstream subscription: the gateway makes it before it passes anything on.
        addressee = self._addressees.get(number) or self._addressees.hear(number, topic)
        self._learning.from_call(addressee, envelope.action, envelope.payload, answer, now_ns)

    def _is_ours(self, number: int) -> bool:
        settings = self._settings
        mine = number % settings.subscriber_count == settings.subscriber_index
        return mine and (not self._chosen or number in self._chosen)

    # Accounting -------------------------------------------------------------------------------------------------

    def expire(self, now_ns: int) -> None:
        """Give up what is overdue; called some times a second."""
        for sent in self._outstanding.overdue(now_ns):
            sent.cell.row.timed_out += 1
            self._note_unanswered(sent, now_ns, timed_out=True)
            sent.cell.sample(sent.intended_ns, sent.sent_ns, now_ns)
            self._addressees.answered(sent.to)

    def close_books(self) -> None:
        """The run ends: what is outstanding stays unfinished."""
        self._schedule.end()
        now_ns = monotonic_ns()
        for sent in self._outstanding.take_all():
            sent.cell.row.unfinished += 1
            self._note_unanswered(sent, now_ns, timed_out=False)

    def _note_unanswered(self, sent: Sent, now_ns: int, *, timed_out: bool) -> None:
        epoch_ns = self._settings.epoch_ns
        lifetime_us = (sent.sent_ns - epoch_ns) // NS_PER_US, (now_ns - epoch_ns) // NS_PER_US
        self._unanswered.add(
            sent.to.number,
            sent.sequence,
            lifetime_us,
            sent.cell.phase,
            sent.cell.row.action,
            timed_out=timed_out,
            expiry_s=self._settings.command_expiry_s,
        )

    @property
    def _pending(self) -> int:
        """What has to end before charge points may go: commands to come or outstanding, and charge points away."""
        return (not self._schedule.over) + len(self._outstanding) + self._addressees.away

    def report(self, report: IntervalReport) -> None:
        """Add what there is to say about commands."""
        report.commands = self._books.operations()
        report.commands_unanswered = self._unanswered.take()
        self._answers.report(report)
        report.gauges["csms.commands_pending"] = self._pending
        if report.final:
            report.commands_sent = self._addressees.sent_counts()
