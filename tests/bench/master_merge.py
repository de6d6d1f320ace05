"""What the master of a large run has to do each second: take, merge and write the reports of hundreds of engines.

The messages are those of a run, byte for byte as they come from the wire; engines and subscribers are made up, the
master's code is not. Figures and what follows from them: ``docs/sizing.md``. Run as a process of its own: it loads
Locust, which changes the standard library.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from locust.rpc import protocol
from locust.stats import RequestStats
from rich.console import Console
from rich.table import Table

from loadtest.locust_plugin import wire
from loadtest.locust_plugin.run_parts import RunParts
from loadtest.measure.collector import Collector
from loadtest.measure.health import resident_bytes
from loadtest.measure.interval import ChargePointWindow, DeliveryRow, Health, IntervalReport, OperationRow, SentCounts
from loadtest.measure.recorder import Recorder
from loadtest.measure.run_description import RunDescription
from loadtest.measure.sequence import NEW
from loadtest.measure.tags import INTENDED, PACER, ROUND_TRIP, SERVICE, UPLINK, Tag
from loadtest.measure.transaction_records import DTYPE, FATE_BITS
from loadtest.protocol.phases import PHASES
from loadtest.scenario.mix import Allotment
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SHARES = {
    "Heartbeat": 0.45,
    "MeterValues": 0.35,
    "StatusNotification": 0.12,
    "StartTransaction": 0.04,
    "StopTransaction": 0.04,
}
OF_TRANSACTIONS = 0.43
"""Share of :data:`SHARES` that belongs to transactions."""
TRANSACTION_MESSAGES = 10
Message: Any = protocol.Message  # Locust declares no types for it
VARIANTS = 8
"""Different reports of one second; engines take turns with them."""
PHASE = "steady"


class Size(NamedTuple):
    """What is simulated; ``per_second`` counts messages of all charge points."""

    engines: int
    subscribers: int
    charge_points: int
    per_second: int
    seconds: int


class Master:
    """The part of Locust's master that takes reports."""

    class _Runner:
        stats = RequestStats()
        environment = SimpleNamespace(parsed_options=SimpleNamespace())

        def send_message(self, *_: object, **__: object) -> None:
            """Nobody is there."""

    def __init__(self, folder: Path, size: Size) -> None:
        run = RunDescription(
            run_id="merge",
            scenario="merge",
            started_at=dt.datetime.now(dt.UTC),
            charge_points=size.charge_points,
        )
        self.now_ns = 0
        self.collector = Collector(folder, run, clock=lambda: self.now_ns)
        runner: Any = self._Runner()
        self._parts = RunParts(runner, self.collector, 1, Allotment(()), lambda _: None, folder)
        self.collector.enter_phase(PHASE, 0)
        for worker in range(size.engines):
            self._ready(f"worker-{worker}/engine-0", wire.ENGINE)
        for number in range(size.subscribers):
            self._ready(f"worker-{number}/subscriber-{number}", wire.SUBSCRIBER)

    def _ready(self, source: str, role: str) -> None:
        self._parts.take(Message(wire.READY, {"source": source, "role": role, "host": ""}, source))

    def take(self, frame: bytes) -> None:
        """What Locust does with a message from a worker, and then we."""
        self._parts.take(Message.unserialize(frame))


def reports(size: Size, second: int, started: Counter[int]) -> Iterator[bytes]:
    """All messages of one second; the last second's are final. ``started`` counts transactions by worker."""
    random = np.random.default_rng(second)
    final = second == size.seconds - 1
    engines = [_engine(size, random, second) for _ in range(VARIANTS)]
    subscribers = [_subscriber(size, random, second) for _ in range(VARIANTS)]
    arrived = [b""] * size.subscribers
    for worker in range(size.engines):
        report = engines[worker % VARIANTS]
        if final:
            share = size.charge_points // size.engines
            counts = np.full(share, _sent_each(size), "<u4").tobytes()
            report = msgspec.structs.replace(report, final=True, sent=[SentCounts(worker * share, counts)])
        sent = sendings(size, worker, second)
        over = sent[sent["message"] == 2]
        started[worker] += int(np.count_nonzero(sent["message"] == 0))
        report = msgspec.structs.replace(
            report,
            transaction_sendings=sent.tobytes(),
            transactions_started=started[worker],
            transactions_stopped=(over["charge_point"].astype("<u8") << 32 | over["transaction"]).tobytes(),
        )
        arrived[worker % size.subscribers] += _keys(sent).tobytes()
        yield _frame(f"worker-{worker}/engine-0", wire.ENGINE, report)
    for number in range(size.subscribers):
        report = msgspec.structs.replace(subscribers[number % VARIANTS], transaction_arrivals=arrived[number])
        if final:
            seen = [
                ChargePointWindow(charge_point, _sent_each(size))
                for charge_point in range(number, size.charge_points, size.subscribers)
            ]
            report = msgspec.structs.replace(report, final=True, seen=seen)
        yield _frame(f"worker-{number}/subscriber-{number}", wire.SUBSCRIBER, report)


def _keys(sent: NDArray[np.void]) -> NDArray[np.uint64]:
    """The same messages as a subscriber tells of them: new, by charge point and sequence number."""
    keys: NDArray[np.uint64] = sent["charge_point"].astype(np.uint64) << np.uint64(24)
    return keys | sent["sequence"].astype(np.uint64) | np.uint64(NEW << FATE_BITS)


