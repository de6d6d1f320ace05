"""A run's course ends whatever comes of it: turned away as a whole, or by a fault of ours."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent.event
import gevent.socket
import pytest

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin import beginning, ending, wire
from loadtest.locust_plugin import conductor as conductors
from loadtest.locust_plugin import course as courses
from loadtest.locust_plugin.conductor import Conductor
from loadtest.locust_plugin.course import Course
from loadtest.locust_plugin.ending import conclude
from loadtest.locust_plugin.sources import Sources
from loadtest.measure.interval import IntervalReport
from loadtest.measure.run_events import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable


class Runner:
    def register_message(self, *_: object) -> None:
        pass


def sources_after(**counted: int) -> Sources:
    sources = Sources()
    sources.add("worker-0/engine-0", wire.ENGINE, "local")
    counters = {f"engine.connect{name}": count for name, count in counted.items()}
    sources.take("worker-0/engine-0", IntervalReport(index=0, final=False, counters=counters))
    return sources


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ({"_refused": 4, "_in_vain": 4}, True),
        ({"_refused": 2, "_failed": 2, "_in_vain": 4}, True),
        ({}, False),
        ({"_refused": 4, "_failed": 1, "_in_vain": 4}, False),
        ({"_refused": 4, "_timed_out": 1, "_in_vain": 4}, False),
        ({"_refused": 4, "_in_vain": 4, "s": 1}, False),
    ],
    ids=["refused", "refused or failed", "not tried yet", "one failed otherwise", "one timed out", "one connected"],
)
def test_a_fleet_is_turned_away_when_nobody_got_in_and_nobody_ever_will(
    counted: dict[str, int], expected: bool
) -> None:
    assert sources_after(**counted).all_in_vain is expected


def test_a_fleet_that_is_turned_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "IN_VAIN_PATIENCE_S", 0.0)
    entered: list[str] = []
    sources = sources_after(_refused=4, _in_vain=4)

    def enter(phase: str) -> int:
        entered.append(phase)
        return 0

    parts = SimpleNamespace(sources=sources, allotment=SimpleNamespace(given=1, planned=1), watch_workers=lambda: None)
    run: Any = SimpleNamespace(enter=enter, system_died=False, parts=parts)
    settings = SimpleNamespace(ramp_s=0.0, call_timeout_s=1e9, charge_points=4, engines=1)
    plan: Any = SimpleNamespace(settings=settings, subscribers=0)
    Course(run, plan, 1, lambda: True).follow()
    assert entered == ["ramp"]


@pytest.mark.parametrize(("registered", "waits"), [(3, False), (2, True)])
def test_who_is_kept_away_by_a_link_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, registered: int, waits: bool
) -> None:
    monkeypatch.setattr(courses, "REGISTER_GRACE_S", 0.0)
    sources = Sources()
    sources.add("worker-0/engine-0", wire.ENGINE, "local")
    gauges = {"registered_ever": registered, "never_by_link": 1}
    sources.take("worker-0/engine-0", IntervalReport(index=0, gauges=gauges))
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        monkeypatch.setattr(settings, "charge_points", 3)  # somebody gives in

    parts = SimpleNamespace(sources=sources, watch_workers=look)
    collector = SimpleNamespace(missed_early=lambda: False, note_standstill=lambda _: None)
    run: Any = SimpleNamespace(enter=lambda _: monotonic_ns(), system_died=False, parts=parts, collector=collector)
    settings = SimpleNamespace(ramp_s=0.0, call_timeout_s=1e3, charge_points=4)
    plan: Any = SimpleNamespace(settings=settings)
    assert Course(run, plan, 1, lambda: True)._ramp()
    assert bool(looks) is waits


def test_a_master_that_stands_still_is_noticed_and_announces_nothing_in_hindsight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0

    def sleep(time_s: float) -> None:
        nonlocal now_s
        now_s += time_s if now_s < 101 else 5.0  # it stands still as the warm-up ends

    monkeypatch.setattr(courses, "monotonic_ns", lambda: int(now_s * 1e9))
    monkeypatch.setattr(courses, "gevent", SimpleNamespace(sleep=sleep))
    entered: list[tuple[str, float]] = []
    lags_us: list[int] = []

    def enter(phase: str, start_ns: int | None = None) -> int:
        start_ns = start_ns or int((now_s + 0.3) * 1e9)
        entered.append((phase, start_ns / 1e9))
        return start_ns

    parts = SimpleNamespace(sources=SimpleNamespace(registered=0, never_by_link=0), watch_workers=lambda: None)
    collector = SimpleNamespace(missed_early=lambda: False, note_standstill=lags_us.append)
    faults = SimpleNamespace(plan=lambda *_: None)
    system = SimpleNamespace(faults=())
    run: Any = SimpleNamespace(
        enter=enter, system_died=False, parts=parts, collector=collector, faults=faults, system=system, epoch_ns=0
    )
    settings = SimpleNamespace(ramp_s=0.0, call_timeout_s=0.0, warmup_s=3.0, duration_s=1.0, charge_points=0)
    course = Course(run, SimpleNamespace(settings=settings, subscribers=1), 1, lambda: True)  # type: ignore[arg-type]
    assert course._ramp()
    course._hold()
    (_, (warmup, warmup_s), (steady, steady_s)) = entered
    assert (warmup, steady) == ("warmup", "steady")
    assert steady_s > warmup_s + 3.0, "not when it was due, which had passed"
    assert max(lags_us) == pytest.approx(4.9e6, rel=0.01)


def test_a_master_that_is_busy_before_it_has_anybody_to_lead_has_not_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0

    def spawn(_time_s: float) -> None:
        nonlocal now_s
        now_s += 5.0

    monkeypatch.setattr(courses, "monotonic_ns", lambda: int(now_s * 1e9))
    monkeypatch.setattr(courses, "gevent", SimpleNamespace(sleep=spawn))
    lags_us: list[int] = []
    parts = SimpleNamespace(
        sources=Sources(), allotment=SimpleNamespace(given=1, planned=1), watch_workers=lambda: None
    )
    collector = SimpleNamespace(missed_early=lambda: False, note_standstill=lags_us.append)
    run: Any = SimpleNamespace(parts=parts, collector=collector)
    plan: Any = SimpleNamespace(settings=SimpleNamespace(engines=0), subscribers=0)
    Course(run, plan, 1, lambda: now_s > 115)._gather()
    assert lags_us == []


def test_a_stand_that_spoke_while_this_process_was_busy_has_not_been_silent() -> None:
    told: list[object] = []
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        gevent.spawn(lambda: told.append(ours.recv(10)))
        gevent.sleep(0)  # now it waits
        theirs.sendall(b"report")
        collector = SimpleNamespace(note_silence=told.append, finish=lambda *_, **__: SimpleNamespace(verdict=None))
        stand, parts = SimpleNamespace(report_finally=lambda: None), SimpleNamespace(totals=dict)
        run: Any = SimpleNamespace(
            plan="some", collector=collector, stand=stand, parts=parts, interrupted=False, over=True
        )
        conclude(run, "complete")
    assert told == [b"report", "stand"]


def test_a_fault_in_conducting_ends_the_run() -> None:
    told: list[object] = []

    class Faulty:
        def follow(self) -> None:
            raise ZeroDivisionError("what now")

    runner: Any = Runner()
    conductor = Conductor(runner, Path("steady.py"), told.append, lambda: told.append("over"))
    run: Any = SimpleNamespace(fail=lambda error: told.append(repr(error)))
    faulty: Any = Faulty()
    conductor._conduct(run, faulty)
    assert told == ["ZeroDivisionError('what now')", "over"]


def test_of_a_run_that_has_not_begun_nobody_is_asked_for_a_tail() -> None:
    done: list[str] = []
    run: Any = SimpleNamespace(
        plan="some",
        parts=SimpleNamespace(begun=False),
        faults=SimpleNamespace(stop=lambda: done.append("no more faults")),
        stand=SimpleNamespace(stop=lambda: done.append("stand down")),
        runner=SimpleNamespace(send_message=lambda name, _data: done.append(name)),
    )
    ending.collect(run)
    assert done == ["no more faults"]
    ending.take_down(run)
    assert done == ["no more faults", wire.END, "stand down"]


class Prepared(Conductor):
    """Conducts a run of which nothing is there but whether it was interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, set_up: Callable[[], None]) -> None:
        runner: Any = Runner()
        super().__init__(runner, Path("steady.py"), lambda _: None, lambda: None)
        self.done: list[str] = []
        run = SimpleNamespace(
            folder=Path("run"),
            collector=SimpleNamespace(event=lambda kind, _text: self.done.append(kind)),
            description=SimpleNamespace(run_id="run"),
            interrupt=lambda: self.done.append("interrupted"),
        )
        monkeypatch.setattr(conductors, "Run", lambda *_: run)
        monkeypatch.setattr(beginning, "set_up", lambda _run: set_up())
        monkeypatch.setattr(ending, "conclude", lambda _run, state: self.done.append(f"written: {state}"))
        monkeypatch.setattr(ending, "write_reports", lambda _: self._report())
        monkeypatch.setattr(ending, "take_down", lambda _: self.done.append("down"))

    def start(self) -> None:
        settings: Any = None
        self.prepare(settings, [], [])

    def _report(self) -> None:
        assert self.interrupt(), "left to others, Ctrl-C would end this"
        self.done.append("reports")


