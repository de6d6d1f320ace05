"""A run made up from known numbers: drives a real :class:`Collector` as the processes of a run would.

Everything in the folder it leaves behind can be computed from the arguments, which is what tests compare with.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from loadtest.measure.collector import Collector
from loadtest.measure.interval import ClassReport, DeliveryRow, Health, IntervalReport, OperationRow, SentCounts
from loadtest.measure.recorder import Recorder
from loadtest.measure.run_description import FleetPart, RunDescription
from loadtest.measure.sequence import SequenceWindows
from loadtest.measure.tags import CONNECT, INTENDED, PACER, REGISTER, ROUND_TRIP, SERVICE, UPLINK, Tag
from loadtest.measure.validity import Validity
from loadtest.scenario.fleet_classes import told_apart
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord
    from loadtest.scenario.threshold import Threshold

STARTED_AT = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
EPOCH_NS = 1_000 * NS_PER_S
SHARES = {
    "Heartbeat": 0.45,
    "MeterValues": 0.35,
    "StatusNotification": 0.12,
    "StartTransaction": 0.04,
    "StopTransaction": 0.04,
}


@dataclasses.dataclass(kw_only=True)
class SampleRun:
    """What the run is like.

    ``every`` counts messages of the run: 0 never, 10 each tenth. ``classes`` are charge points by class, in the order
    of their numbers; empty: all are of one class.
    """

    charge_points: int = 40
    never_register: int = 0
    ramp_s: int = 3
    steady_s: int = 6
    drain_s: int = 1
    rate_per_s: int = 60
    engines: int = 2
    subscribers: int = 1
    uplink_us: float = 900.0
    answer_us: float = 700.0
    lost_every: int = 0
    duplicated_every: int = 0
    reordered_every: int = 0
    timed_out_every: int = 0
    invalid: int = 0
    stall_from_s: int = 0
    stall_s: int = 0
    pacer_us: float = 60.0
    cpu_ns: int = 300_000_000
    seed: int = 1
    classes: dict[str, int] = dataclasses.field(default_factory=dict)
    thresholds: tuple[Threshold, ...] = ()
    description: dict[str, Any] = dataclasses.field(default_factory=dict)

    def play(self, run_dir: Path, *, until_s: int | None = None) -> SampleProcesses:
        """Let the run happen up to a second, or to its end without finishing it."""
        processes = SampleProcesses(self, run_dir)
        for second in range(self.length_s if until_s is None else until_s):
            processes.report(second)
        return processes

    def finished(self, run_dir: Path) -> RunRecord:
        """Let the whole run happen and close its books."""
        processes = self.play(run_dir)
        processes.report_finally()
        return processes.finish()

    @property
    def length_s(self) -> int:
        """Seconds from the start to the end of the drain."""
        return self.ramp_s + self.steady_s + self.drain_s


class ClassTold:
    """What one process tells of one class of charge points."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.operations: dict[tuple[str, str], OperationRow] = {}
        self.deliveries: dict[tuple[str, str], DeliveryRow] = {}
        self.registered = 0

    def report(self) -> ClassReport:
        return ClassReport(
            series=self.recorder.take_interval(),
            operations=[msgspec.structs.replace(row) for row in self.operations.values()],
            deliveries=[msgspec.structs.replace(row) for row in self.deliveries.values()],
            registered_ever=self.registered,
        )


