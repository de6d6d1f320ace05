"""What the master, or the only process there is, does at Locust's events: it begins runs, ends them, and leaves."""

from __future__ import annotations

import atexit
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import gevent
from locust import events
from locust.runners import STATE_INIT, LocalRunner, MasterRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from loadtest.errors import ExitCode, LoadTestError
from loadtest.locust_plugin import wire
from loadtest.locust_plugin.conductor import Conductor
from loadtest.locust_plugin.early_interrupts import end_forked_workers, tell_nothing_measured
from loadtest.locust_plugin.fleet import parts_of, users_of
from loadtest.locust_plugin.fleet_plan import FleetPlan
from loadtest.locust_plugin.gathering import await_workers
from loadtest.locust_plugin.interrupts import call_on, interrupt_main
from loadtest.locust_plugin.options import REHEARSAL, leave_passwords_out_of_form, settings_of
from loadtest.locust_plugin.rehearsal import SYSTEM_TOO, set_up_once
from loadtest.locust_plugin.repeat import repeat_command
from loadtest.locust_plugin.telling import tell_error, tell_note, tell_verdict
from loadtest.locust_plugin.web.live_page import LivePage
from loadtest.locust_plugin.web.login import add_login
from loadtest.measure.run_events import REFUSED
from loadtest.scenario.secret_settings import secret
from loadtest.scenario.settings import DIRECT, masked

if TYPE_CHECKING:
    from argparse import Namespace

    from locust.env import Environment

    from loadtest.scenario.mix import Share
    from loadtest.scenario.settings import RunSettings

SPAWN_RATE_PER_S = 100
"""Locust's spawn rate counts cohorts; the ramp of the charge points is ours."""
_STARTED_WITHIN_S = 10.0
"""Far more than Locust takes to start what does not run, which is little beyond a second."""
_LAST_ROWS_S = CSV_STATS_INTERVAL_SEC + 0.2
"""Within this time Locust writes its CSV files again. At its end it does not, and the last second would be missing."""


def stop_once_started(runner: LocalRunner | MasterRunner) -> None:
    """Stop what Locust is still starting, under its web UI.

    A master sends its workers what they are to start after it has told of the start: stopped in between, they would
    start it all the same, and the next start would be none, since Locust takes itself to be running.
    """
    with gevent.Timeout(_STARTED_WITHIN_S, exception=False):  # a start that is ended by the user is never complete
        while isinstance(runner, MasterRunner) and not runner.spawning_completed:
            gevent.sleep(0.05)
    runner.stop()


