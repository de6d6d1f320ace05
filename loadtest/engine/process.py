"""The engine process: obeys its parent's commands and reports each second."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.control.life import ChildLife
from loadtest.engine.fleet import Fleet
from loadtest.engine.network_fault import NetworkFault
from loadtest.engine.settings import cohort_profile, engine_settings
from loadtest.errors import UsageError
from loadtest.measure.health import HealthMonitor
from loadtest.measure.interval import IntervalReport
from loadtest.measure.recorder import Recorder
from loadtest.measure.run_events import FIRST_CONNECT_FAULT, REDIRECTED
from loadtest.measure.tags import PACER, SERVICE, Tag
from loadtest.pacing.pacer import Pacer
from loadtest.protocol.phases import UNDER_LOAD
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from loadtest.engine.settings import EngineSettings

_GC_THRESHOLDS = (50_000, 50, 1_000)
"""Charge points make hardly any cycles, and a full collection while they connect takes 0.1 s at 10,000 of them."""

_GC_THRESHOLDS_CONNECTING = (400_000, *_GC_THRESHOLDS[1:])
"""All that grows while a fleet is built is the fleet: looking through it again and again is 3 % of the work, and finds
nothing. Only refused handshakes leave cycles, of 3.5 KB and 23 objects each."""

_DRAIN_POLL_NS = 20 * NS_PER_MS


class EngineProcess:
    """One engine, from its configuration to its final report."""

    def __init__(self) -> None:
        self._life = ChildLife("engine_fault")
        self._settings: EngineSettings | None = None
        self._final_sent = False
        self._coalesced = 0

    async def run(self) -> None:
        """Serve the parent until it says stop or goes away."""
        await self._life.begin(self._on_command)
        await self._life.over.wait()
        await self._life.end()

    def _send(self, notice: messages.Notice) -> None:
        self._life.channel.send(notice)

    def _on_command(self, command: messages.Command) -> None:
        match command:
            case messages.Configure(plain):
                self._configure(plain)
            case messages.AddCohort(first, count, profile, path):
                assert self._settings is not None
                self._fleet.cohorts.add(first, count, cohort_profile(profile, self._settings), path)
            case messages.RemoveCohort(first):
                self._fleet.cohorts.remove(first)
            case messages.EnterPhase(phase, start_ns):
                self._fleet.enter_phase(phase, start_ns)
                if phase in UNDER_LOAD and not gc.get_freeze_count():
                    # The fleet is built and stays: a collection that walks it would stop the clock for nothing. That
                    # goes for a last one as well: it finds no cycle, and stops large fleets for up to half a second.
                    gc.freeze()
                    gc.set_threshold(*_GC_THRESHOLDS)
            case messages.CutOff(share, draw, at_ns, until_ns, regions):
                assert self._settings is not None
                fault = NetworkFault(self._settings.seed, share, draw, tuple(regions), until_ns)
                self._pacer.at(at_ns, lambda _: self._fleet.fault_cuts.cut_off(fault))
            case messages.Drain(deadline_ns):
                self._fleet.begin_drain()
                self._deadline_ns = deadline_ns
                self._drain(monotonic_ns())
            case messages.Stop():
                self._life.over.set()

    def _configure(self, plain: dict[str, object]) -> None:
        self._recorder = Recorder()
        self._pacer = Pacer(self._on_late)
        try:
            settings = engine_settings(plain)
            self._fleet = Fleet(settings, self._pacer, self._recorder)
        except UsageError as error:
            self._send(messages.Refused(list(error.faults), error.hint))
            return
        self._settings = settings
        gc.set_threshold(*_GC_THRESHOLDS_CONNECTING)
        self._health = HealthMonitor()
        self._lateness: dict[int, list[int]] = {}
        self._pacer.at(self._next_second_ns(monotonic_ns()), self._report)
        self._send(messages.Ready(os.getpid(), {"engine": settings.engine}))

    def _next_second_ns(self, now_ns: int) -> int:
        assert self._settings is not None
        epoch_ns = self._settings.epoch_ns
        return epoch_ns + ((now_ns - epoch_ns) // NS_PER_S + 1) * NS_PER_S

    def _on_late(self, late_us: int) -> None:
        """Book the pacer's lateness under the phase it happened in."""
        phase = self._fleet.phases.at(monotonic_ns())
        samples = self._lateness.get(phase)
        if samples is None:
            tag = Tag(self._fleet.phases.names[phase], PACER, "release", SERVICE)
            samples = self._lateness[phase] = self._recorder.handle(tag)
        samples.append(late_us)

    def _report(self, due_ns: int) -> None:
        if self._final_sent:
            return
        self._health.note_loop_lag((monotonic_ns() - due_ns) // NS_PER_US)
        if self._life.channel.clogged:
            self._coalesced += 1
            self._fleet.books.fold_if_large()
        else:
            self._send(messages.Report(self._interval(due_ns, final=False)))
            self._tell_faults()
        self._pacer.at(self._next_second_ns(due_ns), self._report)

    def _interval(self, now_ns: int, *, final: bool) -> IntervalReport:
        assert self._settings is not None
        # A report made at a second's end covers the second before it; the last one covers a second's beginning.
        index = (now_ns - self._settings.epoch_ns) // NS_PER_S - (0 if final else 1)
        registered_ms, lost_ms = self._fleet.comings.take()
        transaction_sendings, transactions_stopped = self._fleet.transaction_book.take()
        calls_in_flight, absences = self._fleet.link_cuts.report(final=final)
        coalesced, self._coalesced = self._coalesced, 0
        return IntervalReport(
            index=index,
            final=final,
            series=self._recorder.take_interval(),
            operations=self._fleet.books.operations(),
            counters=self._fleet.books.counters()
            | self._fleet.connect_failures.report()
            | self._fleet.checks.counters(),
            gauges=self._fleet.gauges(),
            registered_ms=registered_ms,
            lost_ms=lost_ms,
            regional_outages=self._fleet.links.take_regional_outages(),
            transaction_sendings=transaction_sendings,
            transactions_started=self._fleet.books.transactions_started,
            transactions_stopped=transactions_stopped,
            calls_in_flight=calls_in_flight,
            absences=absences,
            downlink=self._fleet.commands_received.rows(),
            reply_instants=self._fleet.commands_received.take_instants(),
            classes=self._fleet.books.report(),
            health=self._health.take_interval(
                backlog_bytes=self._life.channel.backlog_bytes, coalesced_intervals=coalesced
            ),
            sent=self._fleet.cohorts.sent() if final else [],
            commands_seen=self._fleet.commands_received.windows() if final else [],
        )

    def _tell_faults(self) -> None:
        for text in self._fleet.connect_failures.take_untold():
            self._send(messages.Event(FIRST_CONNECT_FAULT, text))
        for text in self._fleet.connections.redirects.take_untold():
            self._send(messages.Event(REDIRECTED, text))
        for kind, text in self._fleet.checks.new_faults():
            self._send(messages.Event(kind, text))

    def _drain(self, due_ns: int) -> None:
        """Wait for what is under way, then account for the rest, disconnect and report for the last time."""
        if self._final_sent:  # the parent got impatient, and moved the deadline
            return
        if due_ns < self._deadline_ns and not self._fleet.idle:
            self._pacer.at(due_ns + _DRAIN_POLL_NS, self._drain)
            return
        at_end = self._fleet.at_end()
        self._fleet.retire()
        self._fleet.checks.check_all()
        self._tell_faults()
        self._final_sent = True
        report = self._interval(monotonic_ns(), final=True)
        report.gauges |= at_end
        self._send(messages.Report(report))
