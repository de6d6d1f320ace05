"""An engine with its whole fleet registered, driven over its control channel and watched from outside."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from process_clock import cpu_ns, rss_bytes

from loadtest.clock import monotonic_ns
from loadtest.control.messages import AddCohort, EnterPhase
from loadtest.errors import HarnessError
from loadtest.measure.histogram import Histogram
from loadtest.protocol.phases import RAMP, STEADY
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from loadtest.measure.interval import IntervalReport

MODULE = "loadtest.engine"
RUN_TAG = 0xBE7C


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What happened between two reports of a fleet.

    Attributes:
        seconds: Its length.
        round_trips: CALLs answered.
        cpu_ns: CPU time by process.
        service_us: Round trips from the real send: median and 99th percentile.
    """

    seconds: float
    round_trips: int
    cpu_ns: Mapping[str, int]
    service_us: tuple[int, int]

    @property
    def per_second(self) -> float:
        """Round trips per second."""
        return self.round_trips / self.seconds

    def cpu_us_per_round_trip(self, process: str) -> float:
        """CPU time of one process per round trip, in µs."""
        return self.cpu_ns[process] / self.round_trips / 1000


class Fleet:
    """An engine and its charge points, from start to stop of the ``with`` block.

    Args:
        url: The gateway; of a broker, ``mqtt://…``, the charge points are on the direct path.
        charge_points: How many.
        epoch_ns: Origin of the reports' seconds, when other children are to share it.
        heartbeat_s: Heartbeat interval where the gateway's side leaves it open.
        ramp_s: Time over which they connect.
        drivers: Who comes to charge; None: nobody.
        module: The engine.
    """

    def __init__(
        self,
        url: str,
        charge_points: int,
        *,
        epoch_ns: int | None = None,
        heartbeat_s: float = 300.0,
        ramp_s: float,
        drivers: Mapping[str, object] | None = None,
        module: str = MODULE,
    ) -> None:
        self._charge_points = charge_points
        self._ramp_s = ramp_s
        self._child = ControlledChild(module)
        self._direct = url.startswith("mqtt:")
        self._settings: dict[str, Any] = {
            "run_tag": RUN_TAG,
            "epoch_ns": monotonic_ns() if epoch_ns is None else epoch_ns,
            "seed": 1,
            **({"direct": {"broker_url": url}} if self._direct else {"gateway_url": url}),
            "engine": 0,
            "charge_points": charge_points,
            "ramp_s": ramp_s,
            "profile": {"connectors": 1, "default_heartbeat_s": heartbeat_s, "drivers": drivers},
        }
        self.pid = self._child.pid

    def __enter__(self) -> Fleet:
        """Configure the engine; no charge point exists yet."""
        self._child.configure(self._settings)
        self._child.next_report()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the engine."""
        self._child.__exit__(kind, error, traceback)

    @property
    def rss_bytes(self) -> int:
        """The engine's memory now."""
        return rss_bytes(self.pid)

    def register(self, settle_s: int = 0) -> float:
        """Connect and register every charge point, then let ``settle_s`` seconds of load go by.

        Returns:
            How many were registered per second, between the first and the last hundredth of them.

        Raises:
            HarnessError: Some did not register within a minute more than the ramp.
        """
        registered_ms = array("I")

        def complete(report: IntervalReport) -> bool:
            registered_ms.frombytes(report.registered_ms)
            return report.gauges.get("registered") == self._charge_points

        self._child.send(AddCohort(0, self._charge_points, path="direct" if self._direct else "gateway"))
        self._child.send(EnterPhase(RAMP, monotonic_ns()))
        self._child.report_when(complete, self._ramp_s + 60)
        self._child.send(EnterPhase(STEADY, monotonic_ns()))
        for _ in range(settle_s):
            self._child.next_report()
        instants_ms, margin = sorted(registered_ms), len(registered_ms) // 100
        spent_ms = instants_ms[-1 - margin] - instants_ms[margin]
        return (len(instants_ms) - 2 * margin) * 1000 / max(spent_ms, 1)

    def charge_everywhere(self, timeout_s: float) -> None:
        """Wait until a transaction is under way at 99 of 100 charge points.

        Raises:
            HarnessError: Drivers did not come in time.
        """
        wanted = self._charge_points * 0.99
        self._child.report_when(lambda report: report.gauges["charging"] >= wanted, timeout_s)

    def window(self, seconds: int, others: Mapping[str, int] | None = None) -> Window:
        """Watch a window of whole reports.

        Args:
            seconds: Its length.
            others: Process ids to watch beside the engine, by name.

        Raises:
            HarnessError: A connection was lost meanwhile.
        """
        pids = {"engine": self.pid, **(others or {})}
        first = report = self._child.next_report()
        before = {name: cpu_ns(pid) for name, pid in pids.items()}
        service = Histogram()
        for _ in range(seconds):
            report = self._child.next_report()
            for series in report.series:
                if series.tag.startswith(f"{STEADY}.round_trip.") and series.tag.endswith(".service"):
                    service.add_series(series)
        spent = {name: cpu_ns(pid) - before[name] for name, pid in pids.items()}
        if report.gauges["registered"] != self._charge_points:
            raise HarnessError(f"only {report.gauges['registered']} of {self._charge_points} charge points are left")
        median_us, p99_us = service.percentiles((50, 99))
        return Window(
            seconds=report.index - first.index,
            round_trips=_answered(report) - _answered(first),
            cpu_ns=spent,
            service_us=(median_us, p99_us),
        )


def _answered(report: IntervalReport) -> int:
    return sum(row.answered for row in report.operations)
