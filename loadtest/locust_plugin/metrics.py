"""A run in figures for Prometheus, read from the books when they are asked for: :mod:`loadtest.measure.books`.

Names and labels: ``docs/metrics.md``. Labels take few values: phases, legs, OCPP actions, fates, causes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

from loadtest.locust_plugin.class_metrics import class_metrics
from loadtest.measure.connection_states import CONNECTION_STATES
from loadtest.measure.prometheus import (
    Collector,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from loadtest.measure.run_outcome import Result
from loadtest.measure.tags import INTENDED, PACER, SERVICE, Tag
from loadtest.measure.timeline import PARTS
from loadtest.scenario.settings import DIRECT
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from loadtest.measure.books import Books
    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.prometheus import Metric

NAMESPACE = "loadtest_"
BOUNDS_US = (
    *(step * 10**decade for decade in range(2, 7) for step in (1, 2, 5)),
    *(10_000_000, 30_000_000, 60_000_000),
)
"""Upper bounds of the buckets: 100 µs to the top of the histograms' range."""
PERCENTILES = (50, 90, 99, 99.9, 100)
"""Those of the run's record; 100 is the exact maximum."""

_FATES = ("dropped", "answered", "call_error", "timed_out", "cut_off", "link_cut", "unfinished")
_ATTEMPTS = {
    "opened": "connects",
    "refused": "connect_refused",
    "failed": "connect_failed",
    "timed_out": "connect_timed_out",
}
_LINK_EVENTS = {
    "outage": "link_outages",
    "reset": "link_resets",
    "close": "link_closes",
    "half_open": "link_half_open",
    "cut_by_fault": "cut_by_fault",
}
_CAUSES = "engine.connect_failures."
_COUNTS = (
    ("disconnects", "Connections that ended."),
    ("registrations", "BootNotifications accepted."),
    ("mqtt_redirected", "Times brokers sent charge points to other servers."),
)
_GAUGES = (
    ("charge_points_connected", "Charge points with an open connection.", "connected"),
    ("charge_points_registered", "Charge points whose BootNotification was accepted.", "registered"),
    ("transactions", "Transactions under way.", "transactions"),
    ("waiting_transaction_messages", "Transaction messages that wait in charge points.", "backlog"),
)
_SERIES = ("phase", "leg", "action")
_ROW = ("phase", "action")


