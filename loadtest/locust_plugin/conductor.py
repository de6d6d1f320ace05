"""The master's side of a run: from preparing the system under test to the drained, judged record.

Runs in the process of Locust's master, or in the only process there is. One conductor serves one test at a time;
under the web UI it serves one after the other, each with a stand, a collector and a result folder of its own.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
from gevent.event import Event

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady, LoadTestError
from loadtest.locust_plugin import wire
from loadtest.locust_plugin.description import boot_id, describe, run_name
from loadtest.locust_plugin.fault_command import FaultCommands
from loadtest.locust_plugin.fault_conductor import FaultConductor
from loadtest.locust_plugin.run_parts import RunParts
from loadtest.locust_plugin.stand import Stand
from loadtest.measure.collector import Collector
from loadtest.measure.run_events import INTERRUPTED, PART_DIED, REFUSED
from loadtest.protocol.phases import DRAIN, RAMP, STEADY
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.faults import phases_of, timeline
from loadtest.scenario.plan import Plan
from loadtest.scenario.settings import masked
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.rpc.protocol import Message
    from locust.runners import LocalRunner, MasterRunner

    from loadtest.control.messages import FaultState
    from loadtest.locust_plugin.users import CsmsSubscriber
    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.run_record import State, Verdict
    from loadtest.scenario.settings import RunSettings

logger = logging.getLogger(__name__)

_PREPARE_TIMEOUT_S = 60.0
_REGISTER_GRACE_S = 30.0
_POLL_S = 0.1
_REPORTS_TIMEOUT_S = 120.0
_NOTICE_NS = 300 * NS_PER_MS
"""How long before it begins a phase is announced, so that every process knows it in time."""


class Conductor:
    """Conducts runs.

    Args:
        runner: A LocalRunner or MasterRunner.
        scenario: Name of the scenario.
        on_refused: Called with the error when a run cannot start or go on for reasons the user can mend.
        on_over: Called when the steady phase has lasted as long as it should: Locust is to stop the test.
    """

    def __init__(
        self,
        runner: LocalRunner | MasterRunner,
        scenario: str,
        on_refused: Callable[[LoadTestError], None],
        on_over: Callable[[], None],
    ) -> None:
        self._runner = runner
        self._scenario = scenario
        self._on_refused = on_refused
        self._on_over = on_over
        self._plan: Plan | None = None
        self._collector: Collector | None = None
        self._parts: RunParts | None = None
        self._stand: Stand | None = None
        self._faults: FaultConductor
        self._progress: gevent.Greenlet | None = None
        self._spawned = Event()
        self._concluded = Event()
        self._concluded.set()
        self._interrupted = self._system_died = False
        self.run_dir: Path | None = None
        self.verdict: Verdict | None = None
        for name in (wire.ASK, wire.READY, wire.REPORT, wire.EVENT):
            runner.register_message(name, self._on_message)

    @property
    def _at_work(self) -> RunParts:
        """The parts of the run that is on."""
        assert self._parts is not None
        return self._parts

    # Beginning --------------------------------------------------------------------------------------------------

    def prepare(self, settings: RunSettings, cohorts: int) -> None:
        """Open the record and set up the system under test.

        Raises:
            LoadTestError: The run cannot start; what there is so far has been recorded.
        """
        run_id = run_name(settings, self._scenario)
        self.run_dir = Path(settings.results) / run_id
        log_dir = self.run_dir / "logs"
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentNotReady(
                f"cannot make the result folder {self.run_dir}: {error.strerror}",
                hint="choose another with --results DIR",
            ) from error
        epoch_ns = monotonic_ns()
        system = self._system_class
        phases = phases_of(system.faults)
        description = describe(settings, self._scenario, run_id, epoch_ns, limits=system.limits, phases=phases)
        self.verdict = None
        self._collector = Collector(self.run_dir, description)
        self._parts = RunParts(self._runner, self._collector, description.run_tag, self._refuse)
        self._spawned.clear()
        self._interrupted = self._system_died = False
        self._stand = Stand(log_dir, self._on_stand_report, self._on_stand_event, self._on_fault_state)
        self._faults = FaultConductor(
            system.faults,
            self._stand,
            self._runner.send_message,
            FaultCommands(log_dir / "faults.log", self._collector),
            self._collector,
        )
        try:
            facts = self._stand.start(settings, epoch_ns, self._id_prefixes())
        except LoadTestError as error:
            self._collector.event(REFUSED, error.message)
            self._conclude("partial")
            raise
        except BaseException:
            self._interrupted = True
            self._conclude("partial")
            raise
        credentials = msgspec.convert(facts.pop("credentials"), CredentialFiles)
        self._collector.describe_sut(_without_passwords(facts))
        shared = bool(facts["broker"].get("shared_subscriptions"))
        subscribers = settings.subscribers if shared else 1
        if subscribers < settings.subscribers:
            self._collector.event(
                "single_subscriber",
                "the broker does not share subscriptions: one subscriber takes everything",
                "broker",
            )
        self._parts.subscribers = subscribers
        self._plan = Plan(
            run_tag=description.run_tag,
            epoch_ns=epoch_ns,
            host_boot_id=boot_id(),
            cohorts=cohorts,
            gateway_url=facts["gateway"]["url"],
            credentials=credentials,
            broker_url=self._stand.broker_url(settings),
            shared_group=f"loadtest-{description.run_tag:04x}" if subscribers > 1 else "",
            subscribers=subscribers,
            log_dir=str(log_dir.resolve()),
            phases=phases,
            settings=settings,
        )

    @property
    def _system_class(self) -> type[CsmsSubscriber]:
        """The class of the scenario that says what the system under test has to stand, and what it is judged by."""
        classes: list[Any] = self._runner.environment.user_classes
        system: type[CsmsSubscriber] = next(each for each in classes if hasattr(each, "faults"))
        return system

    def _id_prefixes(self) -> list[str]:
        """Those of all kinds of charge points in the scenario."""
        classes = self._runner.environment.user_classes
        return sorted({each.profile.id_prefix for each in classes if hasattr(each, "profile")})

    @property
    def prepared(self) -> bool:
        """A run is prepared or under way."""
        return self._plan is not None

    def begin(self, workers: int) -> str:
        """Conduct the prepared run as soon as all its parts are there.

        Args:
            workers: How many Locust processes take part.

        Returns:
            The plan, to be handed to the workers.
        """
        assert self._plan is not None
        self._progress = gevent.spawn(self._conduct, self._plan, workers)
        return self._plan.encode()

    def on_spawning_complete(self) -> None:
        """Locust has started all its users."""
        self._spawned.set()

    def _conduct(self, plan: Plan, workers: int) -> None:
        try:
            self._await_parts(plan, workers)
        except LoadTestError as error:
            self._refuse(error)
            return
        settings = plan.settings
        start_ns = self._enter(RAMP)
        deadline_ns = start_ns + int((settings.ramp_s + settings.call_timeout_s + _REGISTER_GRACE_S) * NS_PER_S)
        ramp_end_ns = start_ns + int(settings.ramp_s * NS_PER_S)
        self._wait_until(
            deadline_ns, lambda: self._system_died or self._at_work.sources.registered >= settings.charge_points
        )
        if self._system_died:  # nobody else will register, and there is no steady state to come
            self._on_over()
            return
        self._wait_until(ramp_end_ns)
        start_ns = self._enter(STEADY)
        self._faults.plan(plan.epoch_ns, start_ns)
        for moment in timeline(self._system_class.faults):
            at_ns = start_ns + int(moment.at_s * NS_PER_S)
            self._wait_until(at_ns - _NOTICE_NS)
            self._faults.announce(moment, at_ns)
            self._enter(moment.phase, at_ns)
        self._wait_until(start_ns + int(settings.duration_s * NS_PER_S))
        self._on_over()

    def _wait_until(self, deadline_ns: int, met: Callable[[], bool] = lambda: False) -> None:
        while (rest_ns := deadline_ns - monotonic_ns()) > 0 and not met():
            self._at_work.watch_workers()
            gevent.sleep(min(_POLL_S, rest_ns / NS_PER_S))

    def _await_parts(self, plan: Plan, workers: int) -> None:
        """Wait until every cohort is placed and every child is ready.

        Raises:
            EnvironmentNotReady: Something is still missing after a minute.
        """
        engines = workers * plan.settings.engines
        sources, granted = self._at_work.sources, self._at_work.granted
        deadline_ns = monotonic_ns() + int(_PREPARE_TIMEOUT_S * NS_PER_S)
        while not (
            self._spawned.is_set()
            and granted[wire.COHORT] >= plan.cohorts
            and sources.ready(wire.ENGINE) >= engines
            and sources.ready(wire.SUBSCRIBER) >= plan.subscribers
        ):
            if monotonic_ns() > deadline_ns:
                raise EnvironmentNotReady(
                    f"after {_PREPARE_TIMEOUT_S:g} s only {sources.ready(wire.ENGINE)} of {engines} engines, "
                    f"{sources.ready(wire.SUBSCRIBER)} of {plan.subscribers} subscribers and "
                    f"{granted[wire.COHORT]} of {plan.cohorts} cohorts are there",
                    hint=f"see the logs in {plan.log_dir}",
                )
            gevent.sleep(_POLL_S / 2)

    def _refuse(self, error: LoadTestError) -> None:
        assert self._collector is not None
        self._collector.event(REFUSED, error.message)
        self._on_refused(error)

    def _enter(self, phase: str, start_ns: int | None = None) -> int:
        if start_ns is None:
            start_ns = monotonic_ns() + (0 if phase == DRAIN else _NOTICE_NS)
        self._at_work.enter_phase(phase, start_ns)
        if self._stand is not None:
            self._stand.enter_phase(phase, start_ns)
        return start_ns

    # Ending -----------------------------------------------------------------------------------------------------

    def finish(self, *, interrupted: bool) -> bool:
        """Collect the tail, settle the ledgers, write the record and the reports, take everything down.

        The drain barrier: no sample that exists is lost, whatever Locust does next. Whoever calls while another does
        this waits for its end: Locust's process must not end before. Returns whether a run was ended by this very call.
        """
        if self._plan is None or self._collector is None:
            self._interrupted |= interrupted
            self._concluded.wait()
            return False
        plan, self._plan = self._plan, None
        self._interrupted = interrupted
        self._concluded.clear()
        try:
            self._finish(plan)
        finally:
            self._concluded.set()
        return True

    def _finish(self, plan: Plan) -> None:
        if self._progress is not None and self._progress is not gevent.getcurrent():
            self._progress.kill()
        self._progress = None
        self._at_work.watch_workers()
        self._faults.end_now()
        self._enter(DRAIN)
        timeout_s = plan.settings.drain_timeout_s
        self._await_commands(timeout_s)
        self._drain(wire.ENGINE, timeout_s)
        self._await_deliveries(timeout_s)
        self._drain(wire.SUBSCRIBER, timeout_s)
        self._faults.stop()
        self._runner.send_message(wire.END, {})  # before the broker goes, whose end is none of their business
        self._conclude("complete")

    def _drain(self, role: str, timeout_s: float) -> None:
        parts = self._at_work
        deadline_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
        self._runner.send_message(wire.DRAIN, {"role": role, "deadline_ns": deadline_ns})
        # Beyond its deadline a child still needs time to close connections and to report.
        give_up_ns = deadline_ns + 5 * NS_PER_S
        while parts.sources.missing_final(role) and monotonic_ns() < give_up_ns:
            parts.watch_workers()
            gevent.sleep(_POLL_S / 2)

    def _await_commands(self, timeout_s: float) -> None:
        """Let charge points answer what they have been asked, and come back from restarts, before they disconnect."""
        parts = self._at_work
        give_up_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
        while parts.sources.commands_pending and monotonic_ns() < give_up_ns:
            parts.watch_workers()
            gevent.sleep(_POLL_S)

    def _await_deliveries(self, timeout_s: float) -> None:
        """Give messages under way the time to arrive."""
        parts = self._at_work
        give_up_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
        while (
            parts.sources.arrived < parts.sources.sent
            and parts.sources.missing_final(wire.SUBSCRIBER)
            and monotonic_ns() < give_up_ns
        ):
            parts.watch_workers()
            gevent.sleep(_POLL_S)

    def _conclude(self, state: State) -> None:
        assert self._collector is not None
        assert self.run_dir is not None
        if self._stand is not None:
            self._stand.finish()
            self._stand = None
        if self._interrupted:
            state = "partial"
            self._collector.event(INTERRUPTED, "stopped before its time")
        record = self._collector.finish(state, locust=self._at_work.totals())
        self._collector = self._parts = None
        self.verdict = record.verdict
        try:
            with (self.run_dir / "logs" / "reports.log").open("ab") as log:
                subprocess.run(
                    [sys.executable, "-m", "loadtest.reports", str(self.run_dir)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    check=False,
                    timeout=_REPORTS_TIMEOUT_S,
                )
        except (OSError, subprocess.TimeoutExpired) as error:  # the record is written, and they can be made from it
            logger.warning("no reports: %s", error)

    def _on_message(self, environment: Environment, msg: Message, **_: object) -> None:
        if self._parts is not None and msg.data["run_tag"] == self._parts.run_tag:
            self._parts.take(msg)

    def _on_stand_report(self, report: IntervalReport) -> None:
        if self._parts is not None:
            self._parts.take_stand_report(report)

    def _on_fault_state(self, state: FaultState) -> None:
        self._faults.on_state(state)

    def _on_stand_event(self, part: str, kind: str, text: str) -> None:
        self._system_died |= kind == PART_DIED
        if self._parts is not None:
            self._parts.take_event(part, kind, text)


def _without_passwords(facts: dict[str, Any]) -> dict[str, Any]:
    """The description of the parts as it may be written down."""
    return {
        name: {key: masked(value) if isinstance(value, str) else value for key, value in part.items()}
        for name, part in facts.items()
    }
