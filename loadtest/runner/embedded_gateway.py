"""A gateway of ours and a broker, where none are given by URL, for the time of a block."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loadtest.brokers import choose
from loadtest.runner.gateway_processes import GatewayRequest, start_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loadtest.control import messages

EMQX_QOS = 2


class Ends(NamedTuple):
    """Where charge points and backends connect."""

    gateway: str
    broker: str


@contextlib.asynccontextmanager
async def embedded_gateway(*, broker: str = choose.AUTO, idle_timeout_s: float = 30.0) -> AsyncIterator[Ends]:
    """Start our gateway as EMQX has it by default, QoS 2 included, and the broker unless its URL is given.

    Raises:
        UsageError: There is no such broker.
        EnvironmentNotReady: A part could not be started, or the broker not be reached.
    """
    with tempfile.TemporaryDirectory(prefix="loadtest-", ignore_cleanup_errors=True) as folder:
        log_dir = Path(folder)
        running = await choose.start(broker, log_dir)
        try:
            request = GatewayRequest(broker_url=running.facts.url, qos=EMQX_QOS, idle_timeout_s=idle_timeout_s)
            gateway = await start_gateway(request, log_dir, _ignore)
            try:
                yield Ends(gateway.url, running.facts.url)
            finally:
                await gateway.stop()
        finally:
            await running.stop()


def _ignore(_event: messages.Event) -> None:
    """What goes wrong shows in what its clients see."""
