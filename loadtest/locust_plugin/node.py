"""One Locust process that runs users: a worker, or the only process. It owns the engines and subscribers."""

from __future__ import annotations

import itertools
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import msgspec

from loadtest.control import messages
from loadtest.errors import EnvironmentNotReady, LoadTestError
from loadtest.locust_plugin import wire
from loadtest.locust_plugin.child import Child
from loadtest.locust_plugin.child_logs import ChildLogs
from loadtest.locust_plugin.child_settings import engine_settings, subscriber_settings
from loadtest.locust_plugin.clock_watch import ClockWatch
from loadtest.locust_plugin.fleet import path_of
from loadtest.locust_plugin.host import clock_id
from loadtest.locust_plugin.joining import Invitation, join
from loadtest.locust_plugin.placing import Placing
from loadtest.locust_plugin.relay import Relay
from loadtest.measure.run_events import PART_DIED, REFUSED

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.rpc.protocol import Message
    from locust.runners import LocalRunner, WorkerRunner

    from loadtest.locust_plugin.users import ChargePointFleet, CsmsSubscriber
    from loadtest.measure.host_clock import ClockComparison
    from loadtest.scenario.plan import Plan

READY_TIMEOUT_S = 30.0


class Node:
    """The children of one Locust process.

    Args:
        environment: Locust's environment.
        runner: A LocalRunner or WorkerRunner.
    """

    def __init__(self, environment: Environment, runner: LocalRunner | WorkerRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._plan: Plan | None = None
        self._run_tag = -1
        self._clock_watch = ClockWatch(lambda now_ns: self._tell(wire.CLOCK_ASK, asked_ns=now_ns))
        self._comparing: gevent.Greenlet | None = None
        self._logs = ChildLogs()
        self._early: dict[ChargePointFleet | CsmsSubscriber, tuple[str, dict[str, str]]] = {}
        self._placing = Placing()
        # Locust stops its users after a drain; by then their charge points have been counted out.
        self._relay = Relay(runner, on_drain=self._placing.forget)
        self._tokens = itertools.count()
        self._asking: dict[int, ChargePointFleet | CsmsSubscriber] = {}
        for name, handler in (
            (wire.GRANT, self._on_grant),
            (wire.CLOCK_TELL, self._on_clock_tell),
            (wire.END, self._on_end),
        ):
            runner.register_message(name, handler)
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.quit.add_listener(lambda **_: self.stop_children())

    @property
    def active(self) -> bool:
        """There are children at work."""
        return bool(self._relay.engines or self._relay.subscribers)

    # From users -------------------------------------------------------------------------------------------------

    def request_cohort(self, user: ChargePointFleet) -> None:
        """Ask for charge points for a user; they are added when the master grants them."""
        self._ask(wire.COHORT, user, fleet_class=type(user).__name__)

    def request_subscriber(self, user: CsmsSubscriber) -> None:
        """Ask for a place among the subscribers for a user."""
        self._ask(wire.SUBSCRIBER, user)

    def release_cohort(self, user: ChargePointFleet) -> None:
        """Disconnect a user's charge points for good, or ask for none any more."""
        self._asking = {token: asking for token, asking in self._asking.items() if asking is not user}
        self._early.pop(user, None)
        cohort = self._placing.release(user)
        if cohort is not None:
            cohort.engine.send(messages.RemoveCohort(cohort.first))

    def _ask(self, role: str, user: ChargePointFleet | CsmsSubscriber, **more: str) -> None:
        if self._plan is None:  # its clock is being compared; or the start of the run failed, which has been reported
            self._early[user] = role, more
            return
        token = next(self._tokens)
        self._asking[token] = user
        self._tell(wire.ASK, role=role, token=token, **more)

    # From Locust and the master -----------------------------------------------------------------------------------

    def _on_test_start(self, **_: object) -> None:
        self.stop_children()
        text = vars(self._environment.parsed_options).get(wire.PLAN_OPTION)
        self._plan = None
        if not text:
            return
        invitation = msgspec.json.decode(text, type=Invitation)
        self._run_tag = invitation.run_tag
        locustfile = Path(str(vars(self._environment.parsed_options).get("locustfile", "")).split(",")[0])
        try:
            plan = join(text, invitation, locustfile, self._index)
        except EnvironmentNotReady as error:
            self._refuse(error)
            return
        if plan.clock == clock_id():
            self._begin(plan, 0)
        else:
            self._comparing = gevent.spawn(self._compare_clocks, plan)

    def _compare_clocks(self, plan: Plan) -> None:
        """Begin as soon as it is known how to convert instants, then watch that this stays true."""
        try:
            comparison = self._clock_watch.compare()
        except EnvironmentNotReady as error:
            self._refuse(error)
            return
        self._begin(plan, comparison.offset_ns)
        self._clock_watch.follow(comparison, self._tell_clock)

    def _tell_clock(self, comparison: ClockComparison) -> None:
        described = comparison.describe(worker=self._name, host=platform.node(), clock=clock_id())
        self._tell(wire.CLOCK, clock=msgspec.to_builtins(described))

    def _begin(self, plan: Plan, offset_ns: int) -> None:
        """Start the engines. From here on all instants are of this host's clock; the epoch is the same moment."""
        self._relay.offset_ns = offset_ns
        self._plan = plan = msgspec.structs.replace(plan, epoch_ns=plan.epoch_ns + offset_ns)
        self._logs = ChildLogs(plan.log_dir)
        for number in range(plan.settings.engines):
            engine = self._start_child(wire.ENGINE, "loadtest.engine", number)
            self._relay.engines.append(engine)
            engine.configure(engine_settings(plan, self._index * plan.settings.engines + number))
            gevent.spawn(self._report_refusal, engine)
        early, self._early = self._early, {}
        for user, (role, more) in early.items():
            self._ask(role, user, **more)

    def _on_grant(self, environment: Environment, msg: Message, **_: object) -> None:
        data: dict[str, Any] = msg.data
        user = self._asking.pop(data["token"], None)
        if user is None or self._plan is None:
            return
        if data["role"] == wire.COHORT:
            self._add_cohort(user, data["first"], data["count"])  # type: ignore[arg-type]  # the role says which it is
        else:
            self._start_subscriber(user, data["number"])  # type: ignore[arg-type]  # the role says which it is

    def _on_end(self, environment: Environment, msg: Message, **_: object) -> None:
        self._plan = None  # users that Locust is still starting ask for nothing any more
        self.stop_children()

    def _on_clock_tell(self, environment: Environment, msg: Message, **_: object) -> None:
        self._clock_watch.take(msg.data["asked_ns"], msg.data["theirs_ns"])

    # Children ---------------------------------------------------------------------------------------------------

    def stop_children(self) -> None:
        """Stop every child of this process; harmless when there are none."""
        if self._comparing is not None:
            self._comparing.kill()
            self._comparing = None
        self._early.clear()
        self._placing.forget()
        children = self._relay.take_all()
        for child in children:  # all at once: each takes its time to close its connections
            child.tell_to_stop()
        for child in children:
            child.stop()
        self._logs.remove()

    @property
    def _index(self) -> int:
        return max(0, self._runner.worker_index)

    @property
    def _name(self) -> str:
        return f"worker-{self._index}"

    def _add_cohort(self, user: ChargePointFleet, first: int, count: int) -> None:
        assert self._plan is not None
        path = path_of(type(user), self._plan.settings)
        profile = user.profile
        if self._plan.settings.heartbeat_interval_s:
            profile = msgspec.structs.replace(profile, heartbeat_s=self._plan.settings.heartbeat_interval_s)
        engine = self._placing.place(user, first, count, self._relay.engines)
        engine.send(messages.AddCohort(first, count, msgspec.to_builtins(profile), path))

    def _start_subscriber(self, user: CsmsSubscriber, number: int) -> None:
        assert self._plan is not None
        subscriber = self._start_child(wire.SUBSCRIBER, "loadtest.csms", number)
        self._relay.subscribers.append(subscriber)
        subscriber.configure(subscriber_settings(self._plan, user, number))
        gevent.spawn(self._report_refusal, subscriber)

    def _report_refusal(self, child: Child) -> None:
        try:
            child.wait_ready(READY_TIMEOUT_S)
        except LoadTestError as error:
            if child not in (*self._relay.engines, *self._relay.subscribers):
                return  # it was stopped while it was starting
            self._tell_log(child)
            self._tell(wire.EVENT, source=child.name, kind=REFUSED, text=error.message, hint=error.hint)

    def _start_child(self, role: str, module: str, number: int) -> Child:
        name = f"{self._name}/{role}-{number}"
        return Child(module, name, self._logs.file(name), self._on_notice, self._on_child_exit)

    def _on_notice(self, child: Child, notice: messages.Notice) -> None:
        role = wire.ENGINE if child in self._relay.engines else wire.SUBSCRIBER
        match notice:
            case messages.Ready():
                self._tell(wire.READY, source=child.name, role=role, host=clock_id())
            case messages.Report(report):
                if report.final:
                    self._tell_log(child)
                self._tell(wire.REPORT, source=child.name, role=role, body=msgspec.msgpack.encode(report))
            case messages.FaultState(name=name, at_ns=at_ns):
                self._tell(wire.FAULT_STATE, source=child.name, fault=name, at_ns=at_ns - self._relay.offset_ns)
            case messages.Event(kind, text):
                self._tell(wire.EVENT, source=child.name, kind=kind, text=text, hint="")

    def _on_child_exit(self, child: Child, status: int) -> None:
        how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._tell_log(child)
        self._tell(wire.EVENT, source=child.name, kind=PART_DIED, text=f"{child.name} {how}", hint="")

    def _tell_log(self, child: Child) -> None:
        """Whatever it has said goes to the run's folder, which is where the master is."""
        if said := self._logs.to_send(child.name):
            self._tell(wire.LOG, source=child.name, text=said)

    def _refuse(self, error: LoadTestError) -> None:
        self._tell(wire.EVENT, source=self._name, kind=REFUSED, text=error.message, hint=error.hint)

    def _tell(self, name: str, **data: object) -> None:
        self._runner.send_message(name, {"run_tag": self._run_tag, **data})
