"""One Locust process and its children, and who has reported: without starting any."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
import pytest
from locust.env import Environment

import loadtest.locust_plugin.node as nodes
from loadtest import __version__
from loadtest.control import messages
from loadtest.errors import EnvironmentNotReady, HarnessError
from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber, wire
from loadtest.locust_plugin.clock_watch import ClockWatch
from loadtest.locust_plugin.description import digest
from loadtest.locust_plugin.ending import SILENCE_S, Arrivals
from loadtest.locust_plugin.host import clock_id, network_id
from loadtest.locust_plugin.sources import Sources, UnderWay
from loadtest.measure.interval import DeliveryRow, IntervalReport, OperationRow
from loadtest.measure.run_events import REFUSED
from loadtest.scenario import plan as plans
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.plan import Plan
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class FakeChild:
    """Takes commands down."""

    def __init__(self, module: str, name: str, log_file: Path, on_notice: object, on_exit: object) -> None:
        self.module, self.name, self.log_file = module, name, log_file
        self.commands: list[messages.Command] = []
        self.settings: dict[str, Any] = {}
        self.stopped = False

    def send(self, command: messages.Command) -> None:
        self.commands.append(command)

    def configure(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def wait_ready(self, timeout_s: float) -> None:
        return

    def tell_to_stop(self) -> None:
        self.stopped = True

    def stop(self) -> None:
        assert self.stopped


class FakeRunner:
    """Locust's runner as far as a node needs it."""

    worker_index = 1

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., None]] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def register_message(self, name: str, handler: Callable[..., None]) -> None:
        self.handlers[name] = handler

    def send_message(self, name: str, data: dict[str, Any]) -> None:
        self.sent.append((name, data))

    def receive(self, name: str, **data: object) -> None:
        self.handlers[name](environment=None, msg=SimpleNamespace(data=data))


class Depot(ChargePointFleet):
    profile = ChargePointProfile(connectors=5)


class Kerb(ChargePointFleet):
    pass


class Csms(CsmsSubscriber):
    heartbeat_interval_s = 33


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def environment(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Environment]:
    monkeypatch.setattr(nodes, "Child", FakeChild)
    plan = Plan(
        run_tag=9,
        version=__version__,
        scenario_sha256="",
        epoch_ns=1,
        clock=clock_id(),
        network=network_id(),
        gateway_url="ws://127.0.0.1:1",
        broker_url="mqtt://127.0.0.1:2",
        shared_group="",
        subscribers=1,
        log_dir=str(tmp_path / "logs"),
        credentials=CredentialFiles(),
        settings=resolve({"charge_points": 100, "engines": 2}),
    )
    environment = Environment(user_classes=[Depot, Csms])
    environment.parsed_options = Namespace(**{wire.PLAN_OPTION: plan.encode()})
    environment.loadtest_node = nodes.Node(environment, runner)  # type: ignore[attr-defined, arg-type]
    environment.events.test_start.fire(environment=environment)  # type: ignore[no-untyped-call]
    yield environment
    environment.events.quit.fire(exit_code=0)  # type: ignore[no-untyped-call]


def node_of(environment: Environment) -> nodes.Node:
    node: nodes.Node = environment.loadtest_node  # type: ignore[attr-defined]
    return node


def commands(environment: Environment) -> list[list[messages.Command]]:
    return [child.commands for child in node_of(environment)._relay.engines]  # type: ignore[attr-defined]


def cohorts(sent: list[messages.Command]) -> list[tuple[int, int]]:
    return [(each.first, each.count) for each in sent if isinstance(each, messages.AddCohort)]


def test_engines_are_started_with_what_they_need_and_numbered_over_all_workers(environment: Environment) -> None:
    engines = node_of(environment)._relay.engines
    assert [engine.name for engine in engines] == ["worker-1/engine-0", "worker-1/engine-1"]
    assert [engine.settings["engine"] for engine in engines] == [2, 3]  # type: ignore[attr-defined]
    assert [engine.log_file.parent.is_dir() for engine in engines] == [True, True]


