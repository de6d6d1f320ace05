"""The door to ``prometheus_client``: counters of ours in Prometheus' text format. No metrics of the library's own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

__all__ = [
    "Collector",
    "CounterMetricFamily",
    "GaugeMetricFamily",
    "HistogramMetricFamily",
    "InfoMetricFamily",
    "Metric",
    "make_wsgi_app",
    "registry_of",
    "start_http_server",
]


def registry_of(collector: Collector) -> CollectorRegistry:
    """A registry that asks one collector, each time the figures are fetched and never before."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
