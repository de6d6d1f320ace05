"""One run, seen from the master: its folder, its record in the making, and everything that takes part in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.clock import monotonic_ns
from loadtest.errors import EnvironmentNotReady, LoadTestError
from loadtest.locust_plugin.description import describe, run_name
from loadtest.locust_plugin.fault_command import FaultCommands
from loadtest.locust_plugin.fault_conductor import FaultConductor
from loadtest.locust_plugin.fleet import parts_of
from loadtest.locust_plugin.run_parts import RunParts
from loadtest.locust_plugin.scenario_check import thresholds_of
from loadtest.locust_plugin.stairs import stairs_of
from loadtest.locust_plugin.stand import Stand
from loadtest.measure.collector import Collector
from loadtest.measure.run_events import CONDUCTOR_FAULT, INTERRUPTED, PART_DIED, REFUSED
from loadtest.protocol.phases import DRAIN
from loadtest.scenario.faults import phases_of
from loadtest.scenario.mix import Allotment
from loadtest.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locust.runners import LocalRunner, MasterRunner

    from loadtest.control.messages import FaultState
    from loadtest.locust_plugin.users import CsmsSubscriber
    from loadtest.scenario.mix import Share
    from loadtest.scenario.plan import Plan
    from loadtest.scenario.settings import RunSettings

logger = logging.getLogger(__name__)

_NOTICE_NS = 300 * NS_PER_MS
"""How long before it begins a phase is announced, so that every process knows it in time."""


class Run:
    """Opens the record of a run and brings its parts together; nothing is started yet.

    Args:
        runner: Locust's, which carries messages to the workers.
        locustfile: The scenario.
        settings: Checked.
        fleet: The charge points, as planned.
        command: What repeats it.
        on_refused: Called with the error when the run cannot start or go on for reasons the user can mend.

    Attributes:
        folder: Where everything of it is written.
        system: The class of the scenario that says what the system under test has to stand.
        stairs: How the fleet grows in steps; ``None``: it is there from the beginning.
        plan: What the workers go by; ``None`` until the system under test is up.
        system_died: A part of the system under test is gone.
        ending: It is being drained and written; nothing new begins.
        interrupted: Somebody stopped it.
        hurried: And would not wait for what is under way.
        over: It has taken its course; whoever stops it in the web UI is before that.

    Raises:
        EnvironmentNotReady: Its folder cannot be made.
    """

    def __init__(
        self,
        runner: LocalRunner | MasterRunner,
        locustfile: Path,
        settings: RunSettings,
        fleet: Sequence[Share],
        command: list[str],
        on_refused: Callable[[LoadTestError], None],
    ) -> None:
        run_id = run_name(settings, locustfile.stem)
        self.folder = Path(settings.results) / run_id
        self.log_dir = self.folder / "logs"
        try:
            self.log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentNotReady(
                f"cannot make the result folder {self.folder}: {error.strerror}",
                hint="choose another with --results DIR",
            ) from error
        self.runner = runner
        self.settings = settings
        self.epoch_ns = monotonic_ns()
        self.plan: Plan | None = None
        self.system_died = self.ending = self.interrupted = self.hurried = self.over = False
        self.system = _system_class(runner)
        self.stairs = stairs_of(runner.environment)
        thresholds = thresholds_of(self.system, settings)
        phases = phases_of(self.system.faults)
        if self.stairs is not None:
            thresholds, phases = self.stairs.of_steps(thresholds), self.stairs.phases
        self.description = describe(
            settings,
            locustfile,
            run_id,
            self.epoch_ns,
            command=command,
            fleet=parts_of(fleet, runner.environment.user_classes, settings),
            limits=self.system.limits,
            thresholds=thresholds,
            phases=phases,
        )
        self._on_refused = on_refused
        self.collector = Collector(self.folder, self.description, thresholds)
        self.parts = RunParts(
            runner, self.collector, self.description.run_tag, Allotment(fleet), self.refuse, self.log_dir
        )
        self.stand = Stand(
            self.log_dir,
            self.parts.take_stand_report,
            self._on_stand_event,
            self.collector.describe_part,
            self._on_fault_state,
        )
        self.faults = FaultConductor(
            self.system.faults,
            self.stand,
            runner.send_message,
            FaultCommands(self.log_dir / "faults.log", self.collector),
            self.collector,
        )
        self.parts.on_subscriber_back = self.faults.on_subscriber_back

    def enter(self, phase: str, start_ns: int | None = None) -> int:
        """Tell every part which phase begins; returns when."""
        if start_ns is None:
            start_ns = monotonic_ns() + (0 if phase == DRAIN else _NOTICE_NS)
        self.parts.enter_phase(phase, start_ns)
        self.stand.enter_phase(phase, start_ns)
        return start_ns

    def interrupt(self) -> None:
        """Somebody stops it."""
        if not self.interrupted:
            self.interrupted = True
            self.collector.event(INTERRUPTED, "stopped before its time")

    def refuse(self, error: LoadTestError) -> None:
        """It cannot start or go on, for a reason the user can mend."""
        self.collector.event(REFUSED, error.message)
        self._on_refused(error)

    def fail(self, error: Exception) -> None:
        """Conducting it went wrong, which is a fault of ours: what it shows is void."""
        logger.error("the run cannot be conducted on", exc_info=error)
        self.collector.event(CONDUCTOR_FAULT, f"{type(error).__name__}: {error}")

    def _on_stand_event(self, part: str, kind: str, text: str) -> None:
        self.system_died |= kind == PART_DIED
        self.parts.take_event(part, kind, text)

    def _on_fault_state(self, state: FaultState) -> None:
        self.faults.on_state(state)


def _system_class(runner: LocalRunner | MasterRunner) -> type[CsmsSubscriber]:
    classes: list[Any] = runner.environment.user_classes
    system: type[CsmsSubscriber] = next(each for each in classes if hasattr(each, "faults"))
    return system
