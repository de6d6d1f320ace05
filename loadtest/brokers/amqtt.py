"""aMQTT, the broker written in Python that comes with the dependencies: when no other broker is installed."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import TYPE_CHECKING

from loadtest.brokers.process import BrokerProcess, spawn

if TYPE_CHECKING:
    from pathlib import Path

KIND = "amqtt"

SETTINGS = {"sys_interval": "off", "event_log": "off", "packet_log": "off"}
"""What is configured away from the defaults."""


def version() -> str:
    """The installed version."""
    return importlib.metadata.version("amqtt")


async def start(port: int, log_dir: Path) -> BrokerProcess:
    """Start it on a loopback port in a process of its own; its log stays in ``log_dir``."""
    argv = [sys.executable, "-m", "loadtest.brokers.amqtt_child", str(port)]
    return await spawn(KIND, argv, log_dir / "amqtt.log")