def test_cohorts_are_asked_for_placed_in_turn_and_given_up(environment: Environment, runner: FakeRunner) -> None:
    users = [Depot(environment) for _ in range(3)]
    for number, user in enumerate(users):
        user.on_start()
        name, ask = runner.sent[-1]
        assert (name, ask["role"], ask["run_tag"]) == (wire.ASK, wire.COHORT, 9)
        runner.receive(wire.GRANT, role=wire.COHORT, token=ask["token"], first=25 * number, count=25)
    first, second = commands(environment)
    assert cohorts(first) == [(0, 25), (50, 25)]
    assert second == [messages.AddCohort(25, 25, msgspec.to_builtins(Depot.profile))]
    users[0].on_stop()
    assert first[-1] == messages.RemoveCohort(0)
    users[0].on_stop()
    assert len(first) == 3, "once"


def test_each_engine_gets_the_same_mix(environment: Environment, runner: FakeRunner) -> None:
    sizes = {Depot: 40, Kerb: 3}
    for number, user_class in enumerate((Depot, Kerb, Depot, Kerb, Kerb, Depot)):
        user_class(environment).on_start()
        ask = runner.sent[-1][1]
        assert ask["fleet_class"] == user_class.__name__
        runner.receive(wire.GRANT, role=wire.COHORT, token=ask["token"], first=100 * number, count=sizes[user_class])
    first, second = commands(environment)
    assert cohorts(first) == [(0, 40), (300, 3), (400, 3)]
    assert cohorts(second) == [(100, 3), (200, 40), (500, 40)]


def test_a_user_stopped_before_it_was_granted_anything_gets_nothing(
    environment: Environment, runner: FakeRunner
) -> None:
    user = Depot(environment)
    user.on_start()
    token = runner.sent[-1][1]["token"]
    user.on_stop()
    runner.receive(wire.GRANT, role=wire.COHORT, token=token, first=0, count=25)
    assert commands(environment) == [[], []]


def test_a_drain_reaches_its_role_and_users_that_stop_after_it_remove_nothing(
    environment: Environment, runner: FakeRunner
) -> None:
    user = Depot(environment)
    user.on_start()
    runner.receive(wire.GRANT, role=wire.COHORT, token=runner.sent[-1][1]["token"], first=0, count=25)
    runner.receive(wire.PHASE, phase="ramp", start_ns=5)
    runner.receive(wire.DRAIN, role=wire.ENGINE, deadline_ns=7)
    user.on_stop()
    for engine in commands(environment):
        assert engine[-2:] == [messages.EnterPhase("ramp", 5), messages.Drain(7)]


def test_what_users_ask_for_after_the_end_is_not_asked_for(environment: Environment, runner: FakeRunner) -> None:
    Csms(environment).on_start()
    token = runner.sent[-1][1]["token"]
    runner.receive(wire.END)
    asked = len(runner.sent)
    Depot(environment).on_start()
    runner.receive(wire.GRANT, role=wire.SUBSCRIBER, token=token, number=0)
    assert len(runner.sent) == asked
    assert not node_of(environment).active


def test_a_child_that_was_stopped_while_it_was_starting_refuses_nothing(
    environment: Environment, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_child: FakeChild, _timeout_s: float) -> None:
        raise HarnessError("ended with status 0 before it was ready")

    monkeypatch.setattr(FakeChild, "wait_ready", ended)
    node = node_of(environment)
    engine = node._relay.engines[0]
    node._report_refusal(engine)
    assert runner.sent[-1][1]["kind"] == REFUSED
    told = len(runner.sent)
    runner.receive(wire.END)
    node._report_refusal(engine)
    assert len(runner.sent) == told


def test_a_subscriber_learns_what_its_user_says(environment: Environment, runner: FakeRunner) -> None:
    user = Csms(environment)
    user.on_start()
    ask = runner.sent[-1][1]
    assert ask["role"] == wire.SUBSCRIBER
    runner.receive(wire.GRANT, role=wire.SUBSCRIBER, token=ask["token"], number=0)
    (subscriber,) = node_of(environment)._relay.subscribers
    assert subscriber.settings["heartbeat_interval_s"] == 33  # type: ignore[attr-defined]
    assert subscriber.settings["answer"] is True  # type: ignore[attr-defined]


def test_a_subscriber_with_commands_takes_answers_for_itself(
    environment: Environment, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Csms, "commands", CommandLoad(rates={"Reset": 0.5}))
    Csms(environment).on_start()
    runner.receive(wire.GRANT, role=wire.SUBSCRIBER, token=runner.sent[-1][1]["token"], number=0)
    (subscriber,) = node_of(environment)._relay.subscribers
    settings = subscriber.settings  # type: ignore[attr-defined]
    assert settings["commands"]["rates"] == {"Reset": 0.5}
    assert (settings["filters"], settings["reply_filter"]) == (["ocpp/cp/+"], "ocpp/cp/+/Reply")


