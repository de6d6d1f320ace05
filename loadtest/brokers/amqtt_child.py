"""The process in which aMQTT runs. The only door to amqtt."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqtt.broker import Broker

from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATION = {"plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}}
"""Without the default plugins that log each packet and publish statistics."""


async def serve(*, address: str, port: int, max_connections: int = 0, **settings: int) -> None:
    """Serve until SIGTERM.

    Args:
        address: To listen on.
        port: To listen on.
        max_connections: Most clients at a time; 0: any number.
        settings: Others of amqtt's own, by its names.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    listener = {"type": "tcp", "bind": f"{address}:{port}", "max_connections": max_connections}
    broker = Broker({**CONFIGURATION, **settings, "listeners": {"default": listener}})
    await broker.start()
    await stopped.wait()
    await broker.shutdown()


def _settings(path: Path) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = json.loads(path.read_text())
    return settings


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    run(serve(**_settings(Path(sys.argv[1]))))
