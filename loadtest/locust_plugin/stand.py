"""The stand seen from the master: the process that holds the embedded parts of the system under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from gevent.event import Event

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.locust_plugin.child import Child
from loadtest.measure.run_events import PART_DIED
from loadtest.scenario.broker_settings import broker_settings
from loadtest.scenario.secret_settings import secret
from loadtest.scenario.settings import DIRECT
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.run_description import FleetPart
    from loadtest.scenario.settings import RunSettings

_START_TIMEOUT_S = 120.0
_FINAL_REPORT_S = 5.0
_ON_ITS_WAY_S = 2.0
"""How much longer a final report is waited for that was sent just in time."""


class Stand:
    """Starts, watches and ends the system under test of one run.

    Args:
        log_dir: Folder for the logs of all parts.
        on_report: Called with each report.
        on_event: Called with part, kind and text of each event.
        on_facts: Called with a part and what turns out about it later.
        on_fault: Called when a fault has begun, or what it took away is back.
    """

    def __init__(
        self,
        log_dir: Path,
        on_report: Callable[[IntervalReport], None],
        on_event: Callable[[str, str, str], None],
        on_facts: Callable[[str, dict[str, Any]], None],
        on_fault: Callable[[messages.FaultState], None],
    ) -> None:
        self._on_report = on_report
        self._on_event = on_event
        self._on_facts = on_facts
        self._on_fault = on_fault
        self._final = Event()
        self._log_dir = log_dir
        self._child: Child | None = None
        self._facts: dict[str, Any] = {}

    def start(self, settings: RunSettings, epoch_ns: int, fleet: Sequence[FleetPart]) -> dict[str, Any]:
        """Bring everything up and describe it.

        Args:
            settings: Of the run.
            epoch_ns: Start of its interval 0.
            fleet: Kinds of charge points there are to be.

        Raises:
            LoadTestError: Something cannot be started or reached.
        """
        self._child = child = Child(
            "loadtest.runner.stand", "stand", self._log_dir / "stand.log", self._on_notice, self._on_exit
        )
        child.configure(
            {
                "epoch_ns": epoch_ns,
                "log_dir": str(self._log_dir.resolve()),
                "gateway": settings.gateway,
                "broker": settings.broker,
                "broker_settings": broker_settings(settings.broker_setting),
                "address": settings.embedded_address,
                "gateway_processes": settings.gateway_processes,
                "charge_points": settings.charge_points,
                "mqtt_version": settings.mqtt_version,
                "csms_mqtt_version": settings.csms_mqtt_version,
                "direct": sum(part.charge_points for part in fleet if part.path == DIRECT),
                "qos": settings.qos,
                "highest_qos": settings.highest_qos,
                "persistent": settings.persistent,
                "subscribers": settings.subscribers,
                "security_profile": settings.security_profile,
                "id_prefixes": sorted({part.id_prefix for part in fleet}),
                "credentials": msgspec.to_builtins(settings.credentials),
                "password": secret("password"),
                "gateway_config": settings.gateway_config,
                "gateway_metrics_port": settings.gateway_metrics_port,
            }
        )
        self._facts = dict(child.wait_ready(_START_TIMEOUT_S).facts)
        return self._facts

    def broker_url(self, settings: RunSettings) -> str:
        """Where to connect: as the user gave it, password included, or as the embedded broker listens."""
        if "://" in settings.broker:
            return settings.broker
        url: str = self._facts["broker"]["url"]
        return url

    def enter_phase(self, phase: str, start_ns: int) -> None:
        """Tell the embedded parts which phase begins."""
        if self._child is not None:
            self._child.send(messages.EnterPhase(phase, start_ns))

    def send(self, command: messages.BeginFault | messages.EndFault) -> None:
        """Have a part broken, or given back."""
        if self._child is not None:
            self._child.send(command)

    def report_finally(self) -> None:
        """Ask for the final report and wait for it."""
        if self._child is not None and self._child.ready:
            self._child.send(messages.Drain(monotonic_ns() + int(_FINAL_REPORT_S * NS_PER_S)))
            self._final.wait(_FINAL_REPORT_S + _ON_ITS_WAY_S)

    def stop(self) -> None:
        """Take everything down; harmless when nothing is up."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _on_notice(self, child: Child, notice: messages.Notice) -> None:
        match notice:
            case messages.Report(report):
                self._on_report(report)
                if report.final:
                    self._final.set()
            case messages.Facts(part, facts):
                self._on_facts(part, facts)
            case messages.FaultState():
                self._on_fault(notice)
            case messages.Event(kind, text):
                self._on_event("system", kind, text)

    def _on_exit(self, child: Child, status: int) -> None:
        self._final.set()
        self._on_event("stand", PART_DIED, f"the process that holds broker and gateway ended with status {status}")