def test_without_a_plan_nothing_is_asked_for(environment: Environment, runner: FakeRunner) -> None:
    environment.parsed_options = Namespace(**{wire.PLAN_OPTION: ""})
    before = node_of(environment)._relay.engines
    environment.events.test_start.fire(environment=environment)  # type: ignore[no-untyped-call]
    assert all(child.stopped for child in before)  # type: ignore[attr-defined]
    Depot(environment).on_start()
    assert runner.sent == []
    assert not node_of(environment).active


# Sources ------------------------------------------------------------------------------------------------------------


def two_workers() -> Sources:
    sources = Sources()
    for worker in ("a", "b"):
        sources.add(f"{worker}/engine-0", wire.ENGINE, worker)
    sources.add("a/subscriber-0", wire.SUBSCRIBER, "a")
    return sources


def report(sent: int = 0, delivered: int = 0, registered: int = 0, *, final: bool = False) -> IntervalReport:
    return IntervalReport(
        index=1,
        final=final,
        operations=[OperationRow("steady", "Heartbeat", sent=sent)],
        deliveries=[DeliveryRow("steady", "Heartbeat", delivered=delivered)],
        gauges={"registered_ever": registered},
    )


def test_sources_add_up_the_last_reports_by_role() -> None:
    sources = two_workers()
    assert (sources.ready(wire.ENGINE), sources.ready(wire.SUBSCRIBER)) == (2, 1)
    for sent in (5, 7):
        sources.take("a/engine-0", report(sent=sent, registered=2))
    sources.take("b/engine-0", report(sent=10, registered=3))
    sources.take("a/subscriber-0", report(delivered=16))
    sources.take("stranger", report(sent=1000, registered=1000))
    assert sources.under_way == [UnderWay(missing=1, link_cut=0, last_sent_s=2)]
    assert (sources.arrived, sources.registered) == (16, 5)
    assert "stranger" not in sources


def sendings(index: int, *, final: bool = False, **sent: int) -> IntervalReport:
    rows = [OperationRow(phase, "Heartbeat", sent=count) for phase, count in sent.items()]
    return IntervalReport(index=index, final=final, operations=rows)


def run_of(sources: Sources, drain_timeout_s: float) -> Any:
    settings = SimpleNamespace(drain_timeout_s=drain_timeout_s)
    return SimpleNamespace(parts=SimpleNamespace(sources=sources), hurried=False, epoch_ns=0, settings=settings)


def test_who_only_lacks_what_links_took_is_waited_for_until_it_is_silent() -> None:
    sources, now_ns = two_workers(), [10**9]
    cut = report(sent=10)
    cut.operations[0].link_cut = 2
    sources.take("a/engine-0", cut)
    arrivals = Arrivals(run_of(sources, drain_timeout_s=1000.0), lambda: now_ns[0])

    def expected_after(seconds: float, delivered: int) -> bool:
        now_ns[0] += int(seconds * 10**9)
        sources.take("a/subscriber-0", report(delivered=delivered))
        return arrivals.expected()

    assert expected_after(0, delivered=7)
    assert expected_after(60, delivered=7), "one is missing that no link took"
    assert expected_after(0, delivered=8)
    assert expected_after(SILENCE_S, delivered=8)
    assert not expected_after(1, delivered=8), "the others may never come"
    assert expected_after(0, delivered=9), "one came"
    assert not expected_after(0, delivered=10)


def test_what_is_missing_is_waited_for_as_long_as_the_drain_may_take_after_it_was_sent() -> None:
    sources, now_ns = two_workers(), [0]
    sources.take("a/engine-0", sendings(20, outage=7))
    sources.take("a/engine-0", sendings(60, outage=7, steady=10))
    sources.take("a/engine-0", sendings(61, outage=7, steady=10, final=True))
    arrivals = Arrivals(run_of(sources, drain_timeout_s=10.0), lambda: now_ns[0])

    def expected_at(second: float, **delivered: int) -> bool:
        now_ns[0] = int(second * 10**9)
        rows = [DeliveryRow(phase, "Heartbeat", delivered=count) for phase, count in delivered.items()]
        sources.take("a/subscriber-0", IntervalReport(index=int(second), deliveries=rows))
        return arrivals.expected()

    assert expected_at(62, outage=5, steady=8)
    assert expected_at(70, outage=5, steady=8), "two were sent in second 60"
    assert not expected_at(71.5, outage=5, steady=8), "all have had their time"
    assert expected_at(72, outage=5, steady=9), "one has come: the other may"
    assert not expected_at(76, outage=5, steady=9)