class Master:
    """The listeners of a master or of the only process.

    Args:
        environment: Locust's.
        runner: Its runner.
    """

    def __init__(self, environment: Environment, runner: LocalRunner | MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        options = environment.parsed_options
        assert options is not None
        self._options: Namespace = options
        self._quit_wanted = self._interrupted = self._leaving = self._stopped_by_hand = False
        self._headless = bool(options.headless)
        self._workers_expected = max(1, int(options.expect_workers)) if isinstance(runner, MasterRunner) else 1
        self._plan = FleetPlan(environment, self._workers_expected)
        if self._plan.stairs is not None:
            self._plan.stairs.users = self._users
        self._locustfile = str(options.locustfile).split(",")[0]
        self._conductor = Conductor(runner, Path(self._locustfile), self._on_refused, self._on_over)
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.spawning_complete.add_listener(lambda **_: self._conductor.on_spawning_complete())
        environment.events.test_stopping.add_listener(self._on_test_stopping)
        environment.events.quitting.add_listener(self._on_quitting)
        atexit.register(self._last_resort)
        for which in (signal.SIGINT, signal.SIGTERM):  # the latter until Locust has a handler of its own
            call_on(which, self._on_interrupt)
        self._live_page = self._add_pages()
        self._set_up()

    def _add_pages(self) -> LivePage | None:
        web_ui = self._environment.web_ui
        if web_ui is None:
            return None
        leave_passwords_out_of_form(self._options, events)
        prefix = self._options.web_base_path or ""
        if web_ui.web_login:
            add_login(web_ui, prefix, secret("web_password"))
        return LivePage(web_ui, prefix, self._conductor, self._workers)

    def _workers(self) -> int:
        return self._runner.worker_count if isinstance(self._runner, MasterRunner) else 0

    def _set_up(self) -> None:
        """Check everything that can be checked now; headless, bring the system under test up as well."""
        try:
            settings = self._settings()
            fleet = self._plan.make(settings, self._options.num_users)
            self._options.num_users = users_of(fleet, settings)
            if settings.metrics_port:
                self._serve_metrics(settings)
            if not self._options.spawn_rate:
                self._options.spawn_rate = SPAWN_RATE_PER_S
            if depth := getattr(self._options, REHEARSAL):
                self._rehearse(depth, settings, fleet)
            elif self._headless:
                self._prepare(settings, fleet)
                self._gather()
        except LoadTestError as error:
            tell_error(error)
            self._leave(error.exit_code)
        except KeyboardInterrupt:
            if self._conductor.run_dir is None:
                tell_nothing_measured()
            self._leave(ExitCode.INTERRUPTED)

    def _leave(self, code: ExitCode) -> NoReturn:
        self._finish(interrupted=True)  # a run that is prepared, while its workers are still awaited
        end_forked_workers()
        sys.exit(int(code))

    def _rehearse(self, depth: str, settings: RunSettings, fleet: tuple[Share, ...]) -> NoReturn:
        if depth == SYSTEM_TOO:
            parts = parts_of(fleet, self._environment.user_classes, settings)
            set_up_once(settings, parts, Path(settings.results) / settings.run_id / "logs")
        sys.exit(int(ExitCode.PASSED))

    def _gather(self) -> None:
        """Wait for the workers.

        Raises:
            LoadTestError: They do not come; the record of the run that was prepared says so as well.
        """
        runner = self._runner
        if isinstance(runner, MasterRunner):
            most_s = float(self._options.expect_workers_max_wait)
            try:
                await_workers(lambda: len(runner.clients.ready), self._workers_expected, most_s, tell_note)
            except LoadTestError as error:
                assert self._conductor.collector is not None
                self._conductor.collector.event(REFUSED, error.message)
                raise

    def _serve_metrics(self, settings: RunSettings) -> None:
        from loadtest.locust_plugin.metrics_endpoint import serve_metrics  # noqa: PLC0415 - not everybody wants them

        serve_metrics(settings.metrics_host, settings.metrics_port, self._conductor.books)

    def _settings(self) -> RunSettings:
        settings = settings_of(self._options)
        self._plan.check(settings)
        if self._live_page is not None:
            # What Locust's page shows, and asks for, as its host.
            self._environment.host = masked(settings.broker if settings.path == DIRECT else settings.gateway)
        return settings

    def _users(self) -> tuple[int, int]:
        """How many users there are beside the cohorts of charge points, and how many of these each step adds.

        Raises:
            LoadTestError: What was asked for cannot be run.
        """
        if self._runner.state == STATE_INIT and not self._conductor.prepared:
            self._plan.make(self._settings(), None)
        return self._plan.subscribers, self._plan.cohorts_of_step

    def _prepare(self, settings: RunSettings, fleet: tuple[Share, ...]) -> None:
        users = self._plan.users_to_ask_for(fleet, settings)
        command = repeat_command(settings, self._locustfile, users=users, argv=sys.argv)
        try:
            self._conductor.prepare(settings, fleet, command)
        except (KeyboardInterrupt, gevent.GreenletExit):
            self._stopped_by_hand = not self._leaving
            self._take_verdict()
            raise
        tell_note(f"fleet: {', '.join(map(str, parts_of(fleet, self._environment.user_classes, settings)))}")

    def _on_test_start(self, **_: object) -> None:
        options: dict[str, Any] = vars(self._options)
        options[wire.PLAN_OPTION] = ""
        self._stopped_by_hand = False
        if self._leaving:  # Locust goes on starting the test that was interrupted
            return
        if self._live_page is not None:
            self._live_page.refused = ""
        try:
            if not self._conductor.prepared:
                settings = self._settings()
                self._prepare(settings, self._plan.make(settings, self._runner.target_user_count))
            options[wire.PLAN_OPTION] = self._conductor.begin(self._workers() or 1)
        except LoadTestError as error:
            self._environment.process_exit_code = int(error.exit_code)
            self._on_refused(error)

    def _on_refused(self, error: LoadTestError) -> None:
        tell_error(error)
        if self._live_page is not None:
            self._live_page.refused = " ".join(filter(None, (error.line, error.hint)))
        self._runner.log_exception("loadtest", error.message, error.hint)  # for the web UI
        gevent.spawn(self._stop if self._headless else partial(stop_once_started, self._runner))

    def _on_over(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._headless:
            self._runner.quit()
        else:
            self._runner.stop()

    def _on_interrupt(self) -> None:
        """Raised into a run that is ending, an exception would cost it its record."""
        if self._conductor.interrupt():
            self._quit_wanted = True
        elif not self._leaving:
            self._interrupted = True
            interrupt_main()

    def _on_test_stopping(self, **_: object) -> None:
        deserted = isinstance(self._runner, MasterRunner) and not self._workers()  # then it is Locust that stops
        may_be_by_hand = not (self._headless or self._interrupted or deserted)
        self._stopped_by_hand |= may_be_by_hand and self._conductor.under_way
        # A load shape of Locust's ends its test itself when it is interrupted, before anybody is quitting.
        self._finish(interrupted=self._stopped_by_hand or self._interrupted)
        self._leaving |= self._headless
        if self._headless and isinstance(self._runner, MasterRunner) and not self._workers():
            gevent.spawn(self._runner.quit)  # Locust stops when the last worker goes missing, and stays there for good
        if self._quit_wanted and not self._headless and not self._leaving:
            gevent.get_hub().loop.run_callback(interrupt_main)  # which has waited for the run

    def _on_quitting(self, **_: object) -> None:
        self._leaving = True
        self._finish(interrupted=True)
        if self._options.csv_prefix:
            gevent.sleep(_LAST_ROWS_S)
        was_over = self._stopped_by_hand and not self._quit_wanted
        cut_off = self._environment.process_exit_code == ExitCode.INTERRUPTED and not was_over
        if not self._headless and not cut_off:
            self._environment.process_exit_code = 0  # the web UI was closed; its runs have verdicts of their own

    def _finish(self, *, interrupted: bool) -> None:
        if self._conductor.finish(interrupted=interrupted):
            self._take_verdict()

    def _take_verdict(self) -> None:
        verdict = self._conductor.verdict
        if verdict is not None:
            self._environment.process_exit_code = verdict.exit_code
            tell_verdict(verdict, self._conductor.run_dir)

    def _last_resort(self) -> None:
        """Locust ended in a way of its own; what was measured is saved all the same."""
        self._finish(interrupted=True)
