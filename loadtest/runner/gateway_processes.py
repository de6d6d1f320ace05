"""The embedded gateway: one or more processes that share one port, started, summed up and stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadtest.brokers.ports import LOOPBACK, refuse_taken
from loadtest.control import messages
from loadtest.errors import EnvironmentNotReady
from loadtest.runner.gateway_config import resolved
from loadtest.runner.gateway_metrics import MetricsEndpoint
from loadtest.runner.gateway_part import GatewayPart
from loadtest.runner.process_usage import Usage, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRequest:
    """What the embedded gateway is to be.

    Attributes:
        broker_url: The broker it translates to.
        processes: How many share the port.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        qos: MQTT quality of service in both directions.
        epoch_ns: Start of interval 0 of the reports.
        switches: Further settings by the names of :class:`loadtest.gateway.settings.GatewaySettings`.
        metrics_port: Port of the Prometheus endpoint, on ``host``; 0: none.
    """

    broker_url: str
    processes: int = 1
    host: str = LOOPBACK
    port: int = 0
    qos: int = 1
    epoch_ns: int = 0
    switches: Mapping[str, Any] = field(default_factory=dict)
    metrics_port: int = 0


class GatewayProcesses:
    """The running gateway. Made by :func:`start_gateway`.

    Attributes:
        url: What charge points connect to, their id still to be appended.
        switches: The settings all processes run with, defaults included.
        parts: The processes, in order.
        drained: Set once every process that lives has sent its final report.
    """

    def __init__(self, request: GatewayRequest, on_event: Callable[[messages.Event], None]) -> None:
        self.url = ""
        self.switches: dict[str, Any] = {}
        self.drained = asyncio.Event()
        self._request = request
        self._on_event = on_event
        self.parts: list[GatewayPart] = []
        self._port = contextlib.ExitStack()
        self._meeting_place = ""
        self._metrics: MetricsEndpoint | None = None

    @property
    def pids(self) -> list[int]:
        """The process ids, in order."""
        return [part.child.pid for part in self.parts]

    def counters(self) -> dict[str, int]:
        """Running totals over all processes, those that died included with what they last reported."""
        return _sum([part.counters() for part in self.parts])

    def gauges(self) -> dict[str, int]:
        """States now, over the processes that live; the longest event-loop lag and GC pause beside."""
        living = [part.report for part in self.parts if part.report is not None and not part.gone]
        gauges = _sum([report.gauges for report in living])
        if living:
            gauges["loop_lag_max_us.gateway"] = max(report.health.loop_lag_max_us for report in living)
            gauges["gc_pause_max_us.gateway"] = max(report.health.gc_pause_max_us for report in living)
        return gauges

    def usage(self) -> Usage:
        """CPU and memory over all processes."""
        return total([part.usage() for part in self.parts])

    def send(self, command: messages.Command) -> None:
        """Pass a command to every process."""
        for part in self.parts:
            part.child.send(command)
        if isinstance(command, messages.Drain):
            self._note_drained()  # there may be none to be waited for

    async def watch(self, on_death: Callable[[str], None]) -> None:
        """Say of each process that ends that it did and how; returns when none is left."""

        async def watch_one(part: GatewayPart) -> None:
            how = await part.died()
            self._note_drained()
            on_death(how)

        await asyncio.gather(*map(watch_one, self.parts))

    async def stop(self) -> None:
        """Stop every process, all at once; safe to call twice."""
        if self._metrics is not None:
            self._metrics.stop()
            self._metrics = None
        await asyncio.gather(*(part.child.stop() for part in self.parts))
        self._port.close()
        if self._meeting_place:
            shutil.rmtree(self._meeting_place, ignore_errors=True)

    async def start(self, log_dir: Path) -> None:
        """Start all processes on one port; used by :func:`start_gateway`."""
        request = self._request
        # Unix sockets over which the processes tell each other of charge points that have moved. A folder of its own
        # under /tmp, because the path of a Unix socket must be shorter than a results folder may be.
        peers: list[str] = []
        if request.processes > 1:
            self._meeting_place = tempfile.mkdtemp(prefix="loadtest-")
            peers = [f"{self._meeting_place}/{index}" for index in range(request.processes)]
        if request.metrics_port:
            self._metrics = MetricsEndpoint(self, request.host, request.metrics_port)
        port = self._port.enter_context(_reserved(request.host, request.port))
        self.switches = resolved(self._process_settings(0, port, peers))
        for index in range(request.processes):
            name = "gateway" if request.processes == 1 else f"gateway process {index}"
            part = GatewayPart(name, log_dir / f"gateway-{index}.log", self._on_notice)
            await part.launch()
            self.parts.append(part)
        async with asyncio.TaskGroup() as starting:
            for index, part in enumerate(self.parts):
                starting.create_task(part.configure(self._process_settings(index, port, peers)))
        host = f"[{request.host}]" if ":" in request.host else request.host
        scheme = "wss" if self.switches["tls_certificate"] else "ws"
        self.url = f"{scheme}://{host}:{port}{self.switches['path']}"

    def _process_settings(self, index: int, port: int, peers: list[str]) -> dict[str, object]:
        request = self._request
        return {
            "host": request.host,
            "port": port,
            "broker_url": request.broker_url,
            "qos": request.qos,
            "epoch_ns": request.epoch_ns,
            "process_index": index,
            "peer_sockets": peers,
        } | dict(request.switches)

    def _on_notice(self, part: GatewayPart, notice: messages.Notice) -> None:
        if isinstance(notice, messages.Report):
            part.report = notice.report
            if not part.down:
                self._note_drained()
        elif isinstance(notice, messages.Event):
            self._on_event(notice)

    def _note_drained(self) -> None:
        if all(part.finished for part in self.parts):
            self.drained.set()


def _sum(tables: list[dict[str, int]]) -> dict[str, int]:
    summed: Counter[str] = Counter()
    for table in tables:
        summed.update(table)
    return dict(summed)


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Hold a port that our processes can bind as well, so that no one else takes it while one of them does not.

    A socket that is bound but does not listen is given no connections. While a fault keeps the gateway down, it also
    keeps charge points that dial the port from being given it as their own, and connecting to themselves.
    """
    if port:
        refuse_taken(port, host=host, option="--bind")  # with SO_REUSEPORT below a stranger's would go unseen
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            holder.bind((host, port))
        except OSError as error:
            raise EnvironmentNotReady(
                f"the gateway cannot listen on {host}: {error.strerror}", hint="choose an address of this machine"
            ) from error
        yield holder.getsockname()[1]


async def start_gateway(
    request: GatewayRequest, log_dir: Path, on_event: Callable[[messages.Event], None]
) -> GatewayProcesses:
    """Start the gateway; returns when every process takes connections.

    Args:
        request: What it is to be.
        log_dir: An existing folder for the processes' logs.
        on_event: Called with what the processes report beside their figures.

    Raises:
        EnvironmentNotReady: The port is taken, or a process cannot work; says why.
        HarnessError: A process ended or kept silent.
    """
    gateway = GatewayProcesses(request, on_event)
    try:
        await gateway.start(log_dir)
    except BaseException as error:
        await gateway.stop()
        if isinstance(error, BaseExceptionGroup):
            raise error.exceptions[0] from None
        raise
    return gateway