def test_what_was_lost_long_ago_is_not_waited_for() -> None:
    sources, now_ns = two_workers(), [62 * 10**9]
    sources.take("a/engine-0", sendings(20, outage=7))
    sources.take("a/engine-0", sendings(61, outage=7, steady=10, final=True))
    rows = [DeliveryRow("outage", "Heartbeat", delivered=5), DeliveryRow("steady", "Heartbeat", delivered=10)]
    sources.take("a/subscriber-0", IntervalReport(index=61, deliveries=rows))
    arrivals = Arrivals(run_of(sources, drain_timeout_s=1000.0), lambda: now_ns[0])
    assert arrivals.expected()
    now_ns[0] += int((SILENCE_S + 1) * 10**9)
    assert arrivals.expected(), "1000 s have not passed since"
    arrivals = Arrivals(run_of(sources, drain_timeout_s=30.0), lambda: now_ns[0])
    assert arrivals.expected()
    now_ns[0] += int((SILENCE_S + 1) * 10**9)
    assert not arrivals.expected()


def test_commands_are_waited_for_as_long_as_their_subscriber_lives() -> None:
    sources = two_workers()
    assert sources.commands_pending == 0
    waiting = report()
    waiting.gauges["csms.commands_pending"] = 3
    sources.take("a/subscriber-0", waiting)
    assert sources.commands_pending == 3
    sources.lose("a/subscriber-0")
    assert sources.commands_pending == 0


def test_a_final_report_stands_whatever_comes_after_it() -> None:
    sources = two_workers()
    sources.take("a/engine-0", report(sent=7, final=True))
    sources.take("a/engine-0", report(sent=5))
    assert [each.missing for each in sources.under_way] == [7]
    assert sources.missing_final(wire.ENGINE) == ["b/engine-0"]


def test_nobody_waits_for_what_is_lost() -> None:
    sources = two_workers()
    assert sources.workers() == {"a", "b"}
    assert sources.lose_worker("b") == ["b/engine-0"]
    assert sources.workers() == {"a"}
    assert sources.missing_final(wire.ENGINE) == ["a/engine-0"]
    sources.lose("a/engine-0")
    assert sources.missing_final(wire.ENGINE) == []
    assert sources.missing_final(wire.SUBSCRIBER) == ["a/subscriber-0"]


# On another host ------------------------------------------------------------------------------------------------------

AHEAD_NS = 5_000_000_000_000


def replan(environment: Environment, **changes: object) -> Plan:
    options = vars(environment.parsed_options)
    plan = msgspec.structs.replace(plans.decode(options[wire.PLAN_OPTION]), **changes)
    options[wire.PLAN_OPTION] = plan.encode()
    return plan


def test_a_worker_that_cannot_reach_the_masters_loopback_takes_no_part(
    environment: Environment, runner: FakeRunner
) -> None:
    node = node_of(environment)
    plan = replan(environment, network="another host", clock="another host")
    node._on_test_start()
    name, told = runner.sent[-1]
    assert (name, told["kind"], told["run_tag"]) == (wire.EVENT, "refused", plan.run_tag)
    assert "another host" in told["text"]
    assert "ws://127.0.0.1:1" in told["text"]
    assert "--embedded-address" in told["hint"]
    assert not node.active


def test_a_worker_with_another_scenario_or_version_takes_no_part(
    environment: Environment, runner: FakeRunner, tmp_path: Path
) -> None:
    node = node_of(environment)
    scenario = tmp_path / "steady.py"
    scenario.write_text("# not what the master has")
    vars(environment.parsed_options)["locustfile"] = str(scenario)
    replan(environment, scenario_sha256="0" * 64)
    node._on_test_start()
    assert "worker 1 has another scenario than the master" in runner.sent[-1][1]["text"]
    plan = replan(environment, scenario_sha256=digest(scenario), version="0.0.9")
    node._on_test_start()
    assert runner.sent[-1][1]["text"] == f"worker 1 runs loadtest {__version__}, the master 0.0.9"
    unreadable = {"run_tag": plan.run_tag, "version": __version__}
    vars(environment.parsed_options)[wire.PLAN_OPTION] = msgspec.json.encode(unreadable).decode()
    node._on_test_start()
    assert "cannot read the master's plan" in runner.sent[-1][1]["text"]
    assert runner.sent[-1][1]["run_tag"] == plan.run_tag
    assert not node.active
    vars(environment.parsed_options)[wire.PLAN_OPTION] = msgspec.structs.replace(plan, version=__version__).encode()
    node._on_test_start()
    assert len(node._relay.engines) == 2, "now nothing is amiss"


