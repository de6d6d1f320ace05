"""Figures in Prometheus' text format: the door to ``prometheus_client``. Serving them is for whoever has a server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, make_wsgi_app
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
]


def registry_of(collector: Collector) -> CollectorRegistry:
    """A registry that asks one collector, each time the figures are fetched and never before."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
