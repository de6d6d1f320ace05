"""The classes of a mixed fleet in figures for Prometheus, all actions together; no figures where there is one class."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from loadtest.measure.histogram import Histogram
from loadtest.measure.prometheus import CounterMetricFamily, GaugeMetricFamily
from loadtest.measure.tags import INTENDED, SERVICE
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from loadtest.measure.open_classes import OpenClass
    from loadtest.measure.prometheus import Metric
    from loadtest.measure.tags import Tag

_PREFIX = "loadtest_class_"
_LABEL = "class"
_ROWS = ("offered", "sent")
_SERIES = ("phase", "leg", "percentile")
_ARRIVALS = ("delivered", "duplicated", "reordered")


def class_metrics(
    classes: Mapping[str, OpenClass],
    attempts: Mapping[str, str],
    fates: Sequence[str],
    percentiles: Sequence[float],
) -> Iterator[Metric]:
    """Every family, with a heading even where there is no figure.

    Args:
        classes: By name.
        attempts: Outcomes of attempts to connect, and what engines count them as.
        fates: Of operations.
        percentiles: Those shown of latencies, the last of which is the maximum.
    """
    yield from _charge_points(classes, attempts)
    yield from _operations(classes, fates)
    yield from _arrivals(classes)
    yield from _latency(classes, percentiles)


def _charge_points(classes: Mapping[str, OpenClass], attempts: Mapping[str, str]) -> Iterator[Metric]:
    planned = _gauge("charge_points", "Charge points of a class there are to be.")
    registered = _gauge("charge_points_registered_ever", "Charge points of a class that have been registered.")
    tried = _counter("connection_attempts", "Attempts of a class to connect that have ended.", "outcome")
    lost = _counter("disconnects", "Connections of a class that ended.")
    for name, part in classes.items():
        planned.add_metric([name], part.charge_points)
        registered.add_metric([name], part.registered)
        lost.add_metric([name], part.counters.get("engine.disconnects", 0))
        for outcome, counter in attempts.items():
            tried.add_metric([name, outcome], part.counters.get(f"engine.{counter}", 0))
    yield from (planned, registered, tried, lost)


def _operations(classes: Mapping[str, OpenClass], fates: Sequence[str]) -> Iterator[Metric]:
    counted = {
        what: _counter(f"operations_{what}", f"Operations of a class that were {what}.", "phase") for what in _ROWS
    }
    ended = _counter("operations", "Operations of a class whose fate is known.", "phase", "fate")
    for name, part in classes.items():
        for phase, rows in _by_phase(part.operations).items():
            for what, counter in counted.items():
                counter.add_metric([name, phase], sum(getattr(row, what) for row in rows))
            for fate in fates:
                ended.add_metric([name, phase, fate], sum(getattr(row, fate) for row in rows))
    yield from (*counted.values(), ended)


def _arrivals(classes: Mapping[str, OpenClass]) -> Iterator[Metric]:
    counted = {what: _counter(f"uplink_{what}", f"Messages of a class: {what}.", "phase") for what in _ARRIVALS}
    missing = _gauge("uplink_missing_messages", "Messages of a class: under way or lost, at the end lost.", "phase")
    for name, part in classes.items():
        for phase, rows in _by_phase(part.legs).items():
            for what, counter in counted.items():
                counter.add_metric([name, phase], sum(getattr(row, what) for row in rows))
            missing.add_metric([name, phase], sum(row.lost for row in rows))
    yield from (*counted.values(), missing)


def _latency(classes: Mapping[str, OpenClass], percentiles: Sequence[float]) -> Iterator[Metric]:
    families = {
        INTENDED: _gauge("response_time_percentile_seconds", "Of a class, from when it was due.", *_SERIES),
        SERVICE: _gauge("service_time_percentile_seconds", "Of a class, from when it was sent.", *_SERIES),
    }
    for name, part in classes.items():
        for (phase, leg, kind), histogram in _all_actions(part.samples).items():
            values_us = [*histogram.percentiles(percentiles[:-1]), histogram.max_us]
            for percentile, value_us in zip(percentiles, values_us, strict=True):
                families[kind].add_metric([name, phase, leg, f"{percentile:g}"], value_us / US_PER_S)
    yield from families.values()


def _all_actions(samples: Mapping[Tag, Histogram]) -> dict[tuple[str, str, str], Histogram]:
    merged: dict[tuple[str, str, str], Histogram] = defaultdict(Histogram)
    for tag, histogram in samples.items():
        merged[tag.phase, tag.leg, tag.kind].merge(histogram)
    return merged


def _by_phase(rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.phase].append(row)
    return found


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, labels=[_LABEL, *labels])


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, labels=[_LABEL, *labels])
