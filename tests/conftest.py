"""Servers for tests: each is started by the test that needs it, on a free port, and stopped with it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from servers import free_port, wait_for_port

from loadtest.brokers.kind import Site
from loadtest.brokers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# The same examples each time, however slow the machine; ``--hypothesis-profile=default`` looks for new ones.
settings.register_profile(
    "repeatable", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture
def mosquitto_url(tmp_path: Path) -> Iterator[str]:
    """A real Mosquitto, configured as runs have it, for one test."""
    if Mosquitto().executable() is None:
        pytest.skip(f"Mosquitto is not installed: {Mosquitto().install_command()}")
    port = free_port()
    launch = Mosquitto().prepare(Site(port=port, log_dir=tmp_path, data_dir=tmp_path, settings=Mosquitto.tuned))
    with (tmp_path / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen(launch.argv, stdout=log, stderr=log)
    try:
        wait_for_port(port)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
