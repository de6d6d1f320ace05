"""The gateway's counters over HTTP, in Prometheus' text format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from prometheus_client import start_http_server

from loadtest.errors import EnvironmentNotReady
from loadtest.measure.prometheus import (
    Collector,
    CounterMetricFamily,
    GaugeMetricFamily,
    registry_of,
)
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loadtest.measure.prometheus import Metric

NAMESPACE = "loadtest_gateway_"
_OURS = "gateway."


class Counted(Protocol):
    """Who has the figures (:class:`loadtest.runner.gateway_processes.GatewayProcesses`)."""

    def counters(self) -> dict[str, int]:
        """Running totals over all processes."""
        ...

    def gauges(self) -> dict[str, int]:
        """States now."""
        ...


class Family(NamedTuple):
    """Counters of ours that are one metric.

    Attributes:
        name: Without namespace and ``_total``.
        help: What it counts.
        label: The label that tells them apart, empty when there is one only.
        members: Our counters and their label values; a name that ends in ``_`` stands for all that begin so.
    """

    name: str
    help: str
    label: str
    members: dict[str, str]


def _types(direction: str) -> dict[str, str]:
    kinds = (("calls", "call"), ("results", "callresult"), ("errors", "callerror"))
    return {f"{direction}_{counter}": value for counter, value in kinds}


FAMILIES = (
    Family("connections_accepted", "WebSocket connections opened.", "", {"accepted": ""}),
    Family("connections_closed", "Open WebSocket connections that ended.", "cause", {"closed_": ""}),
    Family("takeovers", "Connections that replaced an older one with the same id.", "", {"takeovers": ""}),
    Family("handshakes_refused", "Clients that were not let in.", "reason", {"refused_": ""}),
    Family("handshake_timeouts", "Clients that sent no request in time.", "", {"handshake_timeouts": ""}),
    Family("tls_handshakes_failed", "TLS handshakes that failed.", "cause", {"tls_handshake_failed_": ""}),
    Family("frames_received", "OCPP messages taken from charge points.", "type", _types("upstream")),
    Family("frames_dropped", "Frames of charge points not published.", "reason", {"upstream_dropped_": ""}),
    Family("frames_sent", "OCPP messages passed to charge points.", "type", _types("downstream")),
    Family("envelopes_dropped", "MQTT messages not passed on.", "reason", {"downstream_dropped_": ""}),
    Family("call_errors_sent", "CALLERRORs of the gateway itself.", "", {"call_errors_sent": ""}),
    Family("messages_published", "MQTT messages handed to the client.", "", {"published": ""}),
    Family("messages_unsent", "QoS 0 messages given up without a broker.", "", {"dropped_without_broker": ""}),
    Family("received_bytes", "Read from charge points, all overhead included.", "", {"received_bytes": ""}),
    Family("sent_bytes", "OCPP messages passed to charge points.", "", {"sent_bytes": ""}),
    Family("pings", "WebSocket pings answered.", "", {"pings": ""}),
    Family("reads_paused", "Times a charge point was not read because of the broker.", "", {"paused": ""}),
    Family("strict_queued", "Downstream CALLs that had to wait.", "", {"strict_queued": ""}),
    Family("strict_repeated", "Downstream CALLs sent again.", "", {"strict_repeated": ""}),
    Family("strict_given_up", "Downstream CALLs never answered.", "", {"strict_given_up": ""}),
    Family("broker_reconnects", "Broker connections lost and restored.", "", {"broker_reconnects": ""}),
    Family("broker_subscriptions_refused", "Subscriptions not granted.", "", {"broker_subscriptions_refused": ""}),
)

_GAUGES = (
    ("connections", "Charge points connected now.", "gateway.connected", 1),
    ("unacknowledged_messages", "MQTT messages the broker has not acknowledged.", "unacknowledged", 1),
    ("event_loop_lag_seconds", "Longest lag of an event loop in the last second.", "loop_lag_max_us.gateway", US_PER_S),
)


class _GatewayCollector(Collector):
    """Reads the figures when asked for them."""

    def __init__(self, gateway: Counted) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        totals, states = self._gateway.counters(), self._gateway.gauges()
        for family in FAMILIES:
            labels = [family.label] if family.label else []
            metric = CounterMetricFamily(NAMESPACE + family.name, family.help, labels=labels)
            for value, count in members(family, totals):
                metric.add_metric([value] if labels else [], count)
            yield metric
        for name, text, gauge, scale in _GAUGES:
            yield GaugeMetricFamily(NAMESPACE + name, text, value=states.get(gauge, 0) / scale)


def members(family: Family, totals: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Label value and count of each of our counters in a family."""
    for counter, value in family.members.items():
        name = _OURS + counter
        if not counter.endswith("_"):
            yield value, totals.get(name, 0)
        else:
            yield from ((each.removeprefix(name), count) for each, count in totals.items() if each.startswith(name))


class MetricsEndpoint:
    """Serves ``/metrics`` from a thread of its own until :meth:`stop`.

    Raises:
        EnvironmentNotReady: The port is taken.
    """

    def __init__(self, gateway: Counted, host: str, port: int) -> None:
        try:
            self._server, self._thread = start_http_server(port, host, registry_of(_GatewayCollector(gateway)))
        except OSError as error:
            raise EnvironmentNotReady(
                f"the gateway's metrics cannot be served on {host} port {port}: {error.strerror or error}",
                hint="choose another port",
            ) from error

    def stop(self) -> None:
        """Give the port up; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
