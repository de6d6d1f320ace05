"""A run in small, without Locust: one engine against a server with known faults, through the instrument's own books.

Samples and counts take the way they take in a run: engine and subscriber report, the collector keeps the books and
writes a folder, and what is looked at in the end is that folder, as a report reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from loadtest.clock import monotonic_ns, utc_now
from loadtest.control import messages
from loadtest.errors import HarnessError
from loadtest.measure.collector import Collector
from loadtest.measure.histogram import Histogram
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_events import HARNESS_FAULTS
from loadtest.protocol.phases import DRAIN, PHASES, RAMP
from loadtest.reports.run_folder import open_run
from loadtest.runner.child_process import start_child
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from loadtest.measure.interval import IntervalReport
    from loadtest.measure.source_health import Role
    from loadtest.reports.run_folder import RunFolder
    from loadtest.runner.child_process import ControlChild

ENGINE, SUBSCRIBER = "engine", "subscriber"
RUN_TAG = 0xCA1
_READY_S = 20.0
_REGISTERED_S = 30.0
_NOTICE_NS = 100 * NS_PER_MS
_DRAIN_S = 10.0
_LAST_WORDS_S = 10.0


class Reports:
    """What one process has said so far, and somebody who waits for more."""

    def __init__(self) -> None:
        self.all: list[IntervalReport] = []
        self._news = asyncio.Event()

    def add(self, report: IntervalReport) -> None:
        """Take a report."""
        self.all.append(report)
        self._news.set()

    async def next(self) -> IntervalReport:
        """Wait for the next one."""
        self._news.clear()
        await self._news.wait()
        return self.all[-1]

    def samples(self, tag: str) -> Histogram:
        """All samples of one series."""
        merged = Histogram()
        for report in self.all:
            for series in report.series:
                if series.tag == tag:
                    merged.add_series(series)
        return merged


class Trial:
    """One engine, and whoever listens. Made in an ``async with`` block, which ends every process.

    Args:
        folder: Where it is written; made.
        charge_points: How many.
        beat_s: Every one of them sends a heartbeat as often.
        ramp_s: Within which they connect.
        call_timeout_s: How long an answer is waited for.
        phases: Names of all phases there will be.
    """

    def __init__(
        self,
        folder: Path,
        *,
        charge_points: int,
        beat_s: float,
        ramp_s: float = 0.3,
        call_timeout_s: float = 10.0,
        phases: tuple[str, ...] = PHASES,
    ) -> None:
        self._folder = folder
        self._charge_points = charge_points
        self._epoch_ns = monotonic_ns()
        self._phases = phases
        self._engine_settings: dict[str, Any] = {
            "charge_points": charge_points,
            "ramp_s": ramp_s,
            "call_timeout_s": call_timeout_s,
            "profile": {"connectors": 1, "default_heartbeat_s": beat_s},
        }
        description = RunDescription(
            run_id=folder.name,
            scenario="calibration",
            started_at=utc_now(),
            epoch_ns=self._epoch_ns,
            charge_points=charge_points,
            run_tag=RUN_TAG,
            phases=phases,
        )
        self._collector = Collector(folder, description)
        self._children = contextlib.AsyncExitStack()
        self._running: dict[str, tuple[ControlChild, Reports]] = {}
        self._faults: list[str] = []

    async def __aenter__(self) -> Trial:
        """Nothing runs yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop every process."""
        await self._children.aclose()

    async def listen(self, broker_url: str, *, qos: int) -> None:
        """Have a central system answer behind the broker, and measure.

        Raises:
            LoadTestError: It cannot.
        """
        await self._subscribe(SUBSCRIBER, {"broker_url": broker_url, "qos": qos, "heartbeat_interval_s": 0})

    async def listen_beside(self, broker_url: str, *, qos: int) -> Reports:
        """Have a second subscriber, on aiomqtt, time the same messages; what it says goes into no books.

        Raises:
            LoadTestError: It cannot.
        """
        wanted = {"broker_url": broker_url, "qos": qos, "client": "aiomqtt", "answer": False}
        return await self._subscribe("aiomqtt", wanted)

    async def connect(self, gateway_url: str) -> None:
        """Start the engine and wait until all charge points are registered there.

        Raises:
            HarnessError: They were not in time.
        """
        settings = {"seed": 1, "engine": 0, "gateway_url": gateway_url} | self._engine_settings
        reports = await self._start(ENGINE, "loadtest.engine", settings)
        engine, _ = self._running[ENGINE]
        engine.send(messages.AddCohort(0, self._charge_points))
        self.enter(RAMP)
        try:
            async with asyncio.timeout(_REGISTERED_S):
                while (await reports.next()).gauges.get("registered_ever") != self._charge_points:
                    pass
        except TimeoutError:
            raise HarnessError(
                f"calibration: not all of {self._charge_points:,} charge points were registered after "
                f"{_REGISTERED_S:g} s",
                hint="close what else keeps this machine busy",
            ) from None

    def enter(self, phase: str, start_ns: int = 0) -> int:
        """Begin a phase; returns when, which is now unless said otherwise."""
        start_ns = start_ns or monotonic_ns()
        self._collector.enter_phase(phase, start_ns)
        for child, _ in self._running.values():
            child.send(messages.EnterPhase(phase, start_ns))
        return start_ns

    async def stay(
        self, phase: str, length_s: float, *, then: str = DRAIN, whole_seconds: bool = False
    ) -> tuple[int, int]:
        """Be in a phase for a while; returns its beginning and its end.

        Args:
            phase: Its name.
            length_s: How long.
            then: The phase that follows.
            whole_seconds: Begin with a second of the reports, so that they tell of the phase alone.
        """
        start_ns = monotonic_ns() + _NOTICE_NS
        if whole_seconds:
            start_ns += -(start_ns - self._epoch_ns) % NS_PER_S
        self.enter(phase, start_ns)
        end_ns = start_ns + round(length_s * NS_PER_S)
        await asyncio.sleep((end_ns - _NOTICE_NS - monotonic_ns()) / NS_PER_S)
        self.enter(then, end_ns)
        await asyncio.sleep((end_ns - monotonic_ns()) / NS_PER_S)
        return start_ns, end_ns

    async def finish(self) -> RunFolder:
        """In the drain: wait for what is under way, settle the books, and read the folder as a report does.

        Raises:
            HarnessError: A process did not report for the last time, or failed.
        """
        for name in sorted(self._running, key=lambda name: name != ENGINE):  # who listens does so until the end
            child, reports = self._running[name]
            child.send(messages.Drain(monotonic_ns() + round(_DRAIN_S * NS_PER_S)))
            try:
                async with asyncio.timeout(_DRAIN_S + _LAST_WORDS_S):
                    while not (reports.all and reports.all[-1].final):
                        await reports.next()
            except TimeoutError:
                raise HarnessError(f"calibration: the {name} did not report for the last time") from None
        if self._faults:
            raise HarnessError(f"calibration: {self._faults[0]}")
        self._collector.finish("complete")
        return open_run(self._folder)

    async def _subscribe(self, name: str, wanted: dict[str, Any]) -> Reports:
        return await self._start(name, "loadtest.csms", wanted | {"answer_foreign": False})

    async def _start(self, name: str, module: str, settings: dict[str, Any]) -> Reports:
        reports = Reports()

        def on_notice(notice: messages.Notice) -> None:
            if isinstance(notice, messages.Report):
                if name in _ROLES:
                    self._collector.add(name, _ROLES[name], notice.report)
                reports.add(notice.report)
            elif isinstance(notice, messages.Event) and notice.kind in HARNESS_FAULTS:
                self._faults.append(f"{name}: {notice.text}")

        child = await start_child(module, name=name, log_file=self._folder / f"{name}.log", on_notice=on_notice)
        self._children.push_async_callback(child.stop)
        common = {"run_tag": RUN_TAG, "epoch_ns": self._epoch_ns, "phases": self._phases}
        await child.configure(common | settings, _READY_S)
        self._running[name] = child, reports
        return reports


_ROLES: dict[str, Role] = {ENGINE: "engine", SUBSCRIBER: "subscriber"}
