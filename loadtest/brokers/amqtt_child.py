"""The process in which aMQTT runs. The only door to amqtt."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from amqtt.broker import Broker

from loadtest.brokers.ports import LOOPBACK
from loadtest.transport.loop import run

CONFIGURATION = {"plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}}
"""Without the default plugins that log each packet and publish statistics."""


async def serve(port: int) -> None:
    """Serve on a loopback port until SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    listeners = {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}}
    broker = Broker({**CONFIGURATION, "listeners": listeners})
    await broker.start()
    await stopped.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    run(serve(int(sys.argv[1])))