class RunMetrics(Collector):
    """The figures of whichever run is on, or was the last.

    Args:
        now: Opens its books; ``None`` before the first run.
    """

    def __init__(self, now: Callable[[], Books | None]) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family, with a heading even where there is no figure."""
        yield InfoMetricFamily("loadtest", "The harness.", value={"version": version("loadtest")})
        now = self._now()
        if now is not None:
            yield from _state(now)
            yield from _charge_points(now)
            yield from _operations("operations", "Operations of charge points", now.operations)
            yield from _operations("commands", "Commands of the central system", now.commands)
            yield from _uplink(now)
            yield from _latency(now.samples.items())
            yield from class_metrics(now.classes, _ATTEMPTS, _FATES, PERCENTILES)
            yield from _parts(now)


def _state(now: Books) -> Iterator[Metric]:
    record, run = now.record, now.record.run
    on = record.state == "running"
    facts = {"run_id": run.run_id, "scenario": run.scenario, "seed": str(run.seed)}
    facts["gateway"] = "embedded" if run.sut.get("gateway", {}).get("embedded") else "external"
    if run.paths == {DIRECT}:
        facts["gateway"] = "none"
    facts["broker"] = str(run.sut.get("broker", {}).get("kind", ""))
    yield InfoMetricFamily(NAMESPACE + "run", "What is being run, or was run last.", value=facts)
    yield _gauge("run_active", "1 while the run goes on, its drain included.", int(on))
    elapsed_s = record.end_s if not on else float(now.row.second + 1) if now.row is not None else 0.0
    yield _gauge("run_elapsed_seconds", "Since its beginning.", elapsed_s)
    phase = record.phases[-1].name if on and record.phases else ""
    yield _gauges("phase", "1 for the phase that is on.", "phase", {name: int(name == phase) for name in run.phases})
    broken = {fault.name: int(on and fault.begin_s is not None and fault.back_s is None) for fault in record.faults}
    yield _gauges("fault_active", "1 while something is broken on purpose.", "fault", broken)
    result = record.verdict.result if record.verdict is not None else ""
    verdicts = {name: int(name == result) for name in get_args(Result)}
    yield _gauges("verdict", "1 for the verdict, once there is one.", "result", verdicts)


def _charge_points(now: Books) -> Iterator[Metric]:
    yield _gauge("charge_points", "Charge points there are to be.", now.record.run.charge_points)
    for name, text, gauge in _GAUGES:
        yield _gauge(name, text, now.gauges[gauge])
    states = {state: now.gauges[state] for state in CONNECTION_STATES}
    yield _gauges("charge_points_by_state", "Charge points by the state of their connection.", "state", states)
    counted = {name.removeprefix("engine."): count for name, count in now.counters.items()}
    attempts = {outcome: counted.get(name, 0) for outcome, name in _ATTEMPTS.items()}
    yield _counters("connection_attempts", "Attempts to connect that have ended.", "outcome", attempts)
    causes = {name.removeprefix(_CAUSES): count for name, count in now.counters.items() if name.startswith(_CAUSES)}
    yield _counters("connection_failures", "Attempts to connect that failed.", "cause", causes)
    events = {event: counted.get(name, 0) for event, name in _LINK_EVENTS.items()}
    yield _counters("link_events", "What was done to the links of charge points on purpose.", "event", events)
    for name, text in _COUNTS:
        yield CounterMetricFamily(NAMESPACE + name, text, value=counted.get(name, 0))


def _operations(name: str, who: str, rows: Iterable[OperationRow]) -> Iterator[Metric]:
    offered = CounterMetricFamily(f"{NAMESPACE}{name}_offered", f"{who} that were due.", labels=_ROW)
    sent = CounterMetricFamily(f"{NAMESPACE}{name}_sent", f"{who} that were sent.", labels=_ROW)
    ended = CounterMetricFamily(f"{NAMESPACE}{name}", f"{who} whose fate is known.", labels=(*_ROW, "fate"))
    for row in rows:
        labels = [row.phase, row.action]
        offered.add_metric(labels, row.offered)
        sent.add_metric(labels, row.sent)
        for fate in _FATES:
            ended.add_metric([*labels, fate], getattr(row, fate))
    yield from (offered, sent, ended)


def _uplink(now: Books) -> Iterator[Metric]:
    for name, text in (
        ("delivered", "Messages that have reached a subscriber, each once."),
        ("duplicated", "Further arrivals of such."),
        ("reordered", "Such that came after a later one of the same charge point."),
    ):
        counter = CounterMetricFamily(f"{NAMESPACE}uplink_{name}", text, labels=_ROW)
        for leg in now.legs:
            counter.add_metric([leg.phase, leg.action], getattr(leg, name))
        yield counter
    missing = GaugeMetricFamily(
        NAMESPACE + "uplink_missing_messages",
        "Messages sent that have not arrived: under way or lost; at the end of the run lost, and not by links.",
        labels=_ROW,
    )
    for leg in now.legs:
        missing.add_metric([leg.phase, leg.action], leg.lost)
    yield missing


def _latency(samples: Iterable[tuple[Tag, Histogram]]) -> Iterator[Metric]:
    """As histograms, which can be added up, and as exact percentiles, which cannot."""
    families: dict[str, tuple[Any, Any]] = {
        kind: (
            HistogramMetricFamily(f"{NAMESPACE}{name}_seconds", text, labels=_SERIES),
            GaugeMetricFamily(
                f"{NAMESPACE}{name}_percentile_seconds",
                f"Exact percentiles of the phase so far. {text}",
                labels=(*_SERIES, "percentile"),
            ),
        )
        for kind, name, text in (
            (INTENDED, "response_time", "Latency from the instant an operation was due."),
            (SERVICE, "service_time", "Latency from when it was really sent."),
        )
    }
    lateness = HistogramMetricFamily(
        NAMESPACE + "release_lateness_seconds",
        "The generator's own lateness, from the instant something was due to its release.",
        labels=("phase",),
    )
    for tag, histogram in sorted(samples, key=lambda pair: pair[0]):
        if tag.leg == PACER:
            _add_histogram(lateness, [tag.phase], histogram)
        elif tag.kind in families:
            buckets, percentiles = families[tag.kind]
            labels = [tag.phase, tag.leg, tag.action]
            _add_histogram(buckets, labels, histogram)
            values_us = [*histogram.percentiles(PERCENTILES[:-1]), histogram.max_us]
            for percentile, value_us in zip(PERCENTILES, values_us, strict=True):
                percentiles.add_metric([*labels, f"{percentile:g}"], value_us / US_PER_S)
    for pair in families.values():
        yield from pair
    yield lateness


def _add_histogram(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    counts = histogram.at_or_below(BOUNDS_US)
    buckets = [(f"{bound_us / US_PER_S:g}", float(count)) for bound_us, count in zip(BOUNDS_US, counts, strict=True)]
    family.add_metric(
        labels,
        buckets=[*buckets, ("+Inf", float(histogram.total))],
        sum_value=histogram.mean_us * histogram.total / US_PER_S,
    )


def _parts(now: Books) -> Iterator[Metric]:
    values = {} if now.row is None else {part: getattr(now.row, f"{part}_cpu_percent") / 100 for part in PARTS}
    yield _gauges("part_cpu_cores", "Cores in use; of engines and subscribers by the busiest.", "part", values)
    values = {} if now.row is None else {part: getattr(now.row, f"{part}_rss_bytes") for part in PARTS}
    yield _gauges("part_resident_memory_bytes", "Memory in RAM.", "part", values)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(NAMESPACE + name, text, value=value)


def _gauges(name: str, text: str, label: str, values: dict[str, Any]) -> Metric:
    family = GaugeMetricFamily(NAMESPACE + name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _counters(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(NAMESPACE + name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