def _sent_each(size: Size) -> int:
    return max(1, size.per_second * size.seconds // size.charge_points)


def _engine(size: Size, random: np.random.Generator, second: int) -> IntervalReport:
    recorder = Recorder()
    own = max(1, size.per_second // size.engines)
    rows = []
    for action, share in SHARES.items():
        count = max(1, round(own * share))
        _record(recorder, random, ROUND_TRIP, action, count)
        sent = count * (second + 1)
        rows.append(OperationRow(PHASE, action, offered=sent, sent=sent, answered=sent))
    recorder.handle(Tag(PHASE, PACER, "release", SERVICE)).extend(random.integers(20, 900, own).tolist())
    charge_points = size.charge_points // size.engines
    return IntervalReport(
        index=second,
        series=recorder.take_interval(),
        operations=rows,
        counters={f"engine.{name}": second for name in ("connects", "checked", "answers_checked", "unchecked")},
        gauges=dict.fromkeys(("connected", "registered", "registered_ever", "idle"), charge_points),
        health=Health(cpu_ns=NS_PER_S // 4, rss_bytes=80 << 20),
    )


def _subscriber(size: Size, random: np.random.Generator, second: int) -> IntervalReport:
    recorder = Recorder()
    own = max(1, size.per_second // size.subscribers)
    rows = []
    for action, share in SHARES.items():
        count = max(1, round(own * share))
        _record(recorder, random, UPLINK, action, count)
        rows.append(DeliveryRow(PHASE, action, delivered=count * (second + 1)))
    health = Health(cpu_ns=NS_PER_S // 4, rss_bytes=80 << 20)
    return IntervalReport(index=second, series=recorder.take_interval(), deliveries=rows, health=health)


def sendings(size: Size, worker: int, second: int) -> NDArray[np.void]:
    """Transaction messages of an engine in one second: of so many charge points that each has one transaction."""
    count = max(1, round(size.per_second / size.engines * OF_TRANSACTIONS))
    busy = max(1, count * size.seconds // TRANSACTION_MESSAGES)
    number = np.arange(second * count, (second + 1) * count)
    found = np.zeros(count, DTYPE)
    found["charge_point"] = worker * (size.charge_points // size.engines) + number % busy
    found["sequence"] = number // busy
    found["transaction"] = number // busy // TRANSACTION_MESSAGES
    found["place"] = number // busy % TRANSACTION_MESSAGES
    found["message"] = np.where(found["place"] == 0, 0, np.where(found["place"] == TRANSACTION_MESSAGES - 1, 2, 1))
    found["phase"] = PHASES.index(PHASE)
    return found


def _record(recorder: Recorder, random: np.random.Generator, leg: str, action: str, count: int) -> None:
    for kind in (INTENDED, SERVICE):
        recorder.handle(Tag(PHASE, leg, action, kind)).extend(random.lognormal(7.5, 0.6, count).astype(int).tolist())


def _frame(source: str, role: str, report: IntervalReport) -> bytes:
    data = {"run_tag": 1, "source": source, "role": role, "body": msgspec.msgpack.encode(report)}
    frame: bytes = Message(wire.REPORT, data, source.partition("/")[0]).serialize()
    return frame


def simulate(size: Size) -> Sequence[tuple[str, str]]:
    """Let a run of this size come in; what it took, by name."""
    cpu_ns: list[int] = []
    received: list[int] = []
    started: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(prefix="loadtest-bench-") as folder:
        master = Master(Path(folder), size)
        for second in range(size.seconds):
            frames = list(reports(size, second, started))
            received.append(sum(map(len, frames)))
            master.now_ns = (second + 1) * NS_PER_S
            started_ns = time.process_time_ns()
            for frame in frames:
                master.take(frame)
            cpu_ns.append(time.process_time_ns() - started_ns)
        del frames
        before_bytes = resident_bytes()
        started_ns = time.process_time_ns()
        record = master.collector.finish("complete")
        finish_ns = time.process_time_ns() - started_ns
        after_bytes = resident_bytes()
    assert {health.final for health in record.health} == {True}
    assert record.transactions is not None
    assert record.transactions.lost == record.transactions.duplicated == 0, "what was sent has arrived"
    *ordinary_ns, last_ns = cpu_ns
    *ordinary_bytes, last_bytes = received
    return (
        ("CPU of the master for each second, mean", f"{100 * np.mean(ordinary_ns) / NS_PER_S:.1f} % of a core"),
        ("the same, most", f"{100 * max(ordinary_ns) / NS_PER_S:.1f} % of a core"),
        ("traffic to the master", f"{np.mean(ordinary_bytes) / 1e6:.2f} MB/s"),
        ("final reports: traffic", f"{last_bytes / 1e6:.1f} MB"),
        ("final reports: CPU to take them", f"{last_ns / NS_PER_S:.2f} s"),
        ("settling the books: CPU", f"{finish_ns / NS_PER_S:.2f} s"),
        ("memory before it", f"{before_bytes / 1e6:.0f} MB"),
        ("memory after it", f"{after_bytes / 1e6:.0f} MB"),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--engines", type=int, default=200, help="each on a worker of its own (200)")
    options.add_argument("--subscribers", type=int, default=10, help="subscriber processes (10)")
    options.add_argument("--charge-points", type=int, default=1_000_000, help="the fleet (1,000,000)")
    options.add_argument("--per-second", type=int, default=50_000, help="messages of all charge points (50,000)")
    options.add_argument("--seconds", type=int, default=20, help="length of the run (20)")
    size = Size(**vars(options.parse_args(arguments)))
    title = f"{size.engines:,} engines, {size.charge_points:,} charge points, {size.per_second:,}/s"
    table = Table(title=title, box=None, show_header=False)
    for name, figure in simulate(size):
        table.add_row(name, figure)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
