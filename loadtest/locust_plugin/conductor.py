"""The master's side of runs: one begins, takes its course, ends; under the web UI one after the other.

Runs in the process of Locust's master, or in the only process there is.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from loadtest.clock import monotonic_ns
from loadtest.errors import LoadTestError
from loadtest.locust_plugin import beginning, ending, wire
from loadtest.locust_plugin.course import Course
from loadtest.locust_plugin.run import Run
from loadtest.locust_plugin.stepped_course import SteppedCourse
from loadtest.measure.run_events import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locust.env import Environment
    from locust.rpc.protocol import Message
    from locust.runners import LocalRunner, MasterRunner

    from loadtest.measure.books import Books
    from loadtest.measure.collector import Collector
    from loadtest.measure.run_outcome import Verdict
    from loadtest.measure.run_record import State
    from loadtest.scenario.mix import Share
    from loadtest.scenario.plan import Plan
    from loadtest.scenario.settings import RunSettings


class Conductor:
    """Conducts runs.

    Args:
        runner: A LocalRunner or MasterRunner.
        locustfile: The scenario.
        on_refused: Called with the error when a run cannot start or go on for reasons the user can mend.
        on_over: Called when a run has taken its course: Locust is to stop the test.

    Attributes:
        run_dir: Folder of the last run.
        verdict: On the last run, once it has ended.
        collector: Of the last run, until the next one begins.
        ended: Folders of the runs that have ended, by run id.
    """

    def __init__(
        self,
        runner: LocalRunner | MasterRunner,
        locustfile: Path,
        on_refused: Callable[[LoadTestError], None],
        on_over: Callable[[], None],
    ) -> None:
        self._runner = runner
        self._locustfile = locustfile
        self._on_refused = on_refused
        self._on_over = on_over
        self._run: Run | None = None
        self._course: gevent.Greenlet | None = None
        self._setting_up: gevent.Greenlet | None = None
        self._spawned = Event()
        self._concluded = Event()
        self._concluded.set()
        self.run_dir: Path | None = None
        self.verdict: Verdict | None = None
        self.collector: Collector | None = None
        self.ended: dict[str, Path] = {}
        for name in (wire.ASK, wire.READY, wire.REPORT, wire.EVENT, wire.FAULT_STATE, wire.CLOCK, wire.LOG):
            runner.register_message(name, self._on_message)
        runner.register_message(wire.CLOCK_ASK, self._on_clock_ask)

    def prepare(self, settings: RunSettings, fleet: Sequence[Share], command: list[str]) -> None:
        """Open the record and set up the system under test.

        Args:
            settings: Checked.
            fleet: The charge points, as planned.
            command: What repeats the run.

        Raises:
            LoadTestError: The run cannot start; what there is so far has been recorded.
        """
        self._concluded.wait()
        self.verdict = None
        self._spawned.clear()
        run = Run(self._runner, self._locustfile, settings, fleet, command, self._on_refused)
        self.run_dir, self.collector = run.folder, run.collector
        try:
            run.plan = self._set_up(run)
        except BaseException as error:
            if isinstance(error, LoadTestError):
                run.collector.event(REFUSED, error.message)
            else:
                run.interrupt()
            self._conclude(run, "partial")
            raise
        self._run = run

    def _set_up(self, run: Run) -> Plan:
        current = gevent.getcurrent()
        if isinstance(current, gevent.Greenlet):  # else it is the main one, which is interrupted itself
            self._setting_up = current
        try:
            return beginning.set_up(run)
        finally:
            self._setting_up = None

    @property
    def prepared(self) -> bool:
        """A run is prepared or under way."""
        return self._run is not None and not self._run.ending

    @property
    def under_way(self) -> bool:
        """A run goes on, and whoever asks is not it."""
        return self._course is not None and not self._course.dead and self._course is not gevent.getcurrent()

    def books(self) -> Books | None:
        """Those of the run that is on, or was the last; ``None`` before the first."""
        return self.collector.books() if self.collector is not None else None

    def begin(self, workers: int) -> str:
        """Conduct the prepared run as soon as all its parts are there.

        Args:
            workers: How many Locust processes take part.

        Returns:
            The plan, to be handed to the workers.
        """
        run = self._run
        assert run is not None
        assert run.plan is not None
        if run.stairs is None:
            course = Course(run, run.plan, workers, self._spawned.is_set)
        else:
            course = SteppedCourse(run, run.plan, workers, self._spawned.is_set, run.stairs)
        self._course = gevent.spawn(self._conduct, run, course)
        return run.plan.encode()

    def on_spawning_complete(self) -> None:
        """Locust has started all its users."""
        self._spawned.set()

    def _conduct(self, run: Run, course: Course) -> None:
        try:
            course.follow()
            run.over = True
        except LoadTestError as error:
            run.refuse(error)
            return
        except Exception as error:  # noqa: BLE001 - a bug of ours must end the run, not leave it hanging
            run.fail(error)
        self._on_over()

    def interrupt(self) -> bool:
        """Ctrl-C: the first one marks a run that is ending, a second one has its drain cut short.

        Returns whether a run is ending; if not, whoever is interrupted has to end it.
        """
        if self._concluded.is_set():
            return False
        if self._run is not None:
            self._run.hurried = self._run.interrupted
            self._run.interrupt()
        return True

    def finish(self, *, interrupted: bool) -> bool:
        """Collect the tail, settle the ledgers, write the record and the reports, take everything down.

        Whoever calls while another does this waits for its end: Locust's process must not end before. A run whose
        system under test is just being set up is ended by whoever prepares it.
        Returns whether a run was ended by this very call.
        """
        if interrupted and self._setting_up is not None:
            self._setting_up.kill()
        run = self._run
        if run is None or run.ending:
            if run is not None and interrupted:
                run.interrupt()
            self._concluded.wait()
            return False
        run.ending = True
        if interrupted:
            run.interrupt()
        self._concluded.clear()
        if self._course is not None and self._course is not gevent.getcurrent():
            self._course.kill()
        self._course = None
        try:
            ending.collect(run)
        except Exception as error:  # noqa: BLE001 - what was measured is written all the same
            run.fail(error)
        finally:
            self._conclude(run, "complete")
        return True

    def _conclude(self, run: Run, state: State) -> None:
        self._concluded.clear()  # nobody interrupts the writing of it
        with ExitStack() as stack:
            stack.callback(self._concluded.set)
            stack.callback(ending.take_down, run)
            stack.callback(ending.write_reports, run.folder)
            try:
                self.verdict = ending.conclude(run, state)
            finally:
                self._run = None
                self.ended[run.description.run_id] = run.folder

    def _on_clock_ask(self, environment: Environment, msg: Message, **_: object) -> None:
        answer = {"asked_ns": msg.data["asked_ns"], "theirs_ns": monotonic_ns()}
        self._runner.send_message(wire.CLOCK_TELL, answer, client_id=msg.node_id)

    def _on_message(self, environment: Environment, msg: Message, **_: object) -> None:
        if self._run is not None and msg.data["run_tag"] == self._run.parts.run_tag:
            self._run.parts.take(msg)
