"""A gateway of ours and a broker, where none are given by URL, for the time of a block."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loadtest.brokers.start import start as start_broker
from loadtest.runner.gateway_processes import GatewayRequest, start_gateway
from loadtest.scenario.settings import AUTO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loadtest.control import messages

AS_EMQX = GatewayRequest(broker_url="", qos=2)
"""EMQX's defaults, of which only the QoS is not ours."""


class Ends(NamedTuple):
    """Where charge points and backends connect."""

    gateway: str
    broker: str


@contextlib.asynccontextmanager
async def embedded_gateway(*, broker: str = AUTO, request: GatewayRequest = AS_EMQX) -> AsyncIterator[Ends]:
    """Start our gateway, and the broker unless its URL is given.

    Args:
        broker: ``auto``, a kind of broker or a URL.
        request: What the gateway is to be; its broker is filled in.

    Raises:
        UsageError: There is no such broker, or the request cannot be.
        EnvironmentNotReady: A part could not be started, or the broker not be reached.
    """
    with tempfile.TemporaryDirectory(prefix="loadtest-", ignore_cleanup_errors=True) as folder:
        log_dir = Path(folder)
        running = await start_broker(broker, log_dir)
        try:
            request = dataclasses.replace(request, broker_url=running.facts.url)
            gateway = await start_gateway(request, log_dir, _ignore)
            try:
                yield Ends(gateway.url, running.facts.url)
            finally:
                await gateway.stop()
        finally:
            await running.stop()


def _ignore(_event: messages.Event) -> None:
    """What goes wrong shows in what its clients see."""