class SampleProcesses:
    """The processes of a made-up run: engines, subscribers and a gateway."""

    def __init__(self, sample: SampleRun, run_dir: Path) -> None:
        self.sample = sample
        self.now_ns = EPOCH_NS
        self.run_dir = run_dir
        self.clock_step_s = 0.0
        self.collector = Collector(
            run_dir, self._description(), sample.thresholds, clock=lambda: self.now_ns, wall_clock=self._time_of_day
        )
        self.sent = 0
        self.lost: list[tuple[int, int]] = []
        self.random = np.random.default_rng(sample.seed)
        self.engines = [Recorder() for _ in range(sample.engines)]
        self.subscribers = [Recorder() for _ in range(sample.subscribers)]
        self.windows = [SequenceWindows() for _ in range(sample.subscribers)]
        self.operations: list[dict[tuple[str, str], OperationRow]] = [{} for _ in range(sample.engines)]
        self.deliveries: list[dict[tuple[str, str], DeliveryRow]] = [{} for _ in range(sample.subscribers)]
        self.classes = told_apart(sample.classes.items())
        self.of_class: dict[tuple[str, int, str], ClassTold] = {}
        self.sequences = [0] * sample.charge_points
        self.connected = 0
        self._held_back: tuple[int, str, int, int] | None = None
        for phase, start_s in (("ramp", 0), ("steady", sample.ramp_s), ("drain", sample.ramp_s + sample.steady_s)):
            self.collector.enter_phase(phase, EPOCH_NS + start_s * NS_PER_S)
        for name, role in self.names():
            self.collector.expect(name, role)  # type: ignore[arg-type]

    def names(self) -> list[tuple[str, str]]:
        """Every process with its role."""
        return [
            *((f"w0/engine-{k}", "engine") for k in range(self.sample.engines)),
            *((f"w0/subscriber-{k}", "subscriber") for k in range(self.sample.subscribers)),
            ("stand", "stand"),
        ]

    def report(self, second: int, *, skip: tuple[str, ...] = ()) -> list[tuple[Tag, Any]]:
        """Let one second pass and every process report it."""
        phase = self._phase(second)
        if phase == "ramp":
            self._connect(second)
        if phase != "drain":
            self._exchange(second, phase)
        self.now_ns = EPOCH_NS + (second + 1) * NS_PER_S
        returned = []
        for name, role in self.names():
            if name not in skip:
                returned += self.collector.add(name, role, self._interval(name, second))  # type: ignore[arg-type]
        return returned

    def report_finally(self, *, skip: tuple[str, ...] = ()) -> None:
        """Let every process send its final report."""
        second = self.sample.length_s
        for name, role in self.names():
            if name not in skip:
                report = self._interval(name, second, final=True)
                self.collector.add(name, role, report)  # type: ignore[arg-type]

    def finish(self, state: str = "complete") -> RunRecord:
        """Close the books."""
        return self.collector.finish(
            state,  # type: ignore[arg-type]
            locust={"requests": self.sent, "failures": 0},
        )

    def _time_of_day(self) -> dt.datetime:
        return STARTED_AT + dt.timedelta(seconds=(self.now_ns - EPOCH_NS) / NS_PER_S + self.clock_step_s)

    def _description(self) -> RunDescription:
        sample = self.sample
        facts: dict[str, Any] = {
            "run_id": "sample",
            "scenario": "ac_public",
            "started_at": STARTED_AT,
            "epoch_ns": EPOCH_NS,
            "charge_points": sample.charge_points,
            "fleet": [FleetPart(name=name, charge_points=count, cohorts=1) for name, count in sample.classes.items()],
            "settings": {"charge_points": sample.charge_points, "duration_s": float(sample.steady_s), "qos": 1},
            "seed": sample.seed,
            "run_tag": 0xBEEF,
            "versions": {"loadtest": "0.1.0", "python": "3.11.7", "locust": "2.47.0"},
            "host": {"name": "bench-1", "cpus": 8, "memory_bytes": 16 * 2**30, "kernel": "6.8.0"},
            "sut": {
                "gateway": {"kind": "embedded", "processes": 1},
                "broker": {"kind": "mosquitto", "version": "2.0.11"},
            },
            "command": ["loadtest", "run", "ac_public", "--charge-points", str(sample.charge_points), "--seed", "1"],
        }
        return RunDescription(**(facts | sample.description))

    def _phase(self, second: int) -> str:
        if second < self.sample.ramp_s:
            return "ramp"
        return "steady" if second < self.sample.ramp_s + self.sample.steady_s else "drain"

    def _connect(self, second: int) -> None:
        reachable = self.sample.charge_points - self.sample.never_register
        target = reachable * (second + 1) // self.sample.ramp_s
        for number in range(self.connected, target):
            recorder = self._recorder("engine", number % self.sample.engines, number)
            if told := self._told("engine", number % self.sample.engines, number):
                told.registered += 1
            connect_us = int(self.random.lognormal(7.0, 0.3))
            for leg, action, value_us in (
                (CONNECT, "WebSocket", connect_us),
                (REGISTER, "BootNotification", connect_us + 1500),
            ):
                recorder.handle(Tag("ramp", leg, action, INTENDED)).append(value_us)
                recorder.handle(Tag("ramp", leg, action, SERVICE)).append(value_us)
            self._operation(number, "BootNotification", "ramp", late_us=0)
        self.connected = target

    def _exchange(self, second: int, phase: str) -> None:
        sample = self.sample
        if not self.connected:
            return
        messages = sample.rate_per_s * self.connected // sample.charge_points
        actions = self.random.choice(list(SHARES), size=messages, p=list(SHARES.values()))
        stalled = sample.stall_s and sample.stall_from_s <= second < sample.stall_from_s + sample.stall_s
        ends_s = sample.stall_from_s + sample.stall_s
        for position, action in enumerate(actions):
            # While the system stalls nothing can be sent: response time grows, service time knows nothing of it.
            late_us = int((ends_s - second - position / messages) * 1e6) if stalled else 0
            self._operation(int(self.random.integers(self.connected)), str(action), phase, late_us)
        for engine in self.engines:
            lateness_us = self.random.lognormal(np.log(sample.pacer_us), 0.4, size=50).astype(int)
            engine.handle(Tag(phase, PACER, "release", SERVICE)).extend(lateness_us.tolist())

    def _operation(self, number: int, action: str, phase: str, late_us: int) -> None:
        sample = self.sample
        self.sent += 1
        sequence = self.sequences[number]
        self.sequences[number] += 1
        engine = number % sample.engines
        rows = [self.operations[engine].setdefault((phase, action), OperationRow(phase, action))]
        if told := self._told("engine", engine, number):
            rows.append(told.operations.setdefault((phase, action), OperationRow(phase, action)))
        for row in rows:
            row.offered += 1
            row.sent += 1
        uplink_us = int(self.random.lognormal(np.log(sample.uplink_us), 0.35))
        round_trip_us = uplink_us + int(self.random.lognormal(np.log(sample.answer_us), 0.35))
        lost = bool(sample.lost_every) and not self.sent % sample.lost_every
        timed_out = lost or (bool(sample.timed_out_every) and not self.sent % sample.timed_out_every)
        for row in rows:
            row.timed_out += timed_out
            row.answered += not timed_out
        if timed_out:
            round_trip_us = 30_000_000
        recorder = self._recorder("engine", engine, number)
        recorder.handle(Tag(phase, ROUND_TRIP, action, INTENDED)).append(round_trip_us + late_us)
        recorder.handle(Tag(phase, ROUND_TRIP, action, SERVICE)).append(round_trip_us)
        if lost:
            self.lost.append((number, sequence))
        elif sample.subscribers:
            self._deliver(number, sequence, action, phase, uplink_us, late_us)

    def _deliver(self, number: int, sequence: int, action: str, phase: str, uplink_us: int, late_us: int) -> None:
        sample = self.sample
        subscriber = number % sample.subscribers
        rows = [self.deliveries[subscriber].setdefault((phase, action), DeliveryRow(phase, action))]
        if told := self._told("subscriber", subscriber, number):
            rows.append(told.deliveries.setdefault((phase, action), DeliveryRow(phase, action)))
        windows, recorder = self.windows[subscriber], self._recorder("subscriber", subscriber, number)
        windows.observe(number, sequence)
        for row in rows:
            row.delivered += 1
        recorder.handle(Tag(phase, UPLINK, action, INTENDED)).append(uplink_us + late_us)
        recorder.handle(Tag(phase, UPLINK, action, SERVICE)).append(uplink_us)
        if sample.duplicated_every and not self.sent % sample.duplicated_every:
            windows.observe(number, sequence)
            for row in rows:
                row.duplicated += 1
        if sample.reordered_every and not self.sent % sample.reordered_every:
            for row in rows:
                row.reordered += 1

    def _told(self, role: str, process: int, number: int) -> ClassTold | None:
        """What a process tells of the class of a charge point; None: there is only one."""
        name = self.classes.of(number)
        return self.of_class.setdefault((role, process, name), ClassTold()) if name else None

    def _recorder(self, role: str, process: int, number: int) -> Recorder:
        """Where samples of a charge point go."""
        told = self._told(role, process, number)
        if told is not None:
            return told.recorder
        return (self.engines if role == "engine" else self.subscribers)[process]

    def _interval(self, name: str, second: int, *, final: bool = False) -> IntervalReport:
        process, _, position = name.rpartition("/")[2].partition("-")
        k = int(position or 0)
        health = Health(cpu_ns=self.sample.cpu_ns, rss_bytes=(80 + second) * 2**20, loop_lag_max_us=400, gc_pauses=1)
        report = IntervalReport(index=second, final=final, health=health)
        report.classes = {
            of: told.report() for (role, at, of), told in self.of_class.items() if (role, at) == (process, k)
        }
        if process == "engine":
            own = [n for n in range(self.connected) if n % self.sample.engines == k]
            report.series = self.engines[k].take_interval()
            report.counters = Validity(
                checked=second, answers_checked=second, answers_invalid=self.sample.invalid
            ).counters()
            report.operations = [msgspec.structs.replace(row) for row in self.operations[k].values()]
            report.gauges = {
                "connected": 0 if final else len(own),
                "registered": 0 if final else len(own),
                "registered_ever": len(own),
                "transactions": 0 if final else len(own) // 3,
                "offline": len(range(k, self.sample.charge_points, self.sample.engines)) - (0 if final else len(own)),
                "idle": 0 if final else len(own) - len(own) // 3,
                "charging": 0 if final else len(own) // 3,
            }
            if final:
                report.sent = [
                    SentCounts(number, self.sequences[number].to_bytes(4, "little"))
                    for number in range(self.sample.charge_points)
                    if number % self.sample.engines == k
                ]
        elif process == "subscriber":
            report.series = self.subscribers[k].take_interval()
            report.deliveries = [msgspec.structs.replace(row) for row in self.deliveries[k].values()]
            report.counters = {"csms.calls": self.sent - len(self.lost), "csms.answered": self.sent - len(self.lost)}
            report.seen = self.windows[k].export() if final else []
        else:
            taken = self.sent - len(self.lost)
            report.counters = {
                "gateway.upstream_calls": self.sent,
                "gateway.published": taken,
                "gateway.downstream_results": taken,
                "cpu_ns.gateway": second * 450_000_000,
                "cpu_ns.broker": second * 120_000_000,
            }
            report.gauges = {"rss_bytes.gateway": 120 * 2**20, "rss_bytes.broker": 9 * 2**20}
        return report
