"""The made-up run with all that may happen in one: commands, transactions, a storm, a fault, a busy generator.

What becomes of each command and message is drawn by lot from a seed, so every fate there is has its share.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, Any

from sample_run import SampleProcesses, SampleRun

from loadtest.measure.interval import (
    AnswerRow,
    CommandArrivalRow,
    DeliveryRow,
    IntervalReport,
    OperationRow,
    SentCounts,
)
from loadtest.measure.link_cuts import ABSENCE, UnansweredCommands
from loadtest.measure.reply_join import ReplyInstants
from loadtest.measure.sequence import DUPLICATE, NEW, REORDERED, SequenceWindows
from loadtest.measure.spans import FaultSpan
from loadtest.measure.tags import COMMAND, DOWNLINK, INTENDED, SERVICE, Tag
from loadtest.measure.transaction_records import (
    ANSWERED,
    CROWDED_OUT,
    CUT_OFF,
    FATE_BITS,
    GAVE_UP,
    NOT_SENT,
    RECORD,
    RUN_ENDED,
    TIMED_OUT,
    sending_key,
)
from loadtest.protocol.phases import PHASES

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.recorder import Recorder

ACTIONS = ("ChangeAvailability", "GetConfiguration", "Reset")
COMMANDS = {
    "answered": 0.55,
    "call_error": 0.09,
    "dropped": 0.05,
    "lost": 0.08,
    "reply_lost": 0.07,
    "unfinished": 0.03,
    "duplicated": 0.07,
    "reordered": 0.06,
}
SENDINGS: dict[str, tuple[float, list[tuple[int, list[int]]], int | None]] = {
    "once": (0.80, [(ANSWERED, [NEW])], None),
    "lost": (0.03, [(TIMED_OUT, [])], None),
    "given_up": (0.03, [(TIMED_OUT, [])], GAVE_UP),
    "crowded_out": (0.02, [], CROWDED_OUT),
    "again": (0.03, [(CUT_OFF, [NEW]), (ANSWERED, [NEW])], None),
    "late": (0.03, [(CUT_OFF, []), (ANSWERED, [NEW])], None),
    "repeated": (0.02, [(ANSWERED, [NEW, DUPLICATE])], None),
    "overtaken": (0.02, [(ANSWERED, [REORDERED])], None),
    "pending": (0.02, [], RUN_ENDED),
}
"""What may become of a transaction message: its share, its sendings with their arrivals, and why there are no more."""
HARMLESS = ("once", "late")
AWAY = 5
"""The charge point whose own link is down all the time, so that nobody else is to blame for commands it misses."""
STORM_AT_MS = 4_200


class EventfulRun(SampleProcesses):
    """The processes of such a run, with one subscriber.

    Attributes:
        complete: Transactions that have stopped, of which every message arrived once and in order.
    """

    def __init__(self, run_dir: Path, **sample: Any) -> None:
        settings = {"charge_points": 40, "ramp_s": 3.0}
        super().__init__(SampleRun(description={"settings": settings}, **sample), run_dir)
        self.complete = 0
        self.commands: dict[tuple[str, str], OperationRow] = {}
        self.answers: dict[tuple[str, str], AnswerRow] = {}
        self.replies: dict[tuple[str, str], DeliveryRow] = {}
        self.heard, self.unanswered = ReplyInstants(), UnansweredCommands()
        self.commands_sent = [0] * self.sample.charge_points
        self.downlink: list[dict[tuple[str, str], CommandArrivalRow]] = [{} for _ in self.engines]
        self.written = [ReplyInstants() for _ in self.engines]
        self.command_windows = [SequenceWindows() for _ in self.engines]
        self.transactions = [0] * self.sample.charge_points
        self.sendings = [bytearray() for _ in self.engines]
        self.stopped = [bytearray() for _ in self.engines]
        self.arrivals = array("Q")
        self.numbers = [0] * self.sample.charge_points

    def run(self) -> EventfulRun:
        """Let it happen from beginning to end, with a fault and another one that never comes."""
        outage = FaultSpan(name="outage", what="broker stopped", planned_begin_s=4, planned_end_s=6)
        self.collector.plan_faults(
            [outage, FaultSpan(name="late", what="gateway paused", planned_begin_s=90, planned_end_s=95)]
        )
        for second in range(self.sample.length_s):
            self.report(second)
        for at_ms, begun in ((4_012, True), (6_345, False)):
            self.collector.fault_state("outage", self._at_ns(at_ms), begun=begun)
        self.report_finally()
        self.finish()
        return self

    def _at_ns(self, at_ms: int) -> int:
        return self.now_ns - self.sample.length_s * 10**9 + at_ms * 10**6

    def _exchange(self, second: int, phase: str) -> None:
        super()._exchange(second, phase)
        for number in range(self.connected):
            self._command(number, ACTIONS[(number + second) % len(ACTIONS)], phase, second * 10**6)
            if (number + second) % 3 == 0:
                self._transaction(number, PHASES.index(phase))

    # Commands ---------------------------------------------------------------------------------------------------

    def _command(self, number: int, action: str, phase: str, at_us: int) -> None:
        fate = str(self.random.choice(list(COMMANDS), p=list(COMMANDS.values())))
        row = self.commands.setdefault((phase, action), OperationRow(phase, action))
        row.offered += 1
        if fate == "dropped":
            row.dropped += 1
            return
        row.sent += 1
        sequence = self.commands_sent[number]
        self.commands_sent[number] += 1
        written = fate not in ("lost", "unfinished")
        if fate != "lost":
            self._arrive(number, sequence, (phase, action), fate, written=written)
        if written:
            engine = number % self.sample.engines
            self.written[engine].add(number, sequence, at_us + 1_500, PHASES.index(phase), action)
        heard = written and fate != "reply_lost"
        if heard:
            self.heard.add(number, sequence, at_us + 2_100 + number, PHASES.index(phase), action)
            reply = self.replies.setdefault((phase, action), DeliveryRow(phase, action))
            reply.delivered += 1
            reply.duplicated += fate == "duplicated"
            self._answer(row, fate, sequence)
        else:
            timed_out = fate != "unfinished"
            row.timed_out += timed_out
            row.unfinished += not timed_out
            lifetime_us = (at_us, at_us + 30_000_000)
            place, expiry_s = PHASES.index(phase), 1 - sequence % 2  # every other one is not worth waiting for
            self.unanswered.add(number, sequence, lifetime_us, place, action, timed_out=timed_out, expiry_s=expiry_s)
        if fate != "unfinished":
            self._sample(self.subscribers[0], phase, COMMAND, action, 2_000 + number if heard else 30_000_000)

    def _arrive(self, number: int, sequence: int, key: tuple[str, str], fate: str, *, written: bool) -> None:
        engine = number % self.sample.engines
        arrival = self.downlink[engine].setdefault(key, CommandArrivalRow(*key))
        arrival.delivered += 1
        arrival.replied += written
        arrival.duplicated += fate == "duplicated"
        arrival.reordered += fate == "reordered"
        self.command_windows[engine].observe(number, sequence)
        self._sample(self.engines[engine], key[0], DOWNLINK, key[1], 900 + 3 * number)

    def _answer(self, row: OperationRow, fate: str, sequence: int) -> None:
        refused = fate == "call_error"
        row.call_error += refused
        row.answered += not refused
        answer = "NotSupported" if refused else "Rejected" if sequence % 4 == 1 else "Accepted"
        self.answers.setdefault((row.action, answer), AnswerRow(row.action, answer)).count += 1

    def _sample(self, recorder: Recorder, phase: str, leg: str, action: str, value_us: int) -> None:
        recorder.handle(Tag(phase, leg, action, INTENDED)).append(value_us + 50)
        recorder.handle(Tag(phase, leg, action, SERVICE)).append(value_us)

    # Transactions -----------------------------------------------------------------------------------------------

    def _transaction(self, number: int, phase: int) -> None:
        self.transactions[number] += 1
        transaction = self.transactions[number]
        stops = bool(self.random.random() < 0.8)
        fates = [
            self._message(number, transaction, place, message, phase)
            for place, message in enumerate([0, 1, 1, 2] if stops else [0, 1])
        ]
        if stops:
            self.stopped[number % self.sample.engines] += struct.pack("<Q", number << 32 | transaction)
            self.complete += all(fate in HARMLESS for fate in fates)

    def _message(self, number: int, transaction: int, place: int, message: int, phase: int) -> str:
        chosen = str(self.random.choice(list(SENDINGS), p=[share for share, *_ in SENDINGS.values()]))
        _, sendings, in_the_end = SENDINGS[chosen]
        told = self.sendings[number % self.sample.engines]
        for before, (fate, arrivals) in enumerate(sendings):
            sequence = self.numbers[number]
            self.numbers[number] += 1
            told += RECORD.pack(number, sequence, transaction, place, message, fate, phase, before)
            self.arrivals.extend(judged << FATE_BITS | sending_key(number, sequence) for judged in arrivals)
        if in_the_end is not None:
            told += RECORD.pack(number, NOT_SENT, transaction, place, message, in_the_end, phase, len(sendings))
        return chosen

    # Reports ----------------------------------------------------------------------------------------------------

    def _interval(self, name: str, second: int, *, final: bool = False) -> IntervalReport:
        report = super()._interval(name, second, final=final)
        process, _, position = name.rpartition("/")[2].partition("-")
        report.health.gc_pause_max_us = 1_200 + 75 * second
        if process == "engine":
            self._engine(report, int(position), second, final=final)
        elif process == "subscriber":
            self._subscriber(report, final=final)
        else:
            report.counters["gateway.received_bytes"] = 70_000 * (second + 1) ** 2
        return report

    def _engine(self, report: IntervalReport, k: int, second: int, *, final: bool) -> None:
        report.downlink = list(self.downlink[k].values())
        report.reply_instants = self.written[k].take()
        report.transaction_sendings, report.transactions_stopped = bytes(self.sendings[k]), bytes(self.stopped[k])
        self.sendings[k].clear()
        self.stopped[k].clear()
        own = range(k, self.sample.charge_points, self.sample.engines)
        report.transactions_started = sum(self.transactions[number] for number in own)
        report.health.coalesced_intervals = int(second == 2 and k == 0)
        report.gauges["backlog"] = {4: 31, 5: 17}.get(second, 0)
        since = second + 1
        report.counters |= {
            "engine.connect_attempts": 9 * since**2,
            "engine.connects": 5 * since**2,
            "engine.connect_refused": 2 * since,
            "engine.connect_failed": since,
            "engine.connect_timed_out": since // 2,
            "engine.connect_failures.http_503": 2 * since,
            "engine.connect_failures.connection_refused": since,
            "engine.connect_failures.tls": since // 2,
        }
        if second == self.sample.ramp_s:
            report.registered_ms = array("I", [70 * number + 40 for number in own]).tobytes()
        if second == self.sample.ramp_s + 2:  # 30 of 40 are lost together, and all but one of them come back
            report.lost_ms = array("I", [STORM_AT_MS + 9 * number for number in own if number < 30]).tobytes()
            back = [STORM_AT_MS + 700 + 41 * number for number in own if number < 29]
            report.registered_ms = array("I", back).tobytes()
        if final:
            report.commands_seen = self.command_windows[k].export()
            if AWAY in own:
                report.absences = ABSENCE.pack(AWAY, 0, 90_000_000)

    def _subscriber(self, report: IntervalReport, *, final: bool) -> None:
        report.commands, report.command_answers = list(self.commands.values()), list(self.answers.values())
        report.replies, report.reply_instants = list(self.replies.values()), self.heard.take()
        report.commands_unanswered = self.unanswered.take()
        report.transaction_arrivals = self.arrivals.tobytes()
        self.arrivals = array("Q")
        report.counters |= {"csms.energy_checked": 1_234, "csms.energy_backwards": 2}
        if final:
            counts = b"".join(count.to_bytes(4, "little") for count in self.commands_sent)
            report.commands_sent = [SentCounts(0, counts)]