def test_a_worker_without_the_files_of_charge_points_takes_no_part(
    environment: Environment, runner: FakeRunner, tmp_path: Path
) -> None:
    node = node_of(environment)
    files = CredentialFiles(ca_file=str(tmp_path / "ca.pem"), client_certificate=str(tmp_path / "${cid}.pem"))
    replan(environment, credentials=files)
    node._on_test_start()
    assert runner.sent[-1][1]["text"] == f"worker 1 does not have {tmp_path}/ca.pem"
    assert not node.active


def test_a_worker_with_a_clock_of_its_own_converts_every_instant(
    environment: Environment, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = node_of(environment)
    node._clock_watch = ClockWatch(lambda now_ns: node._tell(wire.CLOCK_ASK, asked_ns=now_ns), first=(3, 0.0))
    plan = replan(environment, clock="another host", log_dir=str(tmp_path / "only on the master"))
    take = runner.send_message

    def answered(name: str, data: dict[str, Any]) -> None:
        if name == wire.CLOCK_ASK:
            runner.receive(wire.CLOCK_TELL, asked_ns=data["asked_ns"], theirs_ns=data["asked_ns"] - AHEAD_NS)
        take(name, data)

    monkeypatch.setattr(runner, "send_message", answered)
    node._on_test_start()
    user = Depot(environment)
    user.on_start()
    assert not [name for name, _ in runner.sent if name == wire.ASK], "it cannot be given anything yet"
    for _ in range(10):  # greenlets get their turn
        gevent.sleep(0)
    told = next(data for name, data in runner.sent if name == wire.CLOCK)["clock"]
    assert (told["worker"], told["readings"]) == ("worker-1", 1)
    assert abs(told["offset_ns"] - AHEAD_NS) <= told["bound_us"] * 1000
    assert [data["role"] for name, data in runner.sent if name == wire.ASK] == [wire.COHORT]

    (first, _) = node._relay.engines
    assert first.settings["epoch_ns"] == plan.epoch_ns + told["offset_ns"]  # type: ignore[attr-defined]
    runner.receive(wire.PHASE, phase="ramp", start_ns=5)
    runner.receive(wire.CUT, share=0.5, draw=1, at_ns=6, until_ns=0)
    runner.receive(wire.CUT, share=0.5, draw=1, at_ns=6, until_ns=8)
    runner.receive(wire.DRAIN, role=wire.ENGINE, deadline_ns=7)
    ahead = told["offset_ns"]
    assert commands(environment)[0] == [
        messages.EnterPhase("ramp", 5 + ahead),
        messages.CutOff(0.5, 1, 6 + ahead, 0),
        messages.CutOff(0.5, 1, 6 + ahead, 8 + ahead),
        messages.Drain(7 + ahead),
    ]
    node._on_notice(first, messages.FaultState("x", begun=False, at_ns=ahead + 9))
    assert runner.sent[-1][1]["at_ns"] == 9, "and back to the master's"


def test_what_children_write_where_the_master_cannot_see_it_is_sent(
    environment: Environment, runner: FakeRunner, tmp_path: Path
) -> None:
    replan(environment, log_dir=str(tmp_path / "only on the master"))
    node = node_of(environment)
    node._on_test_start()
    (first, second) = node._relay.engines
    first.log_file.write_text("something went wrong")
    for engine in (first, second):
        node._on_notice(engine, messages.Report(report(final=True)))
    logs = [data for name, data in runner.sent if name == wire.LOG]
    assert [(data["source"], data["text"]) for data in logs] == [("worker-1/engine-0", "something went wrong")]
    node.stop_children()
    assert not first.log_file.parent.exists()


def test_a_master_that_does_not_tell_its_time_is_named() -> None:
    with pytest.raises(EnvironmentNotReady, match="has not told its time"):
        ClockWatch(lambda _: None, first=(1, 0.0)).compare(0.0)


def test_processes_of_one_host_share_its_clock_and_its_network() -> None:
    assert clock_id() == clock_id()
    assert clock_id() != network_id()
