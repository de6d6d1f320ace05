"""The gateway's counters as Prometheus sees them, fetched over HTTP and read with Prometheus' own parser."""

from __future__ import annotations

import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import free_port

from loadtest.errors import EnvironmentNotReady
from loadtest.gateway.counters import GatewayCounters
from loadtest.runner.gateway_metrics import FAMILIES, MetricsEndpoint, members

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESS_LEVEL = ("broker_reconnects", "broker_subscriptions_refused", "dropped_without_broker")
"""Counters the gateway process adds to those of the gateway."""


class Figures:
    def __init__(self) -> None:
        self._counters = GatewayCounters()

    def counters(self) -> dict[str, int]:
        totals = self._counters
        totals.upstream_calls = 7
        totals.closed["idle"] = 3
        totals.refused['not_authorized"\n'] = 2
        totals.tls_handshake_failed["timeout"] = 1
        return totals.report() | {f"gateway.{name}": 5 for name in PROCESS_LEVEL}

    def gauges(self) -> dict[str, int]:
        return {"gateway.connected": 11, "unacknowledged": 1, "loop_lag_max_us.gateway": 2500}


@pytest.fixture
def endpoint_port() -> Iterator[int]:
    port = free_port()
    endpoint = MetricsEndpoint(Figures(), "127.0.0.1", port)
    yield port
    endpoint.stop()


def test_what_is_served_is_what_was_counted(endpoint_port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{endpoint_port}/metrics", timeout=5) as response:
        text = response.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert all(family.documentation for family in families.values())
    assert {family.type for family in families.values()} == {"counter", "gauge"}
    samples = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["loadtest_gateway_frames_received_total", (("type", "call"),)] == 7
    assert samples["loadtest_gateway_connections_closed_total", (("cause", "idle"),)] == 3
    assert samples["loadtest_gateway_handshakes_refused_total", (("reason", 'not_authorized"\n'),)] == 2
    assert samples["loadtest_gateway_broker_reconnects_total", ()] == 5
    assert samples["loadtest_gateway_connections", ()] == 11
    assert samples["loadtest_gateway_event_loop_lag_seconds", ()] == 0.0025


def test_no_counter_is_left_out_and_none_is_told_twice() -> None:
    totals = Figures().counters()
    # Each counter gets a value of its own, so that a sum of all tells whether each is in it once.
    totals = {name: 1 << index for index, name in enumerate(totals)}
    served = [count for family in FAMILIES for _, count in members(family, totals)]
    assert sorted(served) == sorted(totals.values())


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(EnvironmentNotReady, match=f"port {port}"):
            MetricsEndpoint(Figures(), "127.0.0.1", port)
