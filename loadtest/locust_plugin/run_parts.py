"""What takes part in one run, seen from the master: what it asks for, what it reports, and when it is gone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.errors import EnvironmentNotReady, LoadTestError
from loadtest.locust_plugin import wire
from loadtest.locust_plugin.child_logs import log_name
from loadtest.locust_plugin.mirror import Mirror
from loadtest.locust_plugin.sources import Sources
from loadtest.locust_plugin.telling import tell_note
from loadtest.measure.host_clock import HostClock
from loadtest.measure.interval import IntervalReport
from loadtest.measure.run_events import FIRST_CONNECT_FAULT, PART_DIED, REFUSED, WORKER_LOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locust.rpc.protocol import Message
    from locust.runners import LocalRunner, MasterRunner

    from loadtest.measure.collector import Collector
    from loadtest.scenario.mix import Allotment

logger = logging.getLogger(__name__)


class RunParts:
    """Engines, subscribers and the stand of one run, and the books their reports go into.

    Args:
        runner: Locust's runner, which carries messages to the workers and feeds Locust's table.
        collector: Takes everything measured.
        run_tag: Marks this run's messages; workers may still speak of a run before it.
        allotment: Gives cohorts to workers that ask.
        on_refused: Called with the reason when a part refuses to take part.
        log_dir: The run's folder for logs.

    Attributes:
        sources: Who reports, and what was said last.
        allotment: What has been given so far.
        subscribers: How many subscribers there may be.
        on_subscriber_back: Called with a fault's name and the instant when a subscriber it took away is back.
    """

    def __init__(
        self,
        runner: LocalRunner | MasterRunner,
        collector: Collector,
        run_tag: int,
        allotment: Allotment,
        on_refused: Callable[[LoadTestError], None],
        log_dir: Path,
    ) -> None:
        self.run_tag = run_tag
        self.sources = Sources()
        self.allotment = allotment
        self.subscribers = 1
        self.on_subscriber_back: Callable[[str, int], None] = lambda _name, _at_ns: None
        self._subscribers_placed = 0
        self._runner = runner
        self._collector = collector
        full_history = bool(vars(runner.environment.parsed_options).get("stats_history_enabled"))
        self._mirror = Mirror(runner.stats, full_history=full_history)
        self._on_refused = on_refused
        self._log_dir = log_dir
        self._phase: dict[str, Any] = {}
        self._connect_fault_told = False

    @property
    def begun(self) -> bool:
        """Charge points have been told to connect."""
        return bool(self._phase)

    def enter_phase(self, phase: str, start_ns: int) -> None:
        """Tell every worker which phase begins."""
        self._collector.enter_phase(phase, start_ns)
        self._phase = {"phase": phase, "start_ns": start_ns}
        self._runner.send_message(wire.PHASE, self._phase)

    def take(self, msg: Message) -> None:
        """Take a worker's message about this run."""
        data: dict[str, Any] = msg.data
        match msg.type:
            case wire.ASK:
                self._grant(msg)
            case wire.READY:
                self.sources.add(data["source"], data["role"], msg.node_id)
                self._collector.expect(data["source"], data["role"], data["host"])
                if self._phase:  # it comes late: the phase that is on has been announced before
                    self._answer(msg, wire.PHASE, self._phase)
            case wire.REPORT:
                report = msgspec.msgpack.decode(data["body"], type=IntervalReport)
                self.sources.take(data["source"], report)
                self._mirror.add_samples(self._collector.add(data["source"], data["role"], report))
                self._mirror.add_failures(data["source"], report.operations)
            case wire.EVENT if data["kind"] == REFUSED:
                self._on_refused(EnvironmentNotReady(data["text"], hint=data["hint"]))
            case wire.CLOCK:
                self._collector.compare_clock(msgspec.convert(data["clock"], HostClock))
            case wire.LOG:
                (self._log_dir / log_name(data["source"])).write_text(data["text"])
            case wire.FAULT_STATE:
                self.on_subscriber_back(data["fault"], data["at_ns"])
            case wire.EVENT:
                self.take_event(data["source"], data["kind"], data["text"])

    def take_stand_report(self, report: IntervalReport) -> None:
        """Take what the stand counted."""
        self._mirror.add_samples(self._collector.add("stand", "stand", report))

    def take_event(self, part: str, kind: str, text: str) -> None:
        """Put something that happened to a part on record."""
        logger.warning("%s: %s", part, text)
        if kind == FIRST_CONNECT_FAULT and not self._connect_fault_told:
            self._connect_fault_told = True
            tell_note(f"not every charge point can connect: {text}")
        if kind == PART_DIED and part in self.sources:
            self.sources.lose(part)
            self._collector.part_gone(part, text)
        else:
            self._collector.event(kind, text, part)

    def watch_workers(self) -> None:
        """Notice workers that are gone, so that nothing is waited for that cannot come."""
        clients = getattr(self._runner, "clients", None)
        if clients is None:
            return
        for worker in self.sources.workers():
            client = clients.get(worker)
            if client is None or client.state == "missing":
                children = self.sources.lose_worker(worker)
                self._collector.event(WORKER_LOST, f"{worker} with {', '.join(children)}", worker)
                for child in children:
                    self._collector.part_gone(child, f"{child} went with its worker")

    def totals(self) -> dict[str, dict[str, int]]:
        """Mirror what the collector still holds back; then Locust's rows, for the record's cross-check."""
        self._mirror.add_samples(self._collector.drain())
        return self._mirror.totals()

    def _grant(self, ask: Message) -> None:
        role, token = ask.data["role"], ask.data["token"]
        if role == wire.COHORT:
            first, count = self.allotment.give(ask.data["fleet_class"])
            self._answer(ask, wire.GRANT, {"role": role, "token": token, "first": first, "count": count})
        elif self._subscribers_placed < self.subscribers:  # else the broker shares no subscription: one does it all
            number = self._subscribers_placed
            self._subscribers_placed += 1  # before the answer, during which the next one may ask
            self._answer(ask, wire.GRANT, {"role": role, "token": token, "number": number})

    def _answer(self, asked: Message, name: str, data: dict[str, Any]) -> None:
        """Answer the worker that sent a message; a LocalRunner knows no addresses."""
        self._runner.send_message(name, data, client_id=None if asked.node_id == "local" else asked.node_id)
