"""The parts of the system under test that are embedded, as one: checked, started, summed up, watched, stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.errors import UsageError
from loadtest.measure.health import HealthMonitor
from loadtest.measure.interval import IntervalReport
from loadtest.protocol.phases import DRAIN
from loadtest.runner.broker_part import start_broker
from loadtest.runner.descriptors import raise_limit
from loadtest.runner.embedded_security import EmbeddedSecurity
from loadtest.runner.gateway_config import read_switches, unfit_for_runs
from loadtest.runner.gateway_processes import GatewayRequest, start_gateway
from loadtest.runner.system_checks import Findings, check_direct_path, check_given_gateway, check_room_in_gateway
from loadtest.scenario.faults import BROKER
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.runner.broker_part import BrokerPart
    from loadtest.runner.fault_injection import Breakable, Refusing
    from loadtest.runner.gateway_part import GatewayPart
    from loadtest.runner.gateway_processes import GatewayProcesses
    from loadtest.runner.stand_settings import StandSettings
    from loadtest.scenario.faults import Refuse, StandFault

REPORT_DELAY_NS = 150 * NS_PER_MS
"""How long after a second's end its report is made: the gateway's own reports for it have arrived by then."""


class SystemUnderTest:
    """The parts of one run, from :meth:`start` to :meth:`stop`.

    Args:
        settings: What to set up.
        send: Takes reports and events.
    """

    def __init__(self, settings: StandSettings, send: Callable[[messages.Notice], None]) -> None:
        self._settings = settings
        self._send = send
        self._log_dir = Path(settings.log_dir)
        self._health = HealthMonitor()
        self._broker: BrokerPart | None = None
        self._gateway: GatewayProcesses | None = None
        self._gateway_switches: dict[str, Any] = {}
        self._security = EmbeddedSecurity(0, ())
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> dict[str, Any]:
        """Check everything there is to check, then start what is embedded; returns facts for the run record.

        The URLs in the facts are usable, passwords included: whoever records them masks them.

        Raises:
            UsageError: With every fault found.
            EnvironmentNotReady: A part could not be started after all checks had passed.
        """
        settings = self._settings
        limit = raise_limit()
        findings = Findings()
        if settings.gateway_embedded:
            check_room_in_gateway(settings, limit, findings)
            await findings.of(self._read_gateway_config())
        elif settings.gateway_external:
            await findings.of(check_given_gateway(settings))
        if settings.direct:
            await findings.of(check_direct_path(settings, limit))
        await findings.of(self._start_broker())
        findings.refuse()
        if settings.gateway_embedded:
            await self._start_gateway()
        self._watch()
        return self._facts()

    async def _read_gateway_config(self) -> None:
        if self._settings.gateway_config:
            self._gateway_switches = read_switches(self._settings.gateway_config)
            if faults := unfit_for_runs(self._gateway_switches):
                raise UsageError(faults)

    async def _start_broker(self) -> None:
        self._broker = await start_broker(self._settings)

    async def _start_gateway(self) -> None:
        settings = self._settings
        assert self._broker is not None
        broker = self._broker.broker.facts
        self._security = EmbeddedSecurity(
            settings.security_profile, settings.fleet(), settings.password, address=settings.address
        )
        self._gateway = await start_gateway(
            GatewayRequest(
                broker_url=broker.url,
                host=settings.address,
                processes=settings.gateway_processes,
                qos=broker.qos,
                epoch_ns=settings.epoch_ns,
                switches=self._security.gateway | self._gateway_switches,
                metrics_port=settings.gateway_metrics_port,
            ),
            self._log_dir,
            self._send,
        )

    def _facts(self) -> dict[str, Any]:
        assert self._broker is not None
        gateway, broker = self._gateway, self._broker.broker.facts
        embedded, given = self._security.charge_points, self._settings.credentials
        gateway_facts = {
            "url": self._settings.gateway if gateway is None else gateway.url,
            "embedded": gateway is not None,
            "processes": 0 if gateway is None else len(gateway.pids),
            "pids": [] if gateway is None else gateway.pids,
        } | ({} if gateway is None else {"switches": gateway.switches})
        return {
            "adaptations": list(broker.adaptations),
            "credentials": msgspec.to_builtins(given if gateway is None else embedded),
            **({"gateway": gateway_facts} if self._settings.gateway_needed else {}),
            "broker": broker.public() | {"url": broker.url},
        }

    def _watch(self) -> None:
        assert self._broker is not None
        broker = self._broker.broker

        async def watch_broker() -> None:
            self._part_died(await broker.died())

        create_task = asyncio.get_running_loop().create_task
        self._watching = [create_task(watch_broker(), name="watch-broker")]
        if self._gateway is not None:
            self._watching.append(create_task(self._gateway.watch(self._part_died), name="watch-gateway"))

    def _part_died(self, text: str) -> None:
        self._send(messages.Event("part_died", text))

    def report(self, index: int, *, final: bool = False) -> IntervalReport:
        """What all parts together did and used until now."""
        counters: dict[str, int] = {}
        gauges: dict[str, int] = {}
        if self._gateway is not None:
            usage = self._gateway.usage()
            counters = self._gateway.counters() | {"cpu_ns.gateway": usage.cpu_ns}
            gauges = self._gateway.gauges() | {"rss_bytes.gateway": usage.rss_bytes}
        if self._broker is not None and (used := self._broker.usage()) is not None:
            counters["cpu_ns.broker"] = used.cpu_ns
            gauges["rss_bytes.broker"] = used.rss_bytes
        return IntervalReport(
            index=index, final=final, counters=counters, gauges=gauges, health=self._health.take_interval()
        )

    async def report_each_second(self) -> None:
        """Send a report for each second of the run shortly after it has ended; for ever."""
        index = -1
        while True:
            # One report a second, none twice when a timer fires early, none made up when this process was held up.
            index = max(index + 1, (monotonic_ns() - self._settings.epoch_ns - REPORT_DELAY_NS) // NS_PER_S)
            due_ns = self._settings.epoch_ns + (index + 1) * NS_PER_S + REPORT_DELAY_NS
            await asyncio.sleep(max(0, due_ns - monotonic_ns()) / NS_PER_S)
            self._health.note_loop_lag(max(0, monotonic_ns() - due_ns) // NS_PER_US)
            self._send(messages.Report(self.report(index)))

    def enter_phase(self, command: messages.EnterPhase) -> None:
        """Tell the gateway, which settles its memory when the fleet stands; look at the broker's figures in the end."""
        if command.phase == DRAIN and self._broker is not None:
            self._broker.listen()
        if self._gateway is not None:
            self._gateway.send(command)

    def breakable(self, fault: StandFault) -> Sequence[Breakable]:
        """The parts a fault is about; none when the part is not embedded."""
        if fault.part == BROKER:
            return [self._broker.broker] if self._broker is not None and self._broker.broker.facts.embedded else []
        return self._gateway_parts(fault)

    def refusing(self, fault: Refuse) -> Sequence[Refusing]:
        """The processes of the gateway that a fault is about; none when it is not embedded."""
        return self._gateway_parts(fault)

    def _gateway_parts(self, fault: StandFault) -> Sequence[GatewayPart]:
        if self._gateway is None:
            return []
        return self._gateway.parts if fault.process is None else [self._gateway.parts[fault.process]]

    async def drain(self, deadline_ns: int) -> None:
        """Wait for the last figures of gateway and broker, and send the final report.

        Without the gateway's there is none, and the run is void; those of a broker are worth having, no more.
        """
        if self._gateway is not None:
            self._gateway.send(messages.Drain(deadline_ns))
            try:
                await asyncio.wait_for(self._gateway.drained.wait(), _left_s(deadline_ns))
            except TimeoutError:
                return
        if self._broker is not None and (figures := await self._broker.sys_figures(_left_s(deadline_ns))):
            self._send(messages.Facts(BROKER, {"sys": figures}))
        index = max(0, (monotonic_ns() - self._settings.epoch_ns) // NS_PER_S)
        self._send(messages.Report(self.report(index, final=True)))

    async def stop(self) -> None:
        """Take everything down, the gateway before the broker it talks to."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        if self._gateway is not None:
            await self._gateway.stop()
        if self._broker is not None:
            await self._broker.stop()
        self._security.remove()


def _left_s(deadline_ns: int) -> float:
    return max(0, deadline_ns - monotonic_ns()) / NS_PER_S