def test_what_is_written_of_a_run_that_was_refused_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise EnvironmentNotReady("no broker")

    conductor = Prepared(monkeypatch, refuse)
    with pytest.raises(EnvironmentNotReady):
        conductor.start()
    assert conductor.done == [REFUSED, "written: partial", "reports", "down"]
    assert not conductor.interrupt(), "over"


def test_an_end_while_the_system_is_being_set_up_leaves_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the web UI a greenlet of its own does that; Locust would let it die with the process, and tell nothing."""
    conductor = Prepared(monkeypatch, gevent.event.Event().wait)
    preparing = gevent.spawn(conductor.start)
    gevent.sleep(0)
    assert not conductor.finish(interrupted=False)
    assert conductor.done == []
    assert not conductor.finish(interrupted=True), "by the other"
    assert preparing.dead
    assert conductor.done == ["interrupted", "written: partial", "reports", "down"]


def test_reports_are_made_although_a_terminal_interrupts_everybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "reports"
    program.write_text('#!/bin/sh\nkill -INT $$\necho made > "$3/report"\n')
    program.chmod(0o755)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(ending, "sys", SimpleNamespace(executable=str(program)))
    ending.write_reports(tmp_path)
    assert (tmp_path / "report").read_text() == "made\n"


def test_ctrl_c_is_left_to_others_while_no_run_is_ending() -> None:
    runner: Any = Runner()
    conductor = Conductor(runner, Path("steady.py"), lambda _: None, lambda: None)
    assert not conductor.interrupt()
    conductor._concluded.clear()
    run: Any = SimpleNamespace(interrupted=False, hurried=False)
    run.interrupt = lambda: setattr(run, "interrupted", True)
    conductor._run = run
    assert conductor.interrupt()
    assert (run.interrupted, run.hurried) == (True, False)
    assert conductor.interrupt()
    assert (run.interrupted, run.hurried) == (True, True)
